//! When customers have become one: of their open conversations in one division those without a thread become one, too,
//! if they were active within `continuity`. What only route knows (who has which, what has expired there) is for route
//! to say; so each fold names all that may take part, and the ids of those folded mean the oldest from then on.

use crate::types::event::List;
use crate::types::operation::{Action, Contact, Fold, Operation, Operations};
use crate::types::{ConversationId, CustomerId, DivisionId, DurationMs, Millis};

use super::customer::NONE;
use super::latest::Latest;
use super::shard::Shard;
use super::{Place, Texts};

/// A conversation that may become one with others, in the order of those: of one division, of which kind (open, or set
/// aside for a callback and perhaps not), the oldest first.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Candidate {
    division: DivisionId,
    maybe: bool,
    opened: Millis,
    id: ConversationId,
    slot: u32,
}

impl Shard {
    /// After a merge: folds what belongs together of the customer who stays, in every division.
    pub(super) fn fold(
        &mut self,
        place: Place,
        local: u32,
        (id, kinds): (CustomerId, u16),
        candidates: &mut Vec<Candidate>,
        texts: &Texts,
        out: &mut [Operations],
    ) {
        if self.continuity > DurationMs::ZERO {
            self.collect(local, candidates, |shard, slot| {
                shard.conversations[slot].thread == 0
                    && place.clock.since(shard.active(slot)) <= shard.continuity
            });
            let together = |a: &Candidate, b: &Candidate| (a.division, a.maybe) == (b.division, b.maybe);
            for members in candidates.chunk_by(together).filter(|members| members.len() > 1) {
                let into = &mut out[members[0].division.at()];
                self.fold_together(place, local, (id, kinds), members, texts, into);
            }
        }
        self.collect(local, candidates, |shard, slot| shard.is_pending(slot, place.clock));
        let together = |a: &Candidate, b: &Candidate| a.division == b.division;
        for several in candidates.chunk_by(together).filter(|several| several.len() > 1) {
            let (row, conversation, action) = (place.row, ConversationId::NONE, Action::OneCallback);
            let rows = &mut out[several[0].division.at()].rows;
            rows.push(Operation { row, conversation, customer: id, action });
        }
    }

    /// The open conversation of a customer that an id means: its own, or that of one that has become part of it.
    pub(super) fn named(&self, local: u32, id: ConversationId) -> Option<u32> {
        let own = self.best(local, |conversation| conversation.id == id);
        own.or_else(|| {
            let folded = |slot: u32| self.threads.iter(self.latest[slot].stands_for);
            self.best_slot(local, |slot| {
                self.conversations[slot].stands_for() && folded(slot).any(|folded| folded == bits_of(id))
            })
        })
    }

    fn collect(&self, local: u32, candidates: &mut Vec<Candidate>, fits: impl Fn(&Shard, u32) -> bool) {
        candidates.clear();
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            let conversation = &self.conversations[slot];
            if fits(self, slot) {
                candidates.push(Candidate {
                    division: conversation.division,
                    maybe: self.is_maybe(slot),
                    opened: self.latest[slot].opened,
                    id: conversation.id,
                    slot,
                });
            }
            slot = conversation.next;
        }
        candidates.sort_unstable();
    }

    /// Whether it is, as far as anybody knows here, a callback whose time has not come.
    fn is_pending(&self, slot: u32, clock: Millis) -> bool {
        self.conversations[slot].calls_back() && self.latest[slot].due > clock
    }

    /// These become the first of them.
    fn fold_together(
        &mut self,
        place: Place,
        local: u32,
        (id, kinds): (CustomerId, u16),
        members: &[Candidate],
        texts: &Texts,
        out: &mut Operations,
    ) {
        let first = members[0].slot;
        let mut latest = first;
        for member in &members[1..] {
            if self.conversations[member.slot].last > self.conversations[latest].last {
                latest = member.slot;
            }
        }
        self.customers[local].forget_attempts(place.clock.minus(self.window), &mut self.blocks);
        let told = self.told(local, NONE, texts, out);
        let attempts = self.without_present(local, latest, told.attempts, out);
        out.contacts.push(Contact { attempts, kinds, ..told });
        let start = out.members.len() as u32;
        out.members.extend(members.iter().map(|member| (member.id, self.conversations[member.slot].last)));
        let idle_from = |member: &Candidate| match self.is_pending(member.slot, place.clock) {
            true => self.conversations[member.slot].last,
            false => self.active(member.slot),
        };
        out.folds.push(Fold {
            members: List { start, len: members.len() as u32 },
            contact: out.contacts.len() as u32 - 1,
            last: members.iter().map(idle_from).max().expect("there are several"),
        });
        let action = Action::Folded(out.folds.len() as u32 - 1);
        out.rows.push(Operation { row: place.row, conversation: members[0].id, customer: id, action });
        self.become_one(place.clock, members, latest);
        for attempt in self.customers[local].attempts_mut(&mut self.blocks) {
            if members.iter().any(|member| member.slot == attempt.conversation) {
                attempt.conversation = first;
            }
        }
        members[1..].iter().for_each(|member| self.close(member.slot));
    }

    /// What is known of these becomes what is known of the first; `latest` had an event last.
    fn become_one(&mut self, clock: Millis, members: &[Candidate], latest: u32) {
        let first = members[0].slot;
        let slots = || members.iter().map(|member| member.slot);
        let replied = slots().all(|slot| self.latest[slot].replied);
        let unanswered = slots().filter(|slot| self.latest[*slot].replied == replied);
        let arrived = unanswered.map(|slot| self.latest[slot].arrived).min().expect("there is one");
        let callbacks = || slots().filter(|slot| self.conversations[*slot].calls_back());
        let pending = callbacks().filter(|slot| self.is_pending(*slot, clock));
        let past = || callbacks().map(|slot| self.latest[slot].due).max();
        let due = pending.map(|slot| self.latest[slot].due).min().or_else(past);
        let last = slots().map(|slot| self.conversations[slot].last).max().expect("there are several");
        let earliest = slots().map(|slot| self.conversations[slot].first_contact).min();
        let stands_for = self.ids_folded(members);
        let Latest { opened, maybe, .. } = self.latest[first];
        let due_or_none = due.unwrap_or(Millis::MIN);
        self.latest[first] =
            Latest { arrived, due: due_or_none, opened, stands_for, replied, maybe, ..self.latest[latest] };
        let channel = self.conversations[latest].channel;
        let taken = slots().any(|slot| self.conversations[slot].taken());
        let is_sure = |slot: u32| self.conversations[slot].scheduled() && self.is_pending(slot, clock);
        let scheduled = slots().all(is_sure);
        let kept = &mut self.conversations[first];
        (kept.channel, kept.last) = (channel, last);
        kept.first_contact = earliest.expect("there are several");
        kept.set_calls_back(due.is_some());
        kept.set_scheduled(scheduled);
        if taken {
            kept.set_taken();
        }
        kept.set_stands_for();
    }

    /// The list of all ids that mean the first of these from now on.
    fn ids_folded(&mut self, members: &[Candidate]) -> u32 {
        let first = members[0].slot;
        let mut list =
            if self.conversations[first].stands_for() { self.latest[first].stands_for } else { NONE };
        for member in &members[1..] {
            list = self.threads.add(list, bits_of(member.id));
            if self.conversations[member.slot].stands_for() {
                let mut more = std::mem::replace(&mut self.latest[member.slot].stands_for, NONE);
                while let Some((id, next)) = self.threads.take_first(more) {
                    list = self.threads.add(list, id);
                    more = next;
                }
            }
        }
        list
    }
}

/// A conversation's id as lists of threads hold it.
fn bits_of(id: ConversationId) -> u128 {
    let ConversationId { customer, ordinal } = id;
    u128::from(customer.hash) << 64 | u128::from(customer.generation) << 32 | u128::from(ordinal)
}
