//! The floor as it stands: what waits and who is there. Counted on request, for whoever watches; no decision reads it.

/// Counts of one instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Floor {
    /// Conversations that wait, by queue (index: `QueueId`).
    pub waiting: Vec<u64>,
    /// Agents by division (index: `DivisionId`), then by presence (index: that of `PRESENCES`).
    pub agents: Vec<[u64; 4]>,
}

/// The words for an agent's presence.
pub const PRESENCES: [&str; 4] = ["offline", "away", "available", "not_responding"];

impl Floor {
    /// Nothing and nobody, with places for so many queues and divisions.
    pub fn clear(&mut self, queues: usize, divisions: usize) {
        self.waiting.clear();
        self.waiting.resize(queues, 0);
        self.agents.clear();
        self.agents.resize(divisions, [0; 4]);
    }
}
