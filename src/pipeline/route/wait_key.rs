//! The order of what waits.

use borsh::{BorshDeserialize, BorshSerialize};
use std::cmp::Ordering;

use crate::types::{ChannelId, ConversationId, Millis};

/// Order within a heap: highest static key, then earliest arrived, then id.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct WaitKey {
    /// Priority minus slope·t, wrapping.
    pub key: i64,
    /// When it arrived.
    pub arrived: Millis,
    /// Since when it is in the queue: whoever has a delay there asks this of many, and not their records.
    pub queued: Millis,
    /// Which it is.
    pub id: ConversationId,
}

impl Ord for WaitKey {
    fn cmp(&self, other: &Self) -> Ordering {
        // Higher priority first. The difference of two true priorities fits, whatever the keys wrapped around.
        0.cmp(&self.key.wrapping_sub(other.key))
            .then(self.arrived.cmp(&other.arrived))
            .then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for WaitKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn lt(&self, other: &Self) -> bool {
        let ahead = self.key.wrapping_sub(other.key);
        if ahead != 0 {
            return ahead > 0;
        }
        if self.arrived != other.arrived {
            return self.arrived < other.arrived;
        }
        self.id < other.id
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        !other.lt(self)
    }

    #[inline]
    fn gt(&self, other: &Self) -> bool {
        other.lt(self)
    }

    #[inline]
    fn ge(&self, other: &Self) -> bool {
        !self.lt(other)
    }
}

impl PartialEq for WaitKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for WaitKey {}

/// The first of a class: its key, and what whoever looks for work asks before anything else.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct FrontKey {
    /// Its key.
    pub key: WaitKey,
    /// Its slot.
    pub slot: u32,
    /// The class's channel.
    pub channel: ChannelId,
}

impl Ord for FrontKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for FrontKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn lt(&self, other: &Self) -> bool {
        self.key < other.key
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        self.key <= other.key
    }

    #[inline]
    fn gt(&self, other: &Self) -> bool {
        self.key > other.key
    }

    #[inline]
    fn ge(&self, other: &Self) -> bool {
        self.key >= other.key
    }
}

impl PartialEq for FrontKey {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for FrontKey {}
