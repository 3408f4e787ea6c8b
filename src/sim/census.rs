//! What the world knows of itself: who waits where, who works, and how busy the staff was. Kept up to date with
//! every change, so that a reading costs nothing.

use crate::sim::cast::Medium;

/// Staff of one pool.
#[derive(Clone, Debug, Default)]
pub struct Staff {
    /// Budget of those who are at work, and of those away as much as they still hold.
    pub budget: i64,
    /// Weight that they hold: offers, conversations, wrap-ups.
    pub used: i64,
    /// `budget` integrated over time, in weight-milliseconds.
    pub budget_ms: i64,
    /// `used` integrated over time.
    pub used_ms: i64,
    since: u32,
}

impl Staff {
    /// Changes both sums at a time (milliseconds since the world began).
    pub fn change(&mut self, at: u32, budget: i64, used: i64) {
        self.settle(at);
        self.budget += budget;
        self.used += used;
    }

    /// Carries the integrals on to a time.
    pub fn settle(&mut self, at: u32) {
        let span = i64::from(at.saturating_sub(self.since));
        self.budget_ms += self.budget * span;
        self.used_ms += self.used * span;
        self.since = self.since.max(at);
    }
}

/// Counts.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// By pool.
    pub staff: Vec<Staff>,
    /// New cases that came by each medium (returns apart), and the time that agents held any of it.
    pub handling: [(u64, u64); Medium::COUNT],
    /// Conversations waiting, by `QueueId`.
    pub waiting: Vec<u32>,
    /// Agents by state: offline, available, away, not responding.
    pub agents: [u32; 4],
    /// Lines written, whatever they hold.
    pub lines: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Contacts meant (duplicates and rejects apart).
    pub contacts: u64,
    /// Answers to offers.
    pub answers: u64,
    /// Conversations that have become part of another one.
    pub folded: u64,
    /// Answers to offers that the engine had already withdrawn as far as the agent could know.
    pub late_answers: u64,
    /// Repeated lines.
    pub duplicates: u64,
    /// Lines that decode has to refuse.
    pub rejects: u64,
    /// Events dated back.
    pub late: u64,
    /// Conversations opened.
    pub opened: u64,
    /// Offers and automatic assignments.
    pub offered: u64,
    /// Decisions about conversations that the world does not know; a sign that log and engine disagree.
    pub strangers: u64,
}

impl Census {
    /// Used weight a thousand of the budget, over all pools, since the world began.
    pub fn occupancy_per_mille(&self) -> i64 {
        let (used, budget) = self.work();
        used * 1_000 / budget.max(1)
    }

    /// Weight-milliseconds used, and those there were.
    pub fn work(&self) -> (i64, i64) {
        self.staff
            .iter()
            .fold((0, 0), |(used, budget), staff| (used + staff.used_ms, budget + staff.budget_ms))
    }
}
