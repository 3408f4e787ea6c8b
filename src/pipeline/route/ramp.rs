//! A bound on how many offers an agent gets in a minute.

use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::VecDeque;

use crate::types::{DurationMs, Millis};

/// Offers are counted over this time.
const RAMP: DurationMs = DurationMs::seconds(60);

/// The offers of a division's agents, if it bounds them.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Ramp {
    /// Most of a minute; `None`: no bound.
    most: Option<usize>,
    /// By agent.
    offers: Vec<Offers>,
}

/// What an agent has been offered of late.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
struct Offers {
    /// In the last minute, oldest first.
    latest: VecDeque<Millis>,
    /// When some left that list, if the agent has not been asked since.
    forgotten: Option<Millis>,
}

impl Ramp {
    /// At most so many offers of any 60 s; `None`: no bound.
    pub fn new(most: Option<u32>) -> Ramp {
        Ramp { most: most.map(|most| most as usize), offers: Vec::new() }
    }

    /// The same offers under another bound; where there was none, none have been counted.
    pub fn carried(self, most: Option<u32>) -> Ramp {
        let offers = if self.most.is_some() && most.is_some() { self.offers } else { Vec::new() };
        Ramp { most: most.map(|most| most as usize), offers }
    }

    /// Counts an offer, if there is a bound; says whether there is.
    pub fn count(&mut self, number: u32, clock: Millis) -> bool {
        if self.most.is_none() {
            return false;
        }
        let agents = self.offers.len().max(number as usize + 1);
        self.offers.resize_with(agents, Offers::default);
        self.offers[number as usize].latest.push_back(clock);
        true
    }

    /// When the next offer of an agent no longer counts.
    pub fn ends(&self, number: u32) -> Option<Millis> {
        let offers = self.offers.get(number as usize)?;
        offers.latest.front().map(|oldest| oldest.plus(RAMP))
    }

    /// Forgets the offers that no longer count; the agent is to be asked what it takes.
    pub fn forget(&mut self, number: u32, clock: Millis) {
        let offers = &mut self.offers[number as usize];
        while offers.latest.front().is_some_and(|oldest| oldest.plus(RAMP) <= clock) {
            offers.latest.pop_front();
        }
        offers.forgotten = Some(clock);
    }

    /// When offers of an agent were forgotten, if it has not been asked since.
    pub fn forgotten(&self, number: u32) -> Option<Millis> {
        self.offers.get(number as usize)?.forgotten
    }

    /// The agent is asked.
    pub fn ask(&mut self, number: u32) {
        self.offers[number as usize].forgotten = None;
    }

    /// Whether an agent may get one more offer this minute.
    pub fn admits(&self, number: u32) -> bool {
        let Some(most) = self.most else { return true };
        self.offers.get(number as usize).is_none_or(|offers| offers.latest.len() < most)
    }
}
