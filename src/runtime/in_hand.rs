//! What the engine has in hand, for whoever has to say at what it panicked. The leader writes it down before it hands records
//! to the engine; a panic hook reads it.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What is in hand, and how often the engine panicked at it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The newest epoch begun.
    pub epoch: u64,
    /// Records of the epochs begun and not finished.
    pub records: u64,
    /// If it is one: `topic[partition]@offset`.
    pub place: Option<String>,
    /// Whether the epoch was recorded before, and is carried out again.
    pub replayed: bool,
    /// Panics at it.
    pub times: u32,
}

/// A place that leader and hook share; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct InHand(Arc<Mutex<Held>>);

impl InHand {
    /// Records of an epoch go into the engine; `place`: the only one in hand.
    pub fn begin(&self, epoch: u64, records: u64, place: Option<String>, replayed: bool) {
        let held = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Held { epoch, records: held.records + records, place, replayed, times: 0 };
    }

    /// All that was begun is finished.
    pub fn finish(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).records = 0;
    }

    /// What is in hand after one more panic; `before`: what was noted at the last one.
    pub fn panicked(&self, before: Option<&Held>) -> Held {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The second time records come one by one, so that the epoch that panics has other records than the first one.
        let again = before.is_some_and(|before| held.replayed == before.replayed);
        held.times = 1 + before.filter(|_| again).map_or(0, |before| before.times);
        held
    }
}
