//! The note that a process leaves when its engine panics, so that the next one knows: a file beside the snapshots, written by
//! the panic hook, because a panic ends the process at once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::runtime::in_hand::{Held, InHand};

/// Where the note lies.
#[derive(Clone, Debug)]
pub struct Note(PathBuf);

impl Note {
    /// Of this tenant, in this directory.
    pub fn new(directory: &Path, tenant: &str) -> Note {
        Note(directory.join(format!("{tenant}.panic")))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the last process left; a note that cannot be read is none.
    pub fn read(&self) -> Option<Held> {
        serde_json::from_slice(&std::fs::read(&self.0).ok()?).ok()
    }

    /// Removes it.
    ///
    /// # Errors
    /// If it is there and stays.
    pub fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// From now on a panic leaves a note of what is in hand then; only the first of a process does.
    pub fn leave_at_panics(&self, in_hand: InHand) {
        let (note, left) = (self.clone(), AtomicBool::new(false));
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            hook(info);
            if !left.swap(true, Ordering::SeqCst) {
                let text = serde_json::to_vec(&in_hand.panicked(note.read().as_ref())).unwrap_or_default();
                // A process that is about to end has nobody to tell that it could not.
                let _ = std::fs::write(&note.0, text);
            }
        }));
    }
}
