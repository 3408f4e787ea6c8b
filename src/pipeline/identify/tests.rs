//! Tables by rule, then random logs beside a naive twin at several batch sizes.

mod attacks;
mod tables;
mod twin;

use super::*;
use crate::collections::seeded::mix;
use crate::rules::{Form, Kind};
use crate::types::event::{Entry, Identifier};
use crate::types::{ConversationId, CustomerId, DurationMs, KindId, Position, RefusalReason};

/// A decision in a form that compares.
#[derive(Clone, PartialEq, Debug)]
enum Told {
    Created(CustomerId),
    Refused(CustomerId, KindId, RefusalReason),
    Ambiguous,
    Split(CustomerId, CustomerId),
    Erased(CustomerId),
    Merged(CustomerId, Vec<CustomerId>),
}

/// All that identify says of a log; rows of merges counted from the log's beginning.
#[derive(Clone, PartialEq, Debug, Default)]
struct Story {
    rows: Vec<Resolved>,
    merges: Vec<Merge>,
    told: Vec<(Millis, Position, Told)>,
    duplicates: u64,
    customers: u64,
    absorbed: u64,
}

/// Rows with their identifiers and clocks: a log that can be cut into batches.
#[derive(Default)]
struct Log {
    rows: Vec<(Millis, Event, Vec<Identifier>)>,
}

impl Log {
    /// Adds an event; `key` is its (`source`, `id`), `identifiers` are (kind, number).
    fn push(&mut self, clock: i64, key: u64, event_type: EventType, identifiers: &[(u8, u64)]) -> &mut Event {
        let identifiers: Vec<Identifier> =
            identifiers.iter().map(|(kind, number)| identifier(*kind, *number)).collect();
        let offset = self.rows.len() as u64;
        let event = Event {
            event_type,
            dedup_key: dedup_key(key),
            has_from: !identifiers.is_empty(),
            position: Position { partition: 3, index: 0, offset },
            ..Event::EMPTY
        };
        self.rows.push((Millis(clock), event, identifiers));
        &mut self.rows.last_mut().unwrap().1
    }

    fn contact(&mut self, identifiers: &[(u8, u64)]) -> &mut Event {
        let number = self.rows.len() as u64;
        self.push(0, 1_000 + number, EventType::ContactReceived, identifiers)
    }

    /// What identify makes of the log in batches of this size.
    fn story(&self, identify: &mut Identify, size: usize) -> Story {
        let mut story = Story::default();
        let mut tally = Tally::default();
        let (mut resolutions, mut decisions) = (Resolutions::default(), IdentityBatch::default());
        for (batch, rows) in self.rows.chunks(size).enumerate() {
            let (events, clocks) = cut(rows);
            decisions.clear();
            identify.apply(&events, &clocks, &mut resolutions, &mut decisions, &mut tally);
            story.rows.extend(&resolutions.rows);
            let first = (batch * size) as u32;
            story
                .merges
                .extend(resolutions.merges.iter().map(|merge| Merge { row: merge.row + first, ..*merge }));
            story.told.extend(decisions.decisions.iter().map(|(clock, position, _, decision)| {
                let told = match decision {
                    IdentityDecision::Refused { customer, kind, reason } => {
                        Told::Refused(*customer, *kind, *reason)
                    }
                    IdentityDecision::Merged { customer, absorbed } => {
                        Told::Merged(*customer, decisions.absorbed[absorbed.range()].to_vec())
                    }
                    IdentityDecision::Created { customer } => Told::Created(*customer),
                    IdentityDecision::Ambiguous => Told::Ambiguous,
                    IdentityDecision::Split { from, to } => Told::Split(*from, *to),
                    IdentityDecision::Erased { customer } => Told::Erased(*customer),
                };
                (*clock, *position, told)
            }));
        }
        identify.audit();
        Story { duplicates: tally.duplicates, customers: tally.customers, absorbed: tally.absorbed, ..story }
    }
}

fn cut(rows: &[(Millis, Event, Vec<Identifier>)]) -> (Events, Vec<Millis>) {
    let mut events = Events::default();
    for (row, (_, event, identifiers)) in rows.iter().enumerate() {
        let list = List { start: events.identifiers.len() as u32, len: identifiers.len() as u32 };
        events.identifiers.extend(identifiers);
        events.rows.push(Event { identifiers: list, ..event.clone() });
        events.entries.push(Entry::Event(row as u32));
    }
    (events, rows.iter().map(|row| row.0).collect())
}

fn spread(number: u64) -> u128 {
    u128::from(mix(number)) << 64 | u128::from(mix(!number))
}

/// Number 0 has the same hash in every kind.
fn identifier(kind: u8, number: u64) -> Identifier {
    let hash = if number == 0 { spread(77) } else { spread(u64::from(kind) << 32 | number) };
    Identifier { hash, kind: KindId(kind) }
}

fn dedup_key(number: u64) -> u128 {
    spread(1 << 50 | number)
}

/// The id of who is founded by this identifier, `generation` others before.
fn id_of(kind: u8, number: u64, generation: u32) -> CustomerId {
    CustomerId { hash: founding_bits(identifier(kind, number).hash), generation }
}

/// Kinds by (rank, limit).
fn identity(kinds: &[(u32, u32)], max_identifiers: u32) -> IdentityRules {
    let kind = |(rank, limit): &(u32, u32)| Kind {
        name: String::new(),
        rank: *rank,
        limit: *limit,
        form: Form::Opaque,
    };
    IdentityRules {
        max_identifiers,
        generic_after: 1_000,
        forget_after: DurationMs::days(400),
        forget_one_off_after: DurationMs::days(8),
        customer_created: false,
        blocked: Vec::new(),
        kinds: kinds.iter().map(kind).collect(),
    }
}

fn dedup(window: i64, max_events: u64) -> DedupRules {
    DedupRules { window: DurationMs(window), max_events }
}

fn conversation(customer: CustomerId) -> ConversationId {
    ConversationId { customer, ordinal: 1 }
}
