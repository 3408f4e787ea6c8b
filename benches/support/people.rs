//! A population as the stages behind decode see it: rows with hashes instead of texts, made in no time, so that millions
//! of customers can be founded and asked for while nothing but the stage is measured.

use trunkline::pipeline::identify::Identify;
use trunkline::pipeline::understand::{Sequence, Understand, agent_event};
use trunkline::rules::Rules;
use trunkline::rules::keys::{HashKey, Keys, founding_bits};
use trunkline::types::decision::IdentityBatch;
use trunkline::types::event::{Entry, Event, Events, Identifier, List, Span};
use trunkline::types::operation::{Action, Operations, Resolutions, Resolved};
use trunkline::types::{
    ChannelId, ConversationId, CustomerId, DivisionId, EventType, KindId, Millis, Position, Tally,
};

use std::sync::Arc;

use super::stopwatch::thread_nanos;

/// Two or three, in turn.
pub const IDENTIFIERS_A_CUSTOMER: f64 = 2.5;
/// Agents whose names replies and resolves bring.
const AGENTS: u64 = 20_000;
/// Instant of the first event.
const BEGIN: Millis = Millis(1_790_000_000_000);

/// Two stages, the batch in hand, and what they have to say of it.
pub struct People {
    /// The stage.
    pub identify: Identify,
    /// The stage.
    pub understand: Understand,
    /// What understand asks for in the batch in hand, by division.
    pub operations: Vec<Operations>,
    /// The batch in hand.
    pub events: Events,
    /// By row.
    pub clocks: Vec<Millis>,
    /// Customers founded, the batch in hand included.
    pub founded: u32,
    rules: Arc<Rules>,
    resolutions: Resolutions,
    /// Customers' rows.
    rows: Vec<u32>,
    identities: IdentityBatch,
    tally: Tally,
    /// By row: whose it has to be.
    expected: Vec<Expected>,
    duplicates: u64,
    dice: u64,
    /// Microseconds since the first event.
    micros: u64,
    /// Open conversations with their customers.
    open: Vec<(u32, ConversationId)>,
    /// Number of the next event, and what the keys of earlier ones were made from.
    number: u64,
    live_keys: u64,
    /// Clocks of the batches, each with the events accepted by then.
    accepted: Vec<(Millis, u64)>,
}

#[derive(Copy, Clone, PartialEq, Debug)]
enum Expected {
    Customer(u32),
    Nobody,
    Duplicate,
}

/// What a batch took, in nanoseconds of processor time.
#[derive(Copy, Clone, Default)]
pub struct Took {
    /// The stage.
    pub identify: u64,
    /// The stage.
    pub understand: u64,
}

impl People {
    /// Nobody yet.
    pub fn new(rules: &Arc<Rules>) -> People {
        People {
            identify: Identify::new(rules),
            understand: Understand::new(rules, &Keys::new(&HashKey::PUBLIC, rules)),
            operations: rules.divisions.iter().map(|_| Operations::default()).collect(),
            events: Events::default(),
            clocks: Vec::new(),
            founded: 0,
            rules: rules.clone(),
            resolutions: Resolutions::default(),
            rows: Vec::new(),
            identities: IdentityBatch::default(),
            tally: Tally::new(rules.queues.len()),
            expected: Vec::new(),
            duplicates: 0,
            dice: 1,
            micros: 0,
            open: Vec::new(),
            number: 0,
            live_keys: 0,
            accepted: Vec::new(),
        }
    }

    /// A batch in which each event founds a customer with all of its identifiers.
    pub fn found(&mut self, events: usize, step_us: u64) {
        self.begin();
        (0..events).for_each(|_| self.founding(step_us));
    }

    /// A batch in which every customer of a range writes for the first time.
    pub fn first_contacts(&mut self, customers: std::ops::Range<u32>) {
        self.begin();
        customers.for_each(|customer| self.contact(customer, 0));
    }

    /// A batch of the usual: customers known and new, their conversations, agents, duplicates.
    pub fn usual(&mut self, events: usize, step_us: u64) {
        self.begin();
        for _ in 0..events {
            let (what, some) = (self.below(100), self.below(u64::from(self.founded)) as u32);
            let open = self.below(self.open.len().max(1) as u64) as usize;
            match what {
                0..40 if what < 25 || self.open.is_empty() => self.contact(some, step_us),
                0..40 => self.contact(self.open[open].0, step_us),
                40..85 if !self.open.is_empty() => self.follow_up(open, what, step_us),
                40..94 => self.agent(step_us),
                94 if !self.events.rows.is_empty() => self.duplicate(step_us),
                _ => self.founding(step_us),
            }
        }
    }

    /// Lets the stages work on the batch in hand. Panics if the answer is wrong.
    pub fn run(&mut self) -> Took {
        self.resolutions.clear();
        self.identities.clear();
        self.operations.iter_mut().for_each(Operations::clear);
        let begun = thread_nanos();
        let (events, clocks) = (&self.events, &self.clocks);
        self.identify.apply(events, clocks, &mut self.resolutions, &mut self.identities, &mut self.tally);
        let identified = thread_nanos();
        // Agents' events go past understand.
        self.rows.clear();
        for (row, resolved) in self.resolutions.rows.iter().enumerate() {
            match resolved {
                Resolved::Customer { .. } => self.rows.push(row as u32),
                Resolved::NoCustomer => {
                    agent_event(&events.rows[row], row as u32, None, &mut self.operations);
                }
                Resolved::Duplicate | Resolved::Ignored(_) | Resolved::Told => {}
            }
        }
        let sequence = Sequence { events, clocks, resolutions: &self.resolutions };
        self.understand.apply(sequence, &self.rows, &mut self.operations);
        let understood = thread_nanos();
        self.check();
        Took { identify: identified - begun, understand: understood - identified }
    }

    /// The most events accepted within a window of deduplication so far: the most live keys.
    pub fn live_keys(&self) -> u64 {
        self.live_keys
    }

    fn live_keys_now(&self) -> u64 {
        let Some((clock, accepted)) = self.accepted.last() else { return 0 };
        let since = clock.minus(self.rules.dedup.window);
        let before = self.accepted.partition_point(|(clock, _)| *clock < since);
        accepted - before.checked_sub(1).map_or(0, |before| self.accepted[before].1)
    }

    /// The rules that they live under.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    fn begin(&mut self) {
        self.events.clear();
        self.clocks.clear();
        self.expected.clear();
    }

    fn founding(&mut self, step_us: u64) {
        let customer = self.founded;
        self.founded += 1;
        let identifiers = (0..owned(customer)).map(|number| identifier(customer, number));
        self.push(EventType::IdentityLinked, identifiers, Expected::Customer(customer), step_us);
    }

    /// One or two of the identifiers.
    fn contact(&mut self, customer: u32, step_us: u64) {
        let first = self.below(2) as u32;
        let count = 1 + self.below(2) as u32;
        let identifiers = (first..(first + count).min(owned(customer))).map(|n| identifier(customer, n));
        let channel = ChannelId(self.below(self.rules.channels.len() as u64) as u8);
        let event = self.push(EventType::ContactReceived, identifiers, Expected::Customer(customer), step_us);
        event.channel = Some(channel);
    }

    fn follow_up(&mut self, open: usize, what: u64, step_us: u64) {
        let (customer, conversation) = self.open[open];
        let event_type = match what {
            40..55 => EventType::OfferAccepted,
            55..70 => EventType::ConversationReplied,
            _ => EventType::ConversationResolved,
        };
        if event_type == EventType::ConversationResolved {
            self.open.swap_remove(open);
        }
        let agent = self.below(AGENTS);
        let start = self.events.bytes.len() as u32;
        self.events.bytes.extend_from_slice(format!("a{agent:06}").as_bytes());
        let event = self.push(event_type, std::iter::empty(), Expected::Customer(customer), step_us);
        event.conversation = conversation;
        event.agent = Span { start, len: 7 };
        event.agent_key = mix(agent | 1 << 62);
    }

    fn agent(&mut self, step_us: u64) {
        self.push(EventType::AgentState, std::iter::empty(), Expected::Nobody, step_us).division =
            Some(DivisionId(0));
    }

    fn duplicate(&mut self, step_us: u64) {
        let earlier = self.below(self.events.rows.len() as u64) as usize;
        let key = self.events.rows[earlier].dedup_key;
        self.push(EventType::AgentState, std::iter::empty(), Expected::Duplicate, step_us).dedup_key = key;
        self.duplicates += 1;
    }

    fn push(
        &mut self,
        event_type: EventType,
        identifiers: impl Iterator<Item = Identifier>,
        expected: Expected,
        step_us: u64,
    ) -> &mut Event {
        let start = self.events.identifiers.len() as u32;
        self.events.identifiers.extend(identifiers);
        let len = self.events.identifiers.len() as u32 - start;
        let row = self.events.rows.len() as u32;
        self.micros += step_us;
        self.number += 1;
        let clock = Millis(BEGIN.0 + (self.micros / 1_000) as i64);
        self.events.entries.push(Entry::Event(row));
        self.events.rows.push(Event {
            event_type,
            dedup_key: spread(self.number | 1 << 63),
            identifiers: List { start, len },
            has_from: len > 0,
            position: Position { partition: 0, index: 0, offset: self.number },
            recorded: clock,
            time: clock,
            ..Event::EMPTY
        });
        self.clocks.push(clock);
        self.expected.push(expected);
        self.events.rows.last_mut().expect("a row was just added")
    }

    fn check(&mut self) {
        let told = self.resolutions.rows.iter().map(|resolved| match resolved {
            Resolved::Customer { index, .. } => Expected::Customer(*index),
            Resolved::NoCustomer => Expected::Nobody,
            Resolved::Duplicate => Expected::Duplicate,
            Resolved::Told => panic!("nobody is erased here"),
            Resolved::Ignored(reason) => panic!("ignored: {}", reason.word()),
        });
        assert!(told.eq(self.expected.iter().copied()), "WRONG: an event is somebody else's");
        assert_eq!(self.identify.customers(), self.founded, "WRONG: customers");
        let identifiers = u64::from(self.founded) * 2 + u64::from(self.founded) / 2;
        assert_eq!(u64::from(self.identify.identifiers()), identifiers, "WRONG: identifiers");
        assert_eq!(self.tally.duplicates, self.duplicates, "WRONG: duplicates");
        assert_eq!(self.understand.ignored.iter().sum::<u64>(), 0, "WRONG: an event without effect");
        for operations in &self.operations {
            for operation in &operations.rows {
                if let Action::Contact(contact) = operation.action
                    && operations.contacts[contact as usize].opens
                    && let Expected::Customer(customer) = self.expected[operation.row as usize]
                {
                    assert_eq!(operation.customer, id_of(customer), "WRONG: the id of a customer");
                    self.open.push((customer, operation.conversation));
                }
            }
        }
        if let Some(clock) = self.clocks.last() {
            self.accepted.push((*clock, self.number - self.duplicates));
            self.live_keys = self.live_keys.max(self.live_keys_now());
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((u128::from(mix(self.dice)) * u128::from(bound)) >> 64) as u64
    }
}

/// Identifiers that a customer owns.
fn owned(customer: u32) -> u32 {
    2 + customer % 2
}

/// The first ranks best, so it founds the customer.
fn identifier(customer: u32, number: u32) -> Identifier {
    Identifier { hash: spread(u64::from(customer) << 8 | u64::from(number)), kind: KindId(number as u8) }
}

fn id_of(customer: u32) -> CustomerId {
    CustomerId { hash: founding_bits(identifier(customer, 0).hash), generation: 0 }
}

fn spread(number: u64) -> u128 {
    u128::from(mix(number)) << 64 | u128::from(mix(!number))
}

/// Finalizer of splitmix64: spreads a number over all bits, as a keyed hash would.
fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
