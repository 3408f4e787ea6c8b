//! What passes between the world and an engine: lines one way, and back what people hear of the engine's decisions.

use crate::sim::directory::NOBODY;
use crate::sim::lines::Sent;
use crate::sim::profile::BEGIN;
use crate::types::decision::{Body, Decision, DecisionBatch};
use crate::types::{
    AcceptMode, Cause, ChannelId, CloseOutcome, ConversationId, Millis, QueueId, WithdrawReason,
};

/// Batches that may be on their way at once: one that the engine works at, one that waits for it.
pub const UNDER_WAY_MAX: usize = 2;

/// Lines of a log, to be applied in order; then also what became of them.
#[derive(Default)]
pub struct Batch {
    /// The lines, each followed by a line feed, then room.
    pub(super) room: Vec<u8>,
    /// Where each ends, without its line feed.
    pub ends: Vec<u32>,
    /// Number of the first line in the log, from 0.
    pub first_offset: u64,
    /// What people hear of the decisions about these lines.
    pub news: Vec<News>,
    /// What the world remembers of each line.
    pub(super) sent: Vec<Sent>,
    /// When the slot began that the lines belong to.
    pub(super) begins: u32,
}

/// What the world reacts to. It writes on while the engine works: batches are submitted ahead, up to
/// `UNDER_WAY_MAX` of them, and come back in their order.
pub trait Engine {
    /// Takes over lines to be applied, each an entry whose clock is its own `time`.
    fn submit(&mut self, batch: Batch);

    /// Gives the oldest batch back, applied, with its news.
    fn collect(&mut self) -> Batch;
}

/// What people hear of one decision.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct News {
    /// Which conversation.
    pub conversation: ConversationId,
    /// When it was decided, in milliseconds since the world began.
    pub at: u32,
    /// What was decided.
    pub what: What,
}

/// The decisions that people hear of.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It begins with a line of the batch.
    Opened {
        /// Place of the line; `NOBODY`: no line's doing.
        line: u32,
        /// Where it waits.
        queue: QueueId,
        /// How it came.
        channel: ChannelId,
    },
    /// An agent gets it.
    Offered {
        /// Number of the agent; `NOBODY`: not one of this world.
        agent: u32,
        /// Until when there has to be an answer; `NOBODY`: none is asked for.
        expires: u32,
        /// From where.
        queue: QueueId,
        /// By which channel.
        channel: ChannelId,
    },
    /// The agent loses it.
    Withdrawn(WithdrawReason),
    /// It goes on by this channel.
    Pivoted(ChannelId),
    /// It has become part of another one.
    Folded {
        /// Of which.
        into: ConversationId,
        /// By which channel that goes on.
        channel: ChannelId,
    },
    /// It is over.
    Closed(CloseOutcome),
}

// A line of news is less than a cache line: it may come from another core.
const _: () = assert!(size_of::<News>() <= 40);

impl Batch {
    /// All lines, each followed by a line feed.
    pub fn bytes(&self) -> &[u8] {
        &self.room[..self.ends.last().map_or(0, |end| *end as usize + 1)]
    }

    /// Each line with its number, without line feeds.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut start = 0;
        self.ends.iter().enumerate().map(move |(place, end)| {
            let line = &self.room[start..*end as usize];
            start = *end as usize + 1;
            (self.first_offset + place as u64, line)
        })
    }

    /// Notes what people hear of the decisions about these lines.
    pub fn hear<'a>(&mut self, decisions: impl Iterator<Item = &'a DecisionBatch>) {
        self.news.clear();
        for batch in decisions {
            let heard = batch.decisions.iter().filter_map(|decision| {
                let what = what(batch, decision, self.first_offset)?;
                Some(News { conversation: decision.conversation, at: since_begin(decision.time), what })
            });
            self.news.extend(heard);
        }
    }

    /// Forgets the lines and the news, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.sent.clear();
        self.news.clear();
    }
}

fn what(batch: &DecisionBatch, decision: &Decision, first_offset: u64) -> Option<What> {
    let Decision { queue, channel, .. } = *decision;
    Some(match &decision.body {
        Body::Opened { .. } => {
            let line = match decision.cause {
                Cause::Event(position) => position.offset.wrapping_sub(first_offset),
                _ => u64::from(NOBODY),
            };
            What::Opened { line: u32::try_from(line).unwrap_or(NOBODY), queue, channel }
        }
        Body::Offered(offered) => {
            let expires = match (offered.accept, offered.expires) {
                (AcceptMode::Offer, Some(expires)) => since_begin(expires),
                _ => NOBODY,
            };
            let agent = agent_of(batch.bytes_of(offered.agent)).unwrap_or(NOBODY);
            What::Offered { agent, expires, queue, channel }
        }
        Body::Withdrawn { reason, .. } => What::Withdrawn(*reason),
        Body::Pivoted { .. } => What::Pivoted(channel),
        Body::Closed(closed) => What::Closed(closed.outcome),
        Body::Folded { into, channel, .. } => What::Folded { into: *into, channel: *channel },
        Body::Warning { .. } | Body::Breached { .. } | Body::Replied(_) => return None,
    })
}

/// The number of an agent from his name: `a` and digits.
fn agent_of(name: &[u8]) -> Option<u32> {
    let digits = name.strip_prefix(b"a").filter(|digits| !digits.is_empty() && digits.len() <= 7)?;
    let mut number = 0;
    for digit in digits {
        number = number * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some(number)
}

fn since_begin(at: Millis) -> u32 {
    (at.0 - BEGIN.0).clamp(0, i64::from(u32::MAX) - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_by_name() {
        assert_eq!([agent_of(b"a000017"), agent_of(b"a1000000")], [Some(17), Some(1_000_000)]);
        assert!(
            [&b"a"[..], b"17", b"a00x017", b"a00000017", b""]
                .into_iter()
                .all(|name| agent_of(name).is_none())
        );
    }
}
