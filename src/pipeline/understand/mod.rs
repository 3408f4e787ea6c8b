//! The third stage: which conversation an event belongs to, its context and attempts, its route and business value.
//!
//! State lies by customer in 64 logical shards; a shard knows its customers' profiles, attempts and open
//! conversations and nothing of queues or agents. What only route knows (offers, acceptance) plays no part here, so
//! this stage runs ahead of it. Each event becomes at most one operation of one division, but for hand-overs to another
//! one and for merges, which ask something of each division in which the customer has something open.
//!
//! The shards are dealt out to one or more parts, each of which may run in its own thread; a batch's merges, which move
//! records between shards, are carried out after the parts by whoever holds them all (`apply_jointly`).
//!
//! Cost: a customer's record and a conversation's an event, one cache line each; 72 bytes a customer, 16 for each kept
//! attempt beyond two, 192 a conversation, some 50 for each customer absorbed. What an event does to its customer depends on no other customer of the shard.
//! Invariants: an open conversation is in its customer's list; an attempt refers to a conversation only while that is
//! in the list.

mod adopt;
mod customer;
mod erase;
mod latest;
mod follow;
mod fold;
mod open;
mod parcel;
mod shard;
mod state;
mod threads;
mod value;

use std::iter::Peekable;
use std::sync::Arc;

use crate::collections::names::Names;
use crate::rules::Rules;
use crate::rules::keys::Keys;
use crate::types::event::{Event, Events};
use crate::types::operation::{
    Action, Forgotten, Merge, Operation, Operations, Resolutions, Resolved, WrappedBy,
};
use crate::types::{ConversationId, CustomerId, DivisionId, EventType, IgnoreReason, Millis, QueueId};

use parcel::Parcel;
use shard::Shard;
use value::Appraiser;

/// Logical shards: fixed, so that state does not depend on the number of threads.
pub const SHARDS: usize = 64;

/// What is known of the conversations of some shards' customers.
#[derive(Debug)]
pub struct Understand {
    context: Context,
    parcel: Parcel,
    shards: PartOfShards,
    /// Events without effect by reason.
    pub ignored: [u64; IgnoreReason::ALL.len()],
}

/// What every shard needs.
#[derive(Debug)]
struct Context {
    rules: Arc<Rules>,
    appraiser: Appraiser,
    /// Whether any queue waits for agents, so that it matters who is preferred.
    has_affinity: bool,
    /// By division: whether a queue gives conversations to agents without asking them.
    accepts_by_itself: Vec<bool>,
}

/// Every `parts`th shard.
#[derive(Debug)]
struct PartOfShards {
    parts: usize,
    /// Which of the parts it is.
    number: usize,
    shards: Vec<Shard>,
    texts: Texts,
}

/// What the records of some shards refer to by number. One list for all of them: an agent answers customers of every
/// shard, and a list in each would hold every name as often.
#[derive(Default, Debug)]
pub(crate) struct Texts {
    /// Names of agents whom customers had last, or prefer.
    agents: Names,
    /// Sets of skills that contacts ask for: keyed names and levels, nine bytes each, ascending.
    skills: Names,
    /// Used again and again.
    sorted: Vec<(u64, u8)>,
    bytes: Vec<u8>,
}

/// All parts together.
#[derive(Debug)]
struct AllShards<'a>(Vec<&'a mut PartOfShards>);

/// Where a customer's record lies, and the names of agents that it refers to.
trait Homes {
    fn home(&mut self, customer: u32) -> (&mut Shard, &mut Texts);
}

impl Homes for PartOfShards {
    #[inline]
    fn home(&mut self, customer: u32) -> (&mut Shard, &mut Texts) {
        // `parts` is a power of two.
        let shift = self.parts.trailing_zeros();
        (&mut self.shards[shard_of(customer) >> shift], &mut self.texts)
    }
}

impl Homes for AllShards<'_> {
    fn home(&mut self, customer: u32) -> (&mut Shard, &mut Texts) {
        let part = part_of(customer, self.0.len());
        self.0[part].home(customer)
    }
}

/// A batch as this stage reads it.
#[derive(Copy, Clone, Debug)]
pub struct Sequence<'a> {
    /// The events.
    pub events: &'a Events,
    /// By row.
    pub clocks: &'a [Millis],
    /// Whose each row is, and who merges.
    pub resolutions: &'a Resolutions,
}

/// An event in its place: what every step needs.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Place<'a> {
    events: &'a Events,
    event: &'a Event,
    row: u32,
    clock: Millis,
}

impl<'a> Sequence<'a> {
    #[inline]
    fn place(&self, row: u32) -> Place<'a> {
        let at = row as usize;
        Place { events: self.events, event: &self.events.rows[at], row, clock: self.clocks[at] }
    }

    /// Customer and event of a row that comes later.
    #[inline]
    fn ahead(&self, row: Option<&u32>) -> Option<(u32, &'a Event)> {
        let at = *row? as usize;
        match self.resolutions.rows[at] {
            Resolved::Customer { index, .. } => Some((index, &self.events.rows[at])),
            _ => None,
        }
    }
}

impl Understand {
    /// Knows nobody yet; all shards in one part.
    pub fn new(rules: &Arc<Rules>, keys: &Keys) -> Understand {
        Understand::in_parts(rules, keys, 1).pop().expect("one part")
    }

    /// The shards in so many parts, a power of two up to 64.
    pub fn in_parts(rules: &Arc<Rules>, keys: &Keys, parts: usize) -> Vec<Understand> {
        assert!(parts.is_power_of_two() && parts <= SHARDS, "a number of parts that divides the shards");
        let part = |number| Understand {
            context: Context {
                rules: rules.clone(),
                appraiser: Appraiser::new(rules, keys),
                has_affinity: rules.has_affinity(),
                accepts_by_itself: accepts_by_itself(rules),
            },
            parcel: Parcel::default(),
            shards: PartOfShards {
                parts,
                number,
                shards: (0..SHARDS / parts).map(|_| Shard::new(rules)).collect(),
                texts: Texts::default(),
            },
            ignored: Default::default(),
        };
        (0..parts).map(part).collect()
    }

    /// Turns rows of this part's customers into operations; `out` is by division. With one part, the batch's merges as
    /// well.
    pub fn apply(&mut self, batch: Sequence<'_>, rows: &[u32], out: &mut [Operations]) {
        if let Some(first) = batch.clocks.first() {
            self.shards.shards.iter_mut().for_each(|shard| shard.begin(*first));
        }
        let merges: &[Merge] = if self.shards.parts == 1 { &batch.resolutions.merges } else { &[] };
        let mut merges = merges.iter().peekable();
        let (parts, number) = (self.shards.parts, self.shards.number);
        let is_mine = |f: &&Forgotten| part_of(f.customer, parts) == number && (parts == 1 || !f.jointly);
        let mut forgotten = batch.resolutions.forgotten.iter().filter(is_mine).peekable();
        for (at, row) in rows.iter().enumerate() {
            while let Some(gone) = forgotten.next_if(|gone| gone.row <= *row) {
                forget(&mut self.shards, gone.customer);
            }
            if let Some((index, event)) = batch.ahead(rows.get(at + PREFETCH_AHEAD)) {
                let (shard, texts) = self.shards.home(index);
                shard.prefetch(local_of(index), event, &texts.agents);
            }
            if let Some((index, event)) = batch.ahead(rows.get(at + PREFETCH_AHEAD / 2)) {
                let (shard, texts) = self.shards.home(index);
                shard.prefetch_lists(local_of(index), event, &texts.agents);
            }
            let Understand { context, parcel, shards, ignored } = self;
            let place = batch.place(*row);
            let resolved = batch.resolutions.rows[*row as usize];
            if merges.peek().is_some_and(|merge| merge.row == *row) {
                join_all(shards, &mut merges, resolved, parcel, place, out);
            }
            if let Err(reason) = context.customer_event(shards, place, resolved, out) {
                ignored[reason as usize] += 1;
            }
        }
        forgotten.for_each(|gone| forget(&mut self.shards, gone.customer));
    }

    /// Bytes allocated: customers with their attempts, conversations with their threads.
    pub fn bytes(&self) -> [usize; 2] {
        let agents = [self.shards.texts.agents.bytes() + self.shards.texts.skills.bytes(), 0];
        self.shards.shards.iter().map(Shard::bytes).fold(agents, |[a, b], [c, d]| [a + c, b + d])
    }

    /// Carries out a batch's merges and the rows of those who merge, all parts having done theirs.
    pub fn apply_jointly(
        parts: &mut [&mut Understand],
        batch: Sequence<'_>,
        rows: &[u32],
        out: &mut [Operations],
    ) {
        let mut merges = batch.resolutions.merges.iter().peekable();
        let (mut shards, mut first) = (AllShards(Vec::with_capacity(parts.len())), None);
        for part in parts {
            let Understand { context, parcel, shards: some, ignored } = &mut **part;
            shards.0.push(some);
            first.get_or_insert((context, parcel, ignored));
        }
        let (context, parcel, ignored) = first.expect("at least one part");
        let mut forgotten = batch.resolutions.forgotten.iter().filter(|gone| gone.jointly).peekable();
        for row in rows {
            let place = batch.place(*row);
            while let Some(gone) = forgotten.next_if(|gone| gone.row <= *row) {
                forget(&mut shards, gone.customer);
            }
            let resolved = batch.resolutions.rows[*row as usize];
            if merges.peek().is_some_and(|merge| merge.row == *row) {
                join_all(&mut shards, &mut merges, resolved, parcel, place, out);
            }
            if let Err(reason) = context.customer_event(&mut shards, place, resolved, out) {
                ignored[reason as usize] += 1;
            }
        }
        forgotten.for_each(|gone| forget(&mut shards, gone.customer));
    }
}

/// By division: whether a queue gives conversations to agents without asking them.
fn accepts_by_itself(rules: &Rules) -> Vec<bool> {
    let accepts = |queue: &QueueId| rules.queues[queue.at()].auto_accept;
    rules.divisions.iter().map(|division| division.queues.iter().any(accepts)).collect()
}

impl Context {
    fn customer_event(
        &self,
        shards: &mut impl Homes,
        place: Place<'_>,
        resolved: Resolved,
        out: &mut [Operations],
    ) -> Done {
        let Resolved::Customer { index, id, kinds } = resolved else {
            unreachable!("only customers' events are dealt out to shards")
        };
        let (shard, texts) = shards.home(index);
        let local = local_of(index);
        shard.meet(local, place.clock);
        match place.event.event_type {
            EventType::ContactReceived | EventType::CallbackRequested => {
                shard.contact(place, local, (id, kinds), self, texts, out).map_err(|()| IgnoreReason::NoQueue)
            }
            EventType::CustomerUpdated => {
                shard.update_profile(place, local, self, texts);
                Ok(())
            }
            EventType::IdentityLinked | EventType::IdentityUnlinked => Ok(()),
            EventType::CustomerErased => {
                shard.erase(place, local, id, out);
                Ok(())
            }
            EventType::AgentWrapped => {
                let division =
                    place.event.division.expect("decode requires the division of an agent's event");
                shard.tell_other_ids(local, place.row, &mut out[division.at()]);
                agent_event(place.event, place.row, Some(id), out);
                Ok(())
            }
            _ => shard.follow_up(place, local, (id, kinds), self, texts, out),
        }
    }
}

/// Agents' events pass through: they concern a division, not a customer's conversation. `customer`: of whom a wrap-up
/// was, if the event says so by an identifier.
pub fn agent_event(event: &Event, row: u32, customer: Option<CustomerId>, out: &mut [Operations]) {
    let action = match event.event_type {
        EventType::AgentUpdated => Action::AgentUpdated,
        EventType::AgentState => Action::AgentState,
        EventType::AgentWrapped if event.conversation.is_some() => Action::Wrapped(WrappedBy::Conversation),
        EventType::AgentWrapped if event.has_from => Action::Wrapped(WrappedBy::Customer),
        EventType::AgentWrapped => Action::Wrapped(WrappedBy::Agent),
        other => unreachable!("{} concerns a customer", other.name()),
    };
    let division = event.division.expect("decode requires the division of an agent's event");
    out[division.at()].rows.push(Operation {
        row,
        conversation: event.conversation,
        customer: customer.unwrap_or_default(),
        action,
    });
}

/// Carries out the merges that an event causes; what is open of the customer who stays then becomes one.
fn join_all<'m>(
    shards: &mut impl Homes,
    merges: &mut Peekable<impl Iterator<Item = &'m Merge>>,
    resolved: Resolved,
    parcel: &mut Parcel,
    place: Place<'_>,
    out: &mut [Operations],
) {
    while let Some(merge) = merges.next_if(|merge| merge.row == place.row) {
        join(shards, *merge, parcel, place, out);
    }
    let Resolved::Customer { index, id, kinds } = resolved else { unreachable!("who merges is a customer") };
    let (shard, texts) = shards.home(index);
    shard.fold(place, local_of(index), (id, kinds), &mut parcel.candidates, texts, out);
}

/// The absorbed customer's record joins the survivor's; conversations that it brings carry the survivor's id.
fn join(
    shards: &mut impl Homes,
    merge: Merge,
    parcel: &mut Parcel,
    place: Place<'_>,
    out: &mut [Operations],
) {
    let (absorbed, texts) = shards.home(merge.absorbed);
    absorbed.meet(local_of(merge.absorbed), place.clock);
    absorbed.part(local_of(merge.absorbed), merge.absorbed_id, texts, parcel);
    let (survivor, texts) = shards.home(merge.survivor);
    survivor.meet(local_of(merge.survivor), place.clock);
    survivor.receive(
        local_of(merge.survivor),
        texts,
        parcel,
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

/// Nothing is kept of a customer; the record may be somebody else's from now on.
fn forget(shards: &mut impl Homes, customer: u32) {
    shards.home(customer).0.forget(local_of(customer));
}

type Done = Result<(), IgnoreReason>;

/// How many rows ahead a customer's record is fetched, and half as many ahead what it leads to: far enough to hide a miss
/// behind the work of the rows between.
const PREFETCH_AHEAD: usize = 12;

/// The part that a customer's shard belongs to.
#[inline]
pub fn part_of(customer: u32, parts: usize) -> usize {
    shard_of(customer) % parts
}

#[inline]
fn shard_of(customer: u32) -> usize {
    customer as usize % SHARDS
}

#[inline]
fn local_of(customer: u32) -> u32 {
    customer / SHARDS as u32
}
