//! What understand keeps of a customer and of an open conversation: one cache line each.

use crate::collections::blocks::Blocks;
use crate::types::decision::Attempt;
use crate::types::event::Event;
use crate::types::{AttemptOutcome, ChannelId, ConversationId, DivisionId, Millis};
use borsh::{BorshDeserialize, BorshSerialize};

use super::threads::Threads;

/// No conversation, agent or list.
pub const NONE: u32 = u32::MAX;

/// Attempts that lie in the customer's record itself: most customers keep no more.
const FEW: usize = 2;

/// A customer's record. The id is not in it: identify says it with each event.
///
/// | bytes | field |
/// |---|---|
/// | 32 | attempts, or the block that they lie in |
/// | 8 + 8 | lifetime value, language |
/// | 4 + 4 + 4 | last agent, first open conversation, conversations opened |
/// | 2 + 1 + 1 | tier, what the profile tells, number of attempts |
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(align(64))]
pub struct Customer {
    attempts: Attempts,
    /// From the profile, if `LIFETIME_VALUE` is told.
    lifetime_value: i64,
    /// From the profile: keyed hash; 0: unknown.
    pub lang_key: u64,
    /// Number of the name in the shard's names.
    pub last_agent: u32,
    /// First open conversation.
    pub conversations: u32,
    /// Conversations ever opened under the customer's id.
    pub opened: u32,
    /// From the profile, if `TIER` is told: place in `Rules::tiers`, `u16::MAX` for one that the rules do not name.
    tier: u16,
    /// What the profile tells: the bits below.
    told: u8,
    /// Attempts kept.
    count: u8,
}

const _: () = assert!(size_of::<Customer>() == 64);

const TIER: u8 = 1;
const LIFETIME_VALUE: u8 = 2;
const BLOCKED_OR_NOT: u8 = 4;
const BLOCKED: u8 = 8;
const PREFERS: u8 = 16;

/// Where a customer's attempts lie, oldest first.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
enum Attempts {
    Few([KeptAttempt; FEW]),
    /// A block of the shard.
    Many(u32),
}

impl Default for Customer {
    fn default() -> Self {
        Customer {
            attempts: Attempts::Few([KeptAttempt::default(); FEW]),
            lifetime_value: 0,
            lang_key: 0,
            last_agent: NONE,
            conversations: NONE,
            opened: 0,
            tier: 0,
            told: 0,
            count: 0,
        }
    }
}

impl Customer {
    /// Each field that the event names overwrites.
    pub fn update(&mut self, event: &Event) {
        self.set_tier(event.tier.or(self.tier()));
        self.set_lifetime_value(event.lifetime_value.or(self.lifetime_value()));
        self.set_blocked(event.blocked.or(self.blocked()));
        if event.lang_key != 0 {
            self.lang_key = event.lang_key;
        }
    }

    /// What this profile lacks is filled from `other`.
    pub fn fill_gaps(&mut self, other: &Customer) {
        self.set_tier(self.tier().or(other.tier()));
        self.set_lifetime_value(self.lifetime_value().or(other.lifetime_value()));
        self.set_blocked(self.blocked().or(other.blocked()));
        if self.lang_key == 0 {
            self.lang_key = other.lang_key;
        }
    }

    /// From the profile: place in `Rules::tiers`, `u16::MAX` for one that the rules do not name.
    #[inline]
    pub fn tier(&self) -> Option<u16> {
        (self.told & TIER != 0).then_some(self.tier)
    }

    /// From the profile.
    #[inline]
    pub fn lifetime_value(&self) -> Option<i64> {
        (self.told & LIFETIME_VALUE != 0).then_some(self.lifetime_value)
    }

    /// Whether the profile prefers an agent: the shard knows whom.
    #[inline]
    pub fn prefers(&self) -> bool {
        self.told & PREFERS != 0
    }

    /// The profile prefers an agent from now on.
    pub fn set_prefers(&mut self) {
        self.told |= PREFERS;
    }

    /// From the profile.
    #[inline]
    pub fn blocked(&self) -> Option<bool> {
        (self.told & BLOCKED_OR_NOT != 0).then_some(self.told & BLOCKED != 0)
    }

    fn set_tier(&mut self, tier: Option<u16>) {
        if let Some(tier) = tier {
            (self.tier, self.told) = (tier, self.told | TIER);
        }
    }

    fn set_lifetime_value(&mut self, value: Option<i64>) {
        if let Some(value) = value {
            (self.lifetime_value, self.told) = (value, self.told | LIFETIME_VALUE);
        }
    }

    fn set_blocked(&mut self, blocked: Option<bool>) {
        if let Some(blocked) = blocked {
            self.told = self.told & !BLOCKED | BLOCKED_OR_NOT | if blocked { BLOCKED } else { 0 };
        }
    }

    /// The attempts, oldest first. `blocks` are the shard's.
    #[inline]
    pub fn attempts<'a>(&'a self, blocks: &'a Blocks<KeptAttempt>) -> &'a [KeptAttempt] {
        let attempts = match &self.attempts {
            Attempts::Few(few) => few,
            Attempts::Many(block) => blocks.get(*block),
        };
        &attempts[..usize::from(self.count)]
    }

    /// The attempts to change.
    #[inline]
    pub fn attempts_mut<'a>(&'a mut self, blocks: &'a mut Blocks<KeptAttempt>) -> &'a mut [KeptAttempt] {
        let attempts = match &mut self.attempts {
            Attempts::Few(few) => few,
            Attempts::Many(block) => blocks.get_mut(*block),
        };
        &mut attempts[..usize::from(self.count)]
    }

    /// Asks for the attempts, if they lie elsewhere.
    #[inline]
    pub fn prefetch_attempts(&self, blocks: &Blocks<KeptAttempt>) {
        if let Attempts::Many(block) = self.attempts {
            blocks.prefetch(block);
        }
    }

    /// Appends an attempt; the oldest leaves when `kept` are there. A block holds `kept`.
    #[inline]
    pub fn add_attempt(&mut self, attempt: KeptAttempt, kept: usize, blocks: &mut Blocks<KeptAttempt>) {
        let count = usize::from(self.count);
        if count >= kept {
            let attempts = self.attempts_mut(blocks);
            attempts.copy_within(1.., 0);
            attempts[count - 1] = attempt;
            return;
        }
        if let Attempts::Few(few) = self.attempts
            && count == FEW
        {
            let block = blocks.take();
            blocks.get_mut(block)[..FEW].copy_from_slice(&few);
            self.attempts = Attempts::Many(block);
        }
        self.count += 1;
        self.attempts_mut(blocks)[count] = attempt;
    }

    /// Drops attempts older than `since`; order is kept.
    #[inline]
    pub fn forget_attempts(&mut self, since: Millis, blocks: &mut Blocks<KeptAttempt>) {
        if self.attempts(blocks).iter().all(|attempt| attempt.at >= since) {
            return;
        }
        let attempts = self.attempts_mut(blocks);
        let mut kept = 0;
        for place in 0..attempts.len() {
            if attempts[place].at >= since {
                attempts[kept] = attempts[place];
                kept += 1;
            }
        }
        self.set_count(kept, blocks);
    }

    /// Channels have other numbers; attempts on one that is gone are forgotten, and those that are too many.
    pub fn carry_attempts(
        &mut self,
        to: impl Fn(ChannelId) -> Option<ChannelId>,
        kept: usize,
        blocks: &mut Blocks<KeptAttempt>,
    ) {
        let attempts = self.attempts_mut(blocks);
        let mut left = 0;
        for place in 0..attempts.len() {
            if let Some(channel) = to(attempts[place].channel) {
                attempts[left] = KeptAttempt { channel, ..attempts[place] };
                left += 1;
            }
        }
        let too_many = left.saturating_sub(kept);
        attempts.copy_within(too_many..left, 0);
        self.set_count(left - too_many, blocks);
    }

    /// Tiers have other places.
    pub fn carry_tier(&mut self, to: impl Fn(u16) -> Option<u16>) {
        if let Some(tier) = self.tier().filter(|tier| *tier != u16::MAX) {
            self.tier = to(tier).unwrap_or(u16::MAX);
        }
    }

    /// The profile prefers nobody from now on.
    pub fn prefer_nobody(&mut self) {
        self.told &= !PREFERS;
    }

    /// So many attempts are left, the first ones.
    fn set_count(&mut self, kept: usize, blocks: &mut Blocks<KeptAttempt>) {
        self.count = kept as u8;
        if let Attempts::Many(block) = self.attempts
            && kept <= FEW
        {
            let mut few = [KeptAttempt::default(); FEW];
            few[..kept].copy_from_slice(&blocks.get(block)[..kept]);
            self.attempts = Attempts::Few(few);
            blocks.give_back(block);
        }
    }

    /// Forgets all attempts.
    pub fn clear_attempts(&mut self, blocks: &mut Blocks<KeptAttempt>) {
        if let Attempts::Many(block) = self.attempts {
            blocks.give_back(block);
        }
        self.attempts = Attempts::Few([KeptAttempt::default(); FEW]);
        self.count = 0;
    }
}

/// A contact that is kept: 16 bytes.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct KeptAttempt {
    /// `arrived`.
    pub at: Millis,
    /// The open conversation it belongs to, else `NONE`.
    pub conversation: u32,
    /// Its channel.
    pub channel: ChannelId,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

const _: () = assert!(size_of::<KeptAttempt>() == 16);

impl Default for KeptAttempt {
    fn default() -> Self {
        KeptAttempt {
            at: Millis(0),
            conversation: NONE,
            channel: ChannelId(0),
            outcome: AttemptOutcome::Open,
        }
    }
}

impl KeptAttempt {
    /// Whether it counts among the failed ones.
    #[inline]
    pub fn failed(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Open | AttemptOutcome::Abandoned)
    }

    /// What an assignment's context tells of it.
    #[inline]
    pub fn told(&self) -> Attempt {
        Attempt { at: self.at, channel: self.channel, outcome: self.outcome }
    }
}

/// An open conversation: one cache line.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(align(64))]
pub struct Conversation {
    /// Its first thread; 0: none.
    pub thread: u128,
    /// Its id.
    pub id: ConversationId,
    /// Clock of the last event that named, found or joined it.
    pub last: Millis,
    /// `arrived` of the contact that opened it.
    pub first_contact: Millis,
    /// Local index of its customer.
    pub customer: u32,
    /// Next of the same customer.
    pub next: u32,
    /// Further threads, a list in the shard's: a message may join by continuity and bring its own.
    pub more_threads: u32,
    /// Its division, which never changes.
    pub division: DivisionId,
    /// Channel of the latest contact.
    pub channel: ChannelId,
    /// The bits below.
    pub(super) marks: u8,
}

const _: () = assert!(size_of::<Conversation>() == 64);

const CALLS_BACK: u8 = 1;
const STANDS_FOR: u8 = 2;
const TAKEN: u8 = 4;
const SCHEDULED: u8 = 8;

impl Default for Conversation {
    fn default() -> Self {
        Conversation {
            thread: 0,
            id: ConversationId::NONE,
            last: Millis(0),
            first_contact: Millis(0),
            customer: NONE,
            next: NONE,
            more_threads: NONE,
            division: DivisionId(0),
            channel: ChannelId(0),
            marks: 0,
        }
    }
}

impl Conversation {
    /// A contact has come by this channel: if it was a callback, it is none any more. `taken`: its division may give it to
    /// an agent without asking.
    #[inline]
    pub fn note_contact(&mut self, channel: ChannelId, clock: Millis, taken: bool) {
        (self.channel, self.last) = (channel, clock);
        self.marks = self.marks & !(CALLS_BACK | SCHEDULED) | if taken { TAKEN } else { 0 };
    }

    /// Whether it is, or may be, a callback that is still to come: then `Latest::due` counts.
    #[inline]
    pub fn calls_back(&self) -> bool {
        self.marks & CALLS_BACK != 0
    }

    /// It is, or may be, a callback from now on, or is none.
    pub fn set_calls_back(&mut self, calls_back: bool) {
        self.marks = self.marks & !CALLS_BACK | if calls_back { CALLS_BACK } else { 0 };
    }

    /// Whether an agent may have had it: somebody has accepted it or was ordered to, or a queue of the division accepts
    /// by itself.
    pub fn taken(&self) -> bool {
        self.marks & TAKEN != 0
    }

    /// An agent may have it.
    pub fn set_taken(&mut self) {
        self.marks |= TAKEN;
    }

    /// Whether it is a callback that nobody can have.
    pub fn scheduled(&self) -> bool {
        self.marks & SCHEDULED != 0
    }

    /// It is, or may be, a callback from now on; nobody can have it if it is `scheduled`.
    pub fn set_scheduled(&mut self, scheduled: bool) {
        self.marks = self.marks & !SCHEDULED | if scheduled { SCHEDULED } else { 0 };
    }

    /// Whether others have become part of it: then `Latest::stands_for` tells which.
    #[inline]
    pub fn stands_for(&self) -> bool {
        self.marks & STANDS_FOR != 0
    }

    /// Others have become part of it.
    pub fn set_stands_for(&mut self) {
        self.marks |= STANDS_FOR;
    }

    /// Whether the thread is one of its own; a thread of 0 is nobody's. `threads` are the shard's.
    #[inline]
    pub fn has_thread(&self, thread: u128, threads: &Threads) -> bool {
        thread != 0
            && (self.thread == thread
                || self.more_threads != NONE && threads.iter(self.more_threads).any(|more| more == thread))
    }

    /// Adds a thread to its set.
    #[inline]
    pub fn add_thread(&mut self, thread: u128, threads: &mut Threads) {
        if thread == 0 || self.has_thread(thread, threads) {
        } else if self.thread == 0 {
            self.thread = thread;
        } else {
            self.more_threads = threads.add(self.more_threads, thread);
        }
    }
}
