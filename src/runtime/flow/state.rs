//! The states as bytes and back, while nothing is under way.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::batch::{States, Tools, UNLOCKED};
use super::{Flow, Meter, Shared};
use crate::pipeline::change::Stages;
use crate::rules::Rules;

impl<M: Meter> Flow<M> {
    /// Goes by these rules, as if from the first event on; what is known is forgotten.
    ///
    /// # Panics
    /// If a batch is under way.
    pub fn begin_anew(&mut self, rules: &Arc<Rules>) {
        assert_eq!(self.under_way(), 0, "an engine begins anew between batches");
        let meters = self.end().into_iter().map(|meter| meter.expect("a thread at rest ends in peace"));
        let meters = meters.collect();
        let (parts, room) = (self.shared.states.understand.len(), self.room());
        let states = States::new(rules, &self.key, parts);
        self.shared = Arc::new(Shared::new(states, room, self.threads.spin));
        self.tools = Tools::new(rules, &self.key, &self.tenant);
        self.rules = rules.clone();
        self.begin(meters);
    }
}

impl<M> Flow<M> {
    /// Writes what the engine knows: the same for any number of threads, for the same batches.
    ///
    /// # Errors
    /// If `to` fails.
    ///
    /// # Panics
    /// If a batch is under way.
    pub fn save(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.with_stages(|stages| stages.save(to))
    }

    /// Puts what was saved under the same rules in the place of what the engine knows.
    ///
    /// # Errors
    /// If `from` fails, or does not hold what it should.
    ///
    /// # Panics
    /// If a batch is under way.
    pub fn restore(&mut self, from: &mut impl Read) -> io::Result<()> {
        self.with_stages(|stages| stages.restore(from))
    }

    fn with_stages<R>(&mut self, with: impl FnOnce(&mut Stages<'_>) -> R) -> R {
        assert_eq!(self.shared.desk().plan.under_way(), 0, "states are looked at between batches");
        let states = &self.shared.states;
        let mut sequencer = states.sequencer.lock().expect(UNLOCKED);
        let mut understand: Vec<_> = states.understand.iter().map(|p| p.lock().expect(UNLOCKED)).collect();
        let mut divisions: Vec<_> = states.divisions.iter().map(|d| d.lock().expect(UNLOCKED)).collect();
        with(&mut Stages {
            sequencer: &mut sequencer,
            understand: understand.iter_mut().map(|part| &mut **part).collect(),
            divisions: divisions.iter_mut().map(|division| &mut **division).collect(),
        })
    }
}
