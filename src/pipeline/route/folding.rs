//! Conversations become one because their customers have. What this division has closed takes no part; of the others the
//! oldest stays and takes up what the others bring: place in line, clocks, history, and an agent, if it has none.

use crate::types::decision::Body;
use crate::types::operation::{Action, Contact, Operation, Operations};
use crate::types::{ChannelId, Millis, Objective, QueueId, WithdrawReason};

use super::conversation::{Context, Conversation, State, UNSET};
use super::operations::Parting;
use super::queueing::{Entry, hash_of};
use super::timers::{Handle, TimerKind};
use super::{Division, NONE};

impl Division {
    /// What a merge asks, before the event that caused it.
    pub(super) fn merged(&mut self, operation: &Operation, operations: &Operations) {
        match operation.action {
            Action::Folded(at) => self.folded(operation, operations, at),
            Action::OneCallback => self.keep_one_callback(operation.customer),
            _ => {
                if let Some(slot) = self.book.find(operation.conversation, self.guess) {
                    self.rename_callback(slot, operation.customer);
                }
            }
        }
    }

    /// Folds what is held of an operation's conversations, the oldest first. If that is not the one by which understand
    /// knows them from now on, it answers to that id, too.
    fn folded(&mut self, operation: &Operation, operations: &Operations, at: u32) {
        let fold = &operations.folds[at as usize];
        let contact = &operations.contacts[fold.contact as usize];
        let mut oldest = None;
        for (id, last) in &operations.members[fold.members.range()] {
            let Some(slot) = self.book.find(*id, NONE) else { continue };
            oldest = match oldest {
                Some((kept, id, kept_last)) if self.book[kept].id == id => {
                    self.fold_into([kept, slot], *last > kept_last, contact, operations);
                    Some((kept, id, kept_last.max(*last)))
                }
                _ => Some((slot, self.book[slot].id, *last)),
            };
        }
        let Some((kept, id, _)) = oldest.filter(|(kept, id, _)| self.book[*kept].id == *id) else { return };
        if id != operation.conversation {
            self.book.add_alias(operation.conversation, kept);
        }
        let conversation = &mut self.book[kept];
        let is_callback = conversation.state == State::Scheduled;
        conversation.last = if is_callback { fold.last.max(conversation.turn) } else { fold.last };
        self.rearm(kept);
    }

    /// The second of a pair becomes part of the first.
    fn fold_into(
        &mut self,
        pair: [u32; 2],
        second_is_later: bool,
        contact: &Contact,
        operations: &Operations,
    ) {
        let [kept, folded] = pair;
        let queue = self.book[pair[usize::from(second_is_later)]].queue;
        let keeps = self.whose_agent_stays(pair, queue);
        let accepted = keeps != NONE && matches!(self.book[keeps].state, State::Active | State::Held);
        let scheduled = pair.iter().all(|slot| self.book[*slot].state == State::Scheduled);
        let due = self.book[kept].turn.min(self.book[folded].turn);
        let place = if accepted { keeps } else { self.longest_in_line(pair, queue) };
        for slot in pair {
            if slot != keeps && self.book[slot].agent != NONE {
                self.withdraw(slot, WithdrawReason::Superseded);
                self.part(slot, Parting::Free);
            }
            self.cease_to_wait(slot);
            self.cancel_callback(slot);
        }
        if keeps != NONE {
            self.take_again(keeps);
        }
        let from = self.book[if keeps == NONE { kept } else { keeps }].channel;
        let other = self.fold_clocks(pair, accepted, keeps);
        self.fold_record(pair, second_is_later, place == folded, other);
        self.keep_history(kept, contact, operations);
        if keeps == folded {
            self.take_over(kept, folded);
        }
        self.forget_folded(kept, folded);
        if keeps != NONE {
            self.go_on_with_agent(kept, from, (keeps == kept, accepted));
        } else if scheduled {
            let conversation = &mut self.book[kept];
            (conversation.state, conversation.turn) = (State::Scheduled, due);
            self.callbacks.insert(hash_of(conversation.customer), kept);
        } else if place != NONE {
            self.wait(kept);
        } else {
            self.enter_queue(kept, Entry::Ordinary);
        }
    }

    /// Of a pair, the one whose agent keeps what becomes of both, or `NONE`: who has accepted goes before who has only
    /// been offered, and an offer counts only in the queue in which both go on.
    fn whose_agent_stays(&self, pair: [u32; 2], queue: QueueId) -> u32 {
        let accepted = |slot: &u32| matches!(self.book[*slot].state, State::Active | State::Held);
        let offered =
            |slot: &u32| self.book[*slot].state == State::Offered && self.book[*slot].queue == queue;
        let found = pair.into_iter().find(accepted).or_else(|| pair.into_iter().find(offered));
        found.unwrap_or(NONE)
    }

    /// Of a pair, the one that has been in a queue for longer, or `NONE`.
    fn longest_in_line(&self, pair: [u32; 2], queue: QueueId) -> u32 {
        let in_line = |slot: &u32| {
            let conversation = &self.book[*slot];
            matches!(conversation.state, State::Queued | State::Offered) && conversation.queue == queue
        };
        pair.into_iter().filter(in_line).min_by_key(|slot| self.book[*slot].queued).unwrap_or(NONE)
    }

    /// The clocks of a pair become the first one's. With an agent who has accepted one of them nobody waits in a queue any
    /// more. Gives what else the second has.
    fn fold_clocks(&mut self, pair: [u32; 2], accepted: bool, keeps: u32) -> Conversation {
        let (clock, targets, tally) = (self.clock, &self.targets, &mut self.objectives);
        let held_pause = accepted && self.book[keeps].held_pause;
        let customer_pause = pair.iter().all(|slot| self.book[*slot].customer_pause);
        for slot in pair {
            let conversation = &mut self.book[slot];
            (conversation.held_pause, conversation.customer_pause) = (held_pause, customer_pause);
            conversation.settle_resolution(clock, targets);
            if accepted {
                conversation.cancel(Objective::QueueWait, tally);
            }
        }
        let mut other = self.book[pair[1]].clone();
        for objective in Objective::ALL {
            self.book[pair[0]].fold_clock(&mut other, *objective, clock, targets, tally);
        }
        other
    }

    /// What is known of a pair becomes what is known of the first; `takes_place`: it takes the second one's place in the
    /// queue.
    fn fold_record(
        &mut self,
        [kept, folded]: [u32; 2],
        second_is_later: bool,
        takes_place: bool,
        mut other: Conversation,
    ) {
        let mut place = 0;
        while let Some((agent, until)) = self.exclusions.of(&other).get(place).copied() {
            self.exclusions.add(kept, &mut self.book[kept], agent, until);
            place += 1;
        }
        let extras = &mut self.extras;
        let conversation = &mut self.book[kept];
        let acknowledged =
            [&*conversation, &other].iter().any(|c| extras.of(c).is_some_and(|extra| extra.acknowledged));
        if takes_place {
            conversation.queued = other.queued;
            extras.swap([kept, folded], conversation, &mut other);
        }
        if acknowledged {
            extras.of_mut(conversation).acknowledged = true;
        }
        conversation.take_up(&other, second_is_later);
        extras.forget(folded, &mut other);
        self.exclusions.forget(folded, &mut other);
    }

    /// The agent who has the second of a pair, or its offer, has the first instead.
    fn take_over(&mut self, kept: u32, folded: u32) {
        let Conversation { agent, state, turn, .. } = self.book[folded];
        let conversation = &mut self.book[kept];
        (conversation.agent, conversation.state, conversation.turn) = (agent, state, turn);
        let holds = &mut self.staff.agents[agent as usize].holds;
        let held = holds.iter_mut().find(|held| **held == folded);
        *held.expect("an agent's list holds what it was given") = kept;
    }

    /// Tells what has become of it, and forgets it.
    fn forget_folded(&mut self, kept: u32, folded: u32) {
        let Conversation { id: into, agent, channel, .. } = self.book[kept];
        let agent = (agent != NONE).then(|| self.batch.text(self.staff.names.get(agent)));
        self.decide(folded, Body::Folded { into, agent, channel });
        self.attempts.give_back(self.book[folded].context.attempts);
        self.takeable.retain(|other| *other != folded);
        self.wheel.disarm(Handle::conversation(folded));
        self.book.leave(folded);
    }

    /// What an agent has, or was offered, is of another channel now, perhaps: the load moves with it, whatever the
    /// capacity.
    fn go_on_with_agent(&mut self, slot: u32, from: ChannelId, (own, accepted): (bool, bool)) {
        let Conversation { agent, channel, .. } = self.book[slot];
        if accepted {
            self.extras.arm(&mut self.book[slot], TimerKind::MaxWait, Millis::MAX);
        }
        if channel != from {
            self.staff.unload(agent, from);
            self.staff.load(agent, channel);
            if own {
                let name = self.batch.text(self.staff.names.get(agent));
                self.decide(slot, Body::Pivoted { agent: name, from });
            }
            if accepted {
                self.arm_reclaim(slot);
            }
        }
        self.free(agent);
    }
}

impl Conversation {
    /// What is known of another one becomes part of what is known of this one; whichever had an event later says what
    /// the customer wants now.
    fn take_up(&mut self, other: &Conversation, other_is_later: bool) {
        let first_contact = self.context.first_contact.min(other.context.first_contact);
        if other_is_later {
            self.queue = other.queue;
            self.channel = other.channel;
            self.context = Context { attempts: self.context.attempts, ..other.context.clone() };
        }
        self.context.first_contact = first_contact;
        if self.replied == other.replied {
            self.arrived = self.arrived.min(other.arrived);
        } else if self.replied {
            (self.arrived, self.replied) = (other.arrived, false);
        }
        self.contacts += other.contacts;
        self.transfers += other.transfers;
        self.offers += other.offers;
        self.breached |= other.breached;
        self.answered |= other.answered;
        if self.wait == UNSET {
            self.wait = other.wait;
        }
        if self.first_response == UNSET {
            self.first_response = other.first_response;
        }
    }
}
