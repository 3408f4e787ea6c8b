//! `[snapshots]` of the configuration.

use super::failure::Failure;
use crate::io::panics::Note;
use crate::io::snapshots::Directory;
use crate::rules::keys::HashKey;
use crate::runtime::snapshot;
use crate::types::DurationMs;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// `by`.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The leader.
    Leader,
    /// A standby.
    Standby,
    /// A standby, the leader without one.
    #[default]
    Any,
}

/// `[snapshots]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshots {
    /// Where they lie; empty: none is taken.
    pub directory: PathBuf,
    /// Seconds between two; 0: only at a clean stop.
    pub interval_s: u32,
    /// Who takes them.
    pub by: By,
    /// How many are kept.
    pub generations: u32,
}

impl Default for Snapshots {
    fn default() -> Snapshots {
        Snapshots {
            directory: "snapshots".into(),
            interval_s: 30,
            by: By::default(),
            generations: snapshot::GENERATIONS as u32,
        }
    }
}

impl Snapshots {
    /// Makes the directory relative to the configuration's folder.
    pub fn settle(&mut self, folder: &Path) {
        if !self.directory.as_os_str().is_empty() {
            self.directory = folder.join(&self.directory);
        }
    }

    /// Everything that is wrong with the values.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.interval_s > 86_400 {
            complaints.push("snapshots.interval_s: up to 86,400; 0 for only at a clean stop".to_owned());
        }
        if !(1..=1_000).contains(&self.generations) {
            complaints.push("snapshots.generations: 1 to 1,000".to_owned());
        }
        complaints
    }

    /// Where a panic of a tenant's engine is noted, if there is a directory.
    pub fn note(&self, tenant: &str) -> Option<Note> {
        (!self.directory.as_os_str().is_empty()).then(|| Note::new(&self.directory, tenant))
    }

    /// The door, if there is one.
    ///
    /// # Errors
    /// Exit code 3 if the directory cannot be made.
    pub fn door(&self, key: &HashKey) -> Result<Option<snapshot::Snapshots>, Failure> {
        if self.directory.as_os_str().is_empty() {
            return Ok(None);
        }
        let directory = Directory::new(&self.directory).map_err(|error| {
            Failure::configuration(format!(
                "snapshots.directory: {} cannot be made: {error}. Name another one, or \"\" for none",
                self.directory.display()
            ))
        })?;
        Ok(Some(snapshot::Snapshots {
            files: Arc::new(Mutex::new(directory)),
            every: DurationMs::seconds(i64::from(self.interval_s)),
            by: match self.by {
                By::Leader => snapshot::By::Leader,
                By::Standby => snapshot::By::Standby,
                By::Any => snapshot::By::Any,
            },
            generations: self.generations as usize,
            key: key.fingerprint(),
        }))
    }
}
