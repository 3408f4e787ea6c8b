//! What only some conversations have: agents to wait for, an opening, steps of relaxation, queues left, a
//! callback, work to be put back or given back. It lies apart from the conversation's record; one bit a conversation says
//! whether it is held back from anybody.

use crate::collections::bits::Bits;
use crate::collections::pages::Pages;
use crate::types::{Affinity, Millis, QueueId};
use borsh::{BorshDeserialize, BorshSerialize};

use super::conversation::{Conversation, NONE};
use super::timers::TimerKind;

/// A time in which a conversation waits for one agent.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Window {
    /// Whom.
    pub agent: u32,
    /// Why.
    pub affinity: Affinity,
    /// The first instant at which it no longer does.
    pub until: Millis,
}

/// One conversation's, in two cache lines.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(align(64))]
pub struct Extra {
    /// Whom it waits for, one after the other.
    pub windows: [Option<Window>; 2],
    /// Windows whose end has been told.
    told: u8,
    /// Whether it has had the one reply that a conversation gets.
    pub acknowledged: bool,
    /// The agent has been given the weight back.
    pub released: bool,
    /// Offers missed since it entered the queue.
    pub missed: u32,
    /// Nobody may take it before; `Millis::MIN`: no such time.
    pub opening: Millis,
    /// By kind of deadline, in the order of `SLOTS`; `Millis::MAX`: none.
    deadlines: [Millis; SLOTS.len()],
    /// Queues that it has left since its customer put it into one: it overflowed, or the business took it out.
    pub left: Vec<QueueId>,
}

const _: () = assert!(size_of::<Extra>() == 128);

/// Kinds of deadlines that lie here, in the order in which they fire; windows of affinity apart.
const SLOTS: [TimerKind; 6] = [
    TimerKind::Relaxation,
    TimerKind::Reclaim,
    TimerKind::Release,
    TimerKind::Step,
    TimerKind::Opening,
    TimerKind::MaxWait,
];

impl Extra {
    fn clear(&mut self) {
        let mut left = std::mem::take(&mut self.left);
        left.clear();
        *self = Extra { left, ..Extra::new() };
    }

    fn new() -> Extra {
        Extra {
            windows: [None; 2],
            told: 0,
            acknowledged: false,
            released: false,
            missed: 0,
            opening: Millis::MIN,
            deadlines: [Millis::MAX; SLOTS.len()],
            left: Vec::new(),
        }
    }

    /// The window that holds at an instant, whatever its agent does.
    pub fn window(&self, at: Millis) -> Option<Window> {
        self.windows.iter().flatten().find(|window| at < window.until).copied()
    }

    /// The end of the next window, and which.
    fn next_window(&self) -> Option<(Millis, usize)> {
        let next =
            self.windows.iter().enumerate().skip(usize::from(self.told)).find(|(_, window)| window.is_some());
        next.and_then(|(place, window)| window.map(|window| (window.until, place)))
    }

    fn earliest(&self) -> Millis {
        let windows = self.next_window().map_or(Millis::MAX, |(until, _)| until);
        self.deadlines.iter().copied().min().unwrap_or(Millis::MAX).min(windows)
    }

    /// What is due at an instant, the first kind of several, with its number.
    pub fn first_at(&self, at: Millis) -> Option<(TimerKind, u64)> {
        let due = |kind: &&TimerKind| self.deadlines[slot(**kind)] <= at;
        let kept = SLOTS.iter().find(due).map(|kind| (*kind, 0));
        let window = self.next_window().filter(|(until, _)| *until <= at);
        let window = window.map(|(_, place)| (TimerKind::Affinity, place as u64));
        kept.into_iter().chain(window).min()
    }
}

fn slot(kind: TimerKind) -> usize {
    SLOTS.iter().position(|slot| *slot == kind).expect("a kind that lies here")
}

/// All conversations'.
#[derive(Default, Debug, BorshSerialize, BorshDeserialize)]
pub struct Extras {
    records: Pages<Extra>,
    free: Vec<u32>,
    /// By slot: it waits for an agent or an opening.
    held_back: Bits,
    /// By agent: slots of conversations with a window for it.
    waiting_for: Vec<Vec<u32>>,
}

impl Extras {
    /// A conversation's, if it has any.
    #[inline]
    pub fn of(&self, conversation: &Conversation) -> Option<&Extra> {
        self.records.get(conversation.extra)
    }

    /// Asks for a conversation's ahead of its use.
    #[inline]
    pub fn prefetch(&self, conversation: &Conversation) {
        self.records.prefetch(conversation.extra);
    }

    /// A conversation's, new ones if need be.
    pub fn of_mut(&mut self, conversation: &mut Conversation) -> &mut Extra {
        if conversation.extra == NONE {
            conversation.extra = self.free.pop().unwrap_or_else(|| self.records.push(Extra::new()));
        }
        &mut self.records[conversation.extra]
    }

    /// Sets when something of a kind is due; `Millis::MAX`: never. A conversation without anything gets nothing for that.
    pub fn arm(&mut self, conversation: &mut Conversation, kind: TimerKind, at: Millis) {
        if conversation.extra == NONE && at == Millis::MAX {
            return;
        }
        let extra = self.of_mut(conversation);
        extra.deadlines[slot(kind)] = at;
        conversation.extra_ends = extra.earliest();
    }

    /// When something of a kind is due; `Millis::MAX`: never.
    pub fn armed(&self, conversation: &Conversation, kind: TimerKind) -> Millis {
        self.of(conversation).map_or(Millis::MAX, |extra| extra.deadlines[slot(kind)])
    }

    /// Whether a conversation may wait for an agent or an opening.
    #[inline]
    pub fn holds_back(&self, slot: u32) -> bool {
        self.held_back.get(slot)
    }

    /// Waits for these agents, instead of those before.
    pub fn wait_for(&mut self, slot: u32, conversation: &mut Conversation, windows: [Option<Window>; 2]) {
        self.forget_windows(slot, conversation);
        if windows[0].is_none() {
            return;
        }
        let extra = self.of_mut(conversation);
        extra.windows = windows;
        conversation.extra_ends = extra.earliest();
        self.held_back.set(slot);
        for window in windows.iter().flatten() {
            let agent = window.agent as usize;
            self.waiting_for.resize_with(self.waiting_for.len().max(agent + 1), Vec::new);
            self.waiting_for[agent].push(slot);
        }
    }

    /// Waits for an opening.
    pub fn wait_until(&mut self, slot: u32, conversation: &mut Conversation, opening: Millis) {
        self.of_mut(conversation).opening = opening;
        self.arm(conversation, TimerKind::Opening, opening);
        self.held_back.set(slot);
    }

    /// The end of a window has been told.
    pub fn tell_window(&mut self, conversation: &mut Conversation) {
        let extra = &mut self.records[conversation.extra];
        extra.told += 1;
        conversation.extra_ends = extra.earliest();
    }

    /// Conversations with a window for an agent.
    pub fn waiting_for(&self, agent: u32) -> &[u32] {
        self.waiting_for.get(agent as usize).map_or(&[], Vec::as_slice)
    }

    /// A queue is entered: agents, opening, steps and bounds of the one before count no longer.
    pub fn begin(&mut self, slot: u32, conversation: &mut Conversation, keeps_path: bool) {
        if conversation.extra == NONE {
            return;
        }
        self.forget_windows(slot, conversation);
        self.held_back.clear(slot);
        let extra = &mut self.records[conversation.extra];
        extra.missed = 0;
        extra.opening = Millis::MIN;
        extra.deadlines = [Millis::MAX; SLOTS.len()];
        if !keeps_path {
            extra.left.clear();
        }
        conversation.extra_ends = Millis::MAX;
    }

    /// Two conversations, in these slots, change what they have.
    pub fn swap(&mut self, slots: [u32; 2], one: &mut Conversation, other: &mut Conversation) {
        let [first, second] = slots;
        for (conversation, from, to) in [(&*one, first, second), (&*other, second, first)] {
            let windows = self.of(conversation).map(|extra| extra.windows).unwrap_or_default();
            for window in windows.into_iter().flatten() {
                let list = &mut self.waiting_for[window.agent as usize];
                let place = list.iter().position(|slot| *slot == from);
                list[place.expect("a window is in its agent's list")] = to;
            }
        }
        let held_back = slots.map(|slot| self.held_back.get(slot));
        for (slot, is_held_back) in [(second, held_back[0]), (first, held_back[1])] {
            if is_held_back {
                self.held_back.set(slot);
            } else {
                self.held_back.clear(slot);
            }
        }
        std::mem::swap(&mut one.extra, &mut other.extra);
        std::mem::swap(&mut one.extra_ends, &mut other.extra_ends);
    }

    /// Forgets all of a conversation.
    pub fn forget(&mut self, slot: u32, conversation: &mut Conversation) {
        if conversation.extra == NONE {
            return;
        }
        self.begin(slot, conversation, false);
        self.records[conversation.extra].clear();
        self.free.push(std::mem::replace(&mut conversation.extra, NONE));
    }

    fn forget_windows(&mut self, slot: u32, conversation: &mut Conversation) {
        if conversation.extra == NONE {
            return;
        }
        let extra = &mut self.records[conversation.extra];
        for window in std::mem::take(&mut extra.windows).into_iter().flatten() {
            let list = &mut self.waiting_for[window.agent as usize];
            let place =
                list.iter().position(|other| *other == slot).expect("a window is in its agent's list");
            list.swap_remove(place);
        }
        extra.told = 0;
        conversation.extra_ends = extra.earliest();
    }
}
