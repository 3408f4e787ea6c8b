//! The invariants of the semantics by full scan: for tests, after each entry.

use super::Model;
use super::division::{Division, Moment, State};
use crate::types::tally::ObjectiveTally;
use crate::types::{Cause, ChannelId, Tally, TraceParent};

impl Model {
    /// Checks every invariant that a state can show.
    ///
    /// # Panics
    /// If one does not hold: that is a bug.
    pub fn audit(&self) {
        self.identity.audit(&self.rules.identity, !self.rules_changed);
        self.understand.audit(&self.identity);
        self.audit_tally();
        for division in &self.divisions {
            audit_possession(division);
            for (alias, held) in &division.aliases {
                assert!(division.conversations.contains_key(held), "{alias} stands for what is closed");
                assert!(!division.conversations.contains_key(alias), "{alias} stands for another one");
            }
            self.audit_matching(division);
            for id in division.conversations.keys() {
                let open = self.understand.is_open(*id, self.clock.time(), &self.rules.conversation);
                assert_eq!(open, Some(division.id), "{id} is held but not open");
            }
        }
        self.audit_objectives();
    }

    /// Invariant 3: nobody may take anything that waits.
    fn audit_matching(&self, division: &Division) {
        let mut tally = Tally::new(self.rules.queues.len());
        let mut outputs = Vec::new();
        let moment = Moment {
            rules: &self.rules,
            identity: &self.identity,
            clock: self.clock.time(),
            now: self.now,
            cause: Cause::Timer,
            traceparent: TraceParent::NONE,
            tally: &mut tally,
            outputs: &mut outputs,
            reasons: None,
        };
        let missed = division.missed_matches(&moment);
        assert!(missed.is_empty(), "may be taken, but waits: {missed:?}");
    }

    /// Invariant 7: nothing is lost on the way.
    fn audit_tally(&self) {
        let tally = &self.tally;
        let rejected: u64 = tally.rejected.iter().sum();
        assert_eq!(tally.events, tally.accepted + tally.duplicates + rejected, "events");
        assert!(tally.accepted >= tally.ignored.iter().sum(), "ignored");
        assert_eq!(tally.customers, self.identity.founded() as u64, "customers");
    }

    /// Invariant 8: each cycle is met, breached or cancelled once, or still runs.
    fn audit_objectives(&self) {
        let mut counted = self.tally.objectives.clone();
        for conversation in self.divisions.iter().flat_map(|division| division.conversations.values()) {
            for (objective, cycle) in conversation.cycles.iter().filter(|(_, cycle)| !cycle.breached) {
                counted[cycle.queue.at()][*objective as usize].cancelled += 1;
            }
        }
        for ObjectiveTally { started, met, breached, cancelled } in counted.into_iter().flatten() {
            assert_eq!(started, met + breached + cancelled, "cycles");
        }
    }
}

/// Invariants 1, 2 and 5: what conversations and agents say of each other is the same.
fn audit_possession(division: &Division) {
    let mut with_agents = 0;
    for (id, conversation) in &division.conversations {
        assert_eq!(division.waiting.contains(id), conversation.state == State::Queued, "{id} waits");
        let scheduled = matches!(conversation.state, State::Scheduled { .. });
        assert!(!scheduled || conversation.cycles.is_empty(), "{id}: a clock of a callback runs");
        if let Some(name) = conversation.state.agent() {
            let channel: Option<ChannelId> = division.agents[name].holding.get(id).map(|hold| hold.channel);
            assert_eq!(channel, Some(conversation.channel), "{id} is not with {name} by its channel");
            with_agents += 1;
        }
    }
    let held: usize = division.agents.values().map(|agent| agent.holding.len()).sum();
    assert_eq!(held, with_agents, "an agent has what is not its own");
    assert!(division.waiting.iter().all(|id| division.conversations.contains_key(id)), "what waits is there");
    for agent in division.agents.values() {
        let gone = agent.wrap_ups.keys().all(|id| !division.conversations.contains_key(id));
        assert!(gone, "wrap-up of what is not closed");
    }
}
