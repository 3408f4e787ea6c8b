//! The second stage: drops what came before, and says whose each event is. One writer over one flat state; the
//! decision of an event depends on the events before it and on nothing else, so batches may be cut anywhere.
//!
//! A batch goes through in groups of 32 rows and in three passes: ask for the lines of the tables; read those and ask
//! for the customers; apply the rows in order. Only reads are moved ahead, and what they found is used only where it
//! cannot have changed since (who got an identifier may have been absorbed, but stays the one to begin with), so the
//! result is that of one event after another.
//!
//! What unlinks, erases and forgets changes what was found ahead: rows of the group behind it look once more.
//!
//! State: 32 bytes a key of the deduplication window, 42 an identifier, 75 a customer (means; `AgeingSet`,
//! `Identifiers` with `Owned`, `Customers`). Invariants: an identifier has one owner; a root's counts are those of its
//! identifiers; no count passes its limit (`Identify::audit`, and assertions where they change).

mod customers;
mod generations;
mod identifiers;
mod owned;
mod registry;
mod resolve;

use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::collections::AgeingSet;
use crate::rules::keys::founding_bits;
use crate::rules::{DedupRules, IdentityRules, Renumbering, Rules};
use crate::types::decision::{IdentityBatch, IdentityDecision};
use crate::types::event::{Event, Events, Identifier, List};
use crate::types::operation::{Forgotten, Merge, Resolutions, Resolved};
use crate::types::{CustomerId, DurationMs, EventType, IgnoreReason, Millis, Tally};

use identifiers::{GENERIC, NONE};
use registry::{Bounds, Registry};
use resolve::{Limits, Resolver};

/// Rows whose reads are in flight together: enough to hide the memory's latency, few enough for the first-level
/// cache.
const GROUP: usize = 32;

/// A callback is due at most so long after its request.
const CALLBACK_MAX: DurationMs = DurationMs::days(90);

/// Who is who, and which events came already.
#[derive(Debug)]
pub struct Identify {
    dedup: DedupRules,
    limits: Limits,
    seen: AgeingSet,
    registry: Registry,
    resolver: Resolver,
    /// The identifiers of a group's rows, one after another.
    flat: Vec<Identifier>,
    /// The customers who got them, found ahead, or `NONE` or `GENERIC`.
    known: Vec<u32>,
    /// `Registry::changes` when they were found.
    known_at: u64,
    /// Customer ids that the group's rows name.
    named: Vec<CustomerId>,
    /// Customers to be forgotten.
    due: Vec<u32>,
}

/// Where the results of a batch go.
struct Output<'a> {
    resolutions: &'a mut Resolutions,
    decisions: &'a mut IdentityBatch,
    tally: &'a mut Tally,
}

/// A row in its place.
#[derive(Copy, Clone)]
struct Place<'a> {
    event: &'a Event,
    row: u32,
    clock: Millis,
}

impl Identify {
    /// Knows nobody and has seen nothing.
    pub fn new(rules: &Rules) -> Identify {
        Identify::with(&rules.identity, &rules.dedup, Bounds::RULES)
    }

    fn with(identity: &IdentityRules, dedup: &DedupRules, bounds: Bounds) -> Identify {
        Identify {
            dedup: dedup.clone(),
            limits: Limits::new(identity),
            seen: AgeingSet::new(),
            registry: Registry::new(bounds),
            resolver: Resolver::default(),
            flat: Vec::new(),
            known: Vec::new(),
            known_at: 0,
            named: Vec::new(),
            due: Vec::new(),
        }
    }

    /// Says of each row of the batch whose it is. `clocks` is by row and never goes back. `resolutions` is emptied
    /// first, `decisions` is added to. Counts duplicates and what becomes of customers in `tally`; what was accepted
    /// or ignored is for the caller to count from the resolutions.
    pub fn apply(
        &mut self,
        events: &Events,
        clocks: &[Millis],
        resolutions: &mut Resolutions,
        decisions: &mut IdentityBatch,
        tally: &mut Tally,
    ) {
        assert_eq!(events.rows.len(), clocks.len(), "a clock for each row");
        resolutions.clear();
        let mut output = Output { resolutions, decisions, tally };
        for (group, rows) in events.rows.chunks(GROUP).enumerate() {
            self.look_ahead(events, rows);
            let mut place = 0;
            for (at, event) in rows.iter().enumerate() {
                let row = group * GROUP + at;
                let identifiers = List { start: place, len: event.identifiers.len };
                place += event.identifiers.len;
                let place = Place { event, row: row as u32, clock: clocks[row] };
                if self.registry.customers.next_look().is_some_and(|next| next <= place.clock) {
                    self.forget(place, &mut output);
                }
                if self.registry.changes != self.known_at {
                    self.look_again(identifiers);
                }
                let resolved = self.row(place, identifiers, &mut output);
                output.resolutions.rows.push(resolved);
            }
        }
    }

    /// Adds the identifiers owned, by kind.
    pub fn count_kinds(&self, kinds: &mut [u64]) {
        self.registry.identifiers.owners().for_each(|(kind, _)| kinds[kind.at()] += 1);
    }

    /// Goes on by other rules, whose kinds keep their numbers. What is remembered of a kind that is gone is forgotten. When
    /// somebody is to be looked at stays what it was.
    pub fn adopt(&mut self, rules: &Rules, numbers: &Renumbering) {
        for kind in numbers.kinds_gone() {
            self.registry.forget_kind(kind);
        }
        self.dedup = rules.dedup.clone();
        self.limits = Limits::new(&rules.identity);
    }

    /// Writes what is known between two batches.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn save(&self, to: &mut impl Write) -> io::Result<()> {
        (&self.seen, &self.registry).serialize(to)
    }

    /// Puts what was saved in the place of what is known.
    ///
    /// # Errors
    /// If `from` fails.
    pub fn restore(&mut self, from: &mut impl Read) -> io::Result<()> {
        (self.seen, self.registry) = BorshDeserialize::deserialize_reader(from)?;
        Ok(())
    }

    /// Customers founded so far.
    pub fn customers(&self) -> u32 {
        self.registry.customers.founded() as u32
    }

    /// Identifiers owned.
    pub fn identifiers(&self) -> u32 {
        self.registry.identifiers.len()
    }

    /// Bytes allocated: deduplication, identifiers, customers.
    pub fn bytes(&self) -> [usize; 3] {
        let [identifiers, customers] = self.registry.bytes();
        [self.seen.bytes(), identifiers, customers]
    }

    /// Checks by a full scan that the customers' counts are those of the identifiers. Panics if not.
    pub fn audit(&self) {
        self.registry.customers.audit(self.registry.identifiers.owners());
    }

    /// The two passes of reading: fills `known` and brings into the cache what the rows will need.
    fn look_ahead(&mut self, events: &Events, rows: &[Event]) {
        let Registry { customers, identifiers, .. } = &self.registry;
        self.known_at = self.registry.changes;
        self.flat.clear();
        self.known.clear();
        self.named.clear();
        for event in rows {
            self.seen.prefetch(event.dedup_key);
            if event.conversation.is_some() {
                customers.prefetch_id(event.conversation.customer);
                self.named.push(event.conversation.customer);
            }
            if event.identifiers.len == 0 && event.event_type == EventType::ContactReceived {
                customers.prefetch_id(first_under(event.dedup_key));
            }
            for identifier in &events.identifiers[event.identifiers.range()] {
                identifiers.prefetch(*identifier);
                self.flat.push(*identifier);
            }
        }
        for id in &self.named {
            customers.prefetch_of_id(*id);
        }
        for identifier in &self.flat {
            let customer = identifiers.find(*identifier);
            self.known.push(customer);
            if customer == NONE {
                customers.prefetch_id(first_under(identifier.hash));
            } else if customer != GENERIC {
                customers.prefetch(customer);
            }
        }
    }

    /// What was found ahead may have changed since: finds this row's once more.
    #[cold]
    fn look_again(&mut self, identifiers: List) {
        for place in identifiers.range() {
            self.known[place] = self.registry.identifiers.find(self.flat[place]);
        }
    }

    /// Who has had no event for too long is nobody any more.
    #[cold]
    fn forget(&mut self, place: Place, output: &mut Output) {
        let spans = (self.limits.forget_after, self.limits.forget_one_off_after);
        self.registry.customers.look(place.clock, spans, &mut self.due);
        for customer in &self.due {
            self.registry.remove(*customer, false);
            output.tally.forgotten += 1;
            let gone = Forgotten { row: place.row, customer: *customer, jointly: false };
            output.resolutions.forgotten.push(gone);
        }
    }

    fn row(&mut self, place: Place, identifiers: List, output: &mut Output) -> Resolved {
        let (event, dedup) = (place.event, &self.dedup);
        let new = self.seen.insert(event.dedup_key, place.clock.0, dedup.window.0, dedup.max_events);
        if !new && !planted!(DuplicatesTaken) {
            output.tally.duplicates += 1;
            return Resolved::Duplicate;
        }
        let known = &self.known[identifiers.range()];
        let identifiers = &self.flat[identifiers.range()];
        match event.event_type {
            EventType::RulesChanged => Resolved::Told,
            EventType::AgentUpdated | EventType::AgentState => Resolved::NoCustomer,
            EventType::AgentWrapped if event.conversation.is_some() || !event.has_from => {
                Resolved::NoCustomer
            }
            kind if founds(kind) => {
                if let Some(owner) = self.registry.owner_of_all(identifiers, known) {
                    self.resolved(owner, place.clock)
                } else if self.resolver.rank(identifiers, known, &mut self.registry, &self.limits) {
                    self.resolve(place, output)
                } else if matches!(kind, EventType::ContactReceived | EventType::CallbackRequested) {
                    self.without_identifier(place, output)
                } else {
                    Resolved::Ignored(IgnoreReason::NoIdentifier)
                }
            }
            EventType::IdentityUnlinked => {
                self.resolver.rank(identifiers, known, &mut self.registry, &self.limits);
                self.unlink(place, output)
            }
            EventType::CustomerErased => {
                self.resolver.rank(identifiers, known, &mut self.registry, &self.limits);
                self.erase(place, output)
            }
            _ => {
                let customer = if event.conversation.is_some() {
                    self.registry.customers.of_id(event.conversation.customer)
                } else if let Some(owner) = self.registry.owner_of_all(identifiers, known) {
                    Some(owner)
                } else {
                    self.resolver.rank(identifiers, known, &mut self.registry, &self.limits);
                    self.resolver.owner_of_best()
                };
                match customer {
                    Some(root) => self.resolved(root, place.clock),
                    None => Resolved::Ignored(IgnoreReason::UnknownCustomer),
                }
            }
        }
    }

    /// Finds or founds the customer of the ranked identifiers and tells what else came of it.
    fn resolve(&mut self, place: Place, output: &mut Output) -> Resolved {
        let Place { event, row, clock } = place;
        if event.event_type == EventType::IdentityLinked && self.registry.has_bans() {
            self.resolver.lift_bans(&mut self.registry);
        }
        let customer = self.resolver.resolve(&mut self.registry, &self.limits, clock);
        let id = self.registry.customers.id(customer);
        if self.resolver.founded {
            output.founded(place, id, &self.limits);
        }
        let Output { resolutions, decisions, tally } = output;
        for (kind, reason) in &self.resolver.refused {
            let refused = IdentityDecision::Refused { customer: id, kind: *kind, reason: *reason };
            decisions.decisions.push((clock, event.position, event.traceparent, refused));
        }
        if !self.resolver.absorbed.is_empty() {
            tally.absorbed += self.resolver.absorbed.len() as u64;
            let start = decisions.absorbed.len() as u32;
            for absorbed in &self.resolver.absorbed {
                let absorbed_id = self.registry.customers.id(*absorbed);
                decisions.absorbed.push(absorbed_id);
                let merge =
                    Merge { row, survivor: customer, survivor_id: id, absorbed: *absorbed, absorbed_id };
                resolutions.merges.push(merge);
            }
            let absorbed = List { start, len: self.resolver.absorbed.len() as u32 };
            let merged = IdentityDecision::Merged { customer: id, absorbed };
            decisions.decisions.push((clock, event.position, event.traceparent, merged));
        }
        self.resolved(customer, clock)
    }

    /// Moves the one ranked identifier to a customer of its own.
    fn unlink(&mut self, place: Place, output: &mut Output) -> Resolved {
        let Some((identifier, from)) = self.resolver.only() else {
            return Resolved::Ignored(IgnoreReason::UnknownCustomer);
        };
        if self.registry.customers.total(from) == 1 {
            return Resolved::Ignored(IgnoreReason::OnlyIdentifier);
        }
        let to = self.registry.unlink(identifier, from, place.clock, &self.limits);
        let customers = &self.registry.customers;
        let split = IdentityDecision::Split { from: customers.id(from), to: customers.id(to) };
        output.tell(place, split);
        output.tally.customers += 1;
        output.tally.split += 1;
        self.resolved(from, place.clock)
    }

    /// Takes the one owner of the ranked identifiers out. What is open of it is understand's to end.
    fn erase(&mut self, place: Place, output: &mut Output) -> Resolved {
        let owner = match self.resolver.owners(&self.registry) {
            [] => return Resolved::Ignored(IgnoreReason::UnknownCustomer),
            [owner] => *owner,
            _ => {
                output.tell(place, IdentityDecision::Ambiguous);
                return Resolved::Told;
            }
        };
        let resolved = self.resolved(owner, place.clock);
        output.tell(place, IdentityDecision::Erased { customer: self.registry.customers.id(owner) });
        output.tally.erased += 1;
        self.registry.remove(owner, true);
        resolved
    }

    /// A contact that no identifier is left of: its conversation's customer, else one who is founded for it.
    fn without_identifier(&mut self, place: Place, output: &mut Output) -> Resolved {
        let Place { event, clock, .. } = place;
        let customers = &mut self.registry.customers;
        let named =
            if event.conversation.is_some() { customers.of_id(event.conversation.customer) } else { None };
        let customer = named.unwrap_or_else(|| {
            let founded = customers.found(event.dedup_key, clock, self.limits.forget_one_off_after);
            output.founded(place, customers.id(founded), &self.limits);
            founded
        });
        if let Some(due) = event.due.filter(|_| customers.total(customer) == 0) {
            customers.touch(customer, due.min(clock.plus(CALLBACK_MAX)));
        }
        self.resolved(customer, clock)
    }

    #[inline]
    fn resolved(&mut self, root: u32, clock: Millis) -> Resolved {
        let customers = &mut self.registry.customers;
        customers.touch(root, clock);
        Resolved::Customer { index: root, id: customers.id(root), kinds: customers.kinds(root) }
    }
}

/// Whether events of this type create, attach and merge. All others look up.
#[inline]
fn founds(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::ContactReceived
            | EventType::CallbackRequested
            | EventType::CustomerUpdated
            | EventType::IdentityLinked
    )
}

/// The id of who is founded first by a hash.
#[inline]
fn first_under(hash: u128) -> CustomerId {
    CustomerId { hash: founding_bits(hash), generation: 0 }
}

impl Output<'_> {
    /// Somebody new: told before anything else that names them.
    fn founded(&mut self, place: Place, customer: CustomerId, limits: &Limits) {
        self.tally.customers += 1;
        if limits.customer_created {
            self.tell(place, IdentityDecision::Created { customer });
        }
    }

    fn tell(&mut self, place: Place, decision: IdentityDecision) {
        let Place { event, clock, .. } = place;
        self.decisions.decisions.push((clock, event.position, event.traceparent, decision));
    }
}

#[cfg(test)]
mod tests;
