//! The third stage: which conversation an event belongs to, its context and attempts, its route and business value.
//!
//! State lies by customer in 64 logical shards; a shard knows its customers' profiles, attempts and open
//! conversations and nothing of queues or agents. What only route knows (offers, acceptance) plays no part here, so
//! this stage runs ahead of it. Each event becomes at most one operation of one division.
//!
//! Cost: a customer's record and a conversation's an event, one cache line each; 64 bytes a customer, 16 for each kept
//! attempt beyond two, 64 a conversation. What an event does to its customer depends on no other customer of the shard.
//! Invariants: an open conversation is in its customer's list; an attempt refers to a conversation only while that is
//! in the list.

mod customer;
mod open;
mod parcel;
mod shard;
mod threads;
mod value;

use std::sync::Arc;

use crate::rules::Rules;
use crate::rules::keys::Keys;
use crate::types::event::{Event, Events};
use crate::types::operation::{Action, Merge, Operation, Operations, Resolutions, Resolved, WrappedBy};
use crate::types::{ConversationId, CustomerId, DivisionId, EventType, IgnoreReason, Millis};

use parcel::Parcel;
use shard::Shard;
use value::Appraiser;

/// Logical shards: fixed, so that state does not depend on the number of threads.
pub const SHARDS: usize = 64;

/// Everything that is known of customers' conversations.
pub struct Understand {
    rules: Arc<Rules>,
    appraiser: Appraiser,
    shards: Vec<Shard>,
    parcel: Parcel,
    /// Events without effect by reason.
    pub ignored: [u64; IgnoreReason::ALL.len()],
}

/// An event in its place: what every step needs.
#[derive(Copy, Clone)]
pub(crate) struct Place<'a> {
    events: &'a Events,
    event: &'a Event,
    row: u32,
    clock: Millis,
}

impl Understand {
    /// Knows nobody yet.
    pub fn new(rules: Arc<Rules>, keys: &Keys) -> Understand {
        let shards = (0..SHARDS).map(|_| Shard::new(&rules)).collect();
        Understand {
            appraiser: Appraiser::new(&rules, keys),
            rules,
            shards,
            parcel: Parcel::default(),
            ignored: Default::default(),
        }
    }

    /// Turns a batch into operations; `out` is by division. `clocks` is by row.
    pub fn apply(
        &mut self,
        events: &Events,
        clocks: &[Millis],
        resolutions: &Resolutions,
        out: &mut [Operations],
    ) {
        debug_assert_eq!(events.rows.len(), resolutions.rows.len());
        if let Some(first) = clocks.first() {
            self.shards.iter_mut().for_each(|shard| shard.begin(*first));
        }
        let mut merges = resolutions.merges.iter().peekable();
        for (row, event) in events.rows.iter().enumerate() {
            self.prefetch(events, resolutions, row);
            let place = Place { events, event, row: row as u32, clock: clocks[row] };
            while let Some(merge) = merges.next_if(|merge| merge.row == place.row) {
                self.join(*merge, place, out);
            }
            let done = match resolutions.rows[row] {
                Resolved::Duplicate | Resolved::Ignored(_) => Ok(()),
                Resolved::NoCustomer => self.agent_event(place, CustomerId::default(), out),
                Resolved::Customer { index, id, kinds } => self.customer_event(place, index, id, kinds, out),
            };
            if let Err(reason) = done {
                self.ignored[reason as usize] += 1;
            }
        }
    }

    /// Asks for what the rows ahead will need.
    #[inline]
    fn prefetch(&self, events: &Events, resolutions: &Resolutions, row: usize) {
        if let Some(Resolved::Customer { index, .. }) = resolutions.rows.get(row + PREFETCH_AHEAD) {
            self.shards[shard_of(*index)].prefetch(local_of(*index), &events.rows[row + PREFETCH_AHEAD]);
        }
        let row = row + PREFETCH_AHEAD / 2;
        if let Some(Resolved::Customer { index, .. }) = resolutions.rows.get(row) {
            self.shards[shard_of(*index)].prefetch_lists(local_of(*index), &events.rows[row]);
        }
    }

    /// Bytes allocated: customers with their attempts, conversations with their threads.
    pub fn bytes(&self) -> [usize; 2] {
        self.shards.iter().map(Shard::bytes).fold([0; 2], |[a, b], [c, d]| [a + c, b + d])
    }

    fn customer_event(
        &mut self,
        place: Place,
        index: u32,
        id: CustomerId,
        kinds: u16,
        out: &mut [Operations],
    ) -> Done {
        let shard = &mut self.shards[shard_of(index)];
        let local = local_of(index);
        shard.meet(local, place.clock);
        match place.event.event_type {
            EventType::ContactReceived => shard
                .contact(place, local, (id, kinds), &self.rules, &self.appraiser, out)
                .map_err(|()| IgnoreReason::Unsupported),
            EventType::CustomerUpdated => {
                shard.update_profile(place, local);
                Ok(())
            }
            EventType::IdentityLinked => Ok(()),
            EventType::AgentWrapped => self.agent_event(place, id, out),
            _ => shard.follow_up(place, local, id, &self.rules, out),
        }
    }

    /// Agents' events pass through: they concern a division, not a customer.
    fn agent_event(&mut self, place: Place, customer: CustomerId, out: &mut [Operations]) -> Done {
        let event = place.event;
        let action = match event.event_type {
            EventType::AgentUpdated => Action::AgentUpdated,
            EventType::AgentState => Action::AgentState,
            EventType::AgentWrapped if event.conversation.is_some() => {
                Action::Wrapped(WrappedBy::Conversation)
            }
            EventType::AgentWrapped if event.has_from => Action::Wrapped(WrappedBy::Customer),
            EventType::AgentWrapped => Action::Wrapped(WrappedBy::Agent),
            other => unreachable!("{} concerns a customer", other.name()),
        };
        let division = event.division.expect("decode requires the division of an agent's event");
        out[division.at()].rows.push(Operation {
            row: place.row,
            conversation: event.conversation,
            customer,
            action,
        });
        Ok(())
    }

    /// The absorbed customer's record joins the survivor's; conversations that it brings carry the survivor's id.
    fn join(&mut self, merge: Merge, place: Place, out: &mut [Operations]) {
        let absorbed = &mut self.shards[shard_of(merge.absorbed)];
        absorbed.meet(local_of(merge.absorbed), place.clock);
        absorbed.part(local_of(merge.absorbed), &mut self.parcel);
        let survivor = &mut self.shards[shard_of(merge.survivor)];
        survivor.meet(local_of(merge.survivor), place.clock);
        survivor.receive(
            local_of(merge.survivor),
            &mut self.parcel,
            |conversation: ConversationId, division: DivisionId| {
                out[division.at()].rows.push(Operation {
                    row: place.row,
                    conversation,
                    customer: merge.survivor_id,
                    action: Action::Renamed,
                });
            },
        );
    }
}

type Done = Result<(), IgnoreReason>;

/// How many rows ahead a customer's record is fetched, and half as many ahead what it leads to: far enough to hide a miss
/// behind the work of the rows between.
const PREFETCH_AHEAD: usize = 12;

fn shard_of(customer: u32) -> usize {
    customer as usize % SHARDS
}

fn local_of(customer: u32) -> u32 {
    customer / SHARDS as u32
}
