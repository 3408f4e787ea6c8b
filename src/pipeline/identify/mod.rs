//! The second stage: drops what came before, and says whose each event is. One writer over one flat state; the
//! decision of an event depends on the events before it and on nothing else, so batches may be cut anywhere.
//!
//! A batch goes through in groups of 32 rows and in three passes: ask for the lines of the tables; read those and ask
//! for the customers; apply the rows in order. Only reads are moved ahead, and what they found is used only where it
//! cannot have changed since (who got an identifier may have been absorbed, but stays the one to begin with), so the
//! result is that of one event after another.
//!
//! State: 32 bytes a key of the deduplication window, 26 an identifier, 43 a customer (means; `AgeingSet`,
//! `Identifiers`, `Customers`). Invariants: an identifier has one owner; a root's counts are those of its
//! identifiers; no count passes its limit (`Identify::audit`, and assertions where they change).
//!
//! Not yet here: unlinking, erasing, generic identifiers, forgetting. Events that need them count as unsupported.

mod customers;
mod identifiers;
mod resolve;

use crate::collections::AgeingSet;
use crate::rules::keys::founding_bits;
use crate::rules::{DedupRules, IdentityRules, Rules};
use crate::types::decision::{IdentityBatch, IdentityDecision};
use crate::types::event::{Event, Events, Identifier, List};
use crate::types::operation::{Merge, Resolutions, Resolved};
use crate::types::{EventType, IgnoreReason, Millis, Tally};

use identifiers::NONE;
use resolve::{Limits, Registry, Resolver};

/// Rows whose reads are in flight together: enough to hide the memory's latency, few enough for the first-level
/// cache.
const GROUP: usize = 32;

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
    /// The customers who got them, found ahead, or `NONE`.
    known: Vec<u32>,
    /// Hashes of the customer ids that the group's rows name.
    named: Vec<u64>,
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
        Identify::with(&rules.identity, &rules.dedup)
    }

    fn with(identity: &IdentityRules, dedup: &DedupRules) -> Identify {
        Identify {
            dedup: dedup.clone(),
            limits: Limits::new(identity),
            seen: AgeingSet::new(),
            registry: Registry::default(),
            resolver: Resolver::default(),
            flat: Vec::new(),
            known: Vec::new(),
            named: Vec::new(),
        }
    }

    /// Says of each row of the batch whose it is. `clocks` is by row and never goes back. `resolutions` is emptied
    /// first, `decisions` is added to. Counts `duplicates`, `customers` and `absorbed` in `tally`; what was accepted
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
                let resolved = self.row(place, identifiers, &mut output);
                output.resolutions.rows.push(resolved);
            }
        }
    }

    /// Customers founded so far.
    pub fn customers(&self) -> u32 {
        self.registry.customers.len()
    }

    /// Identifiers owned.
    pub fn identifiers(&self) -> u32 {
        self.registry.identifiers.len()
    }

    /// Bytes allocated: deduplication, identifiers, customers.
    pub fn bytes(&self) -> [usize; 3] {
        [self.seen.bytes(), self.registry.identifiers.bytes(), self.registry.customers.bytes()]
    }

    /// Checks by a full scan that the customers' counts are those of the identifiers. Panics if not.
    pub fn audit(&self) {
        self.registry.customers.audit(self.registry.identifiers.owners());
    }

    /// The two passes of reading: fills `known` and brings into the cache what the rows will need.
    fn look_ahead(&mut self, events: &Events, rows: &[Event]) {
        let Registry { customers, identifiers } = &self.registry;
        self.flat.clear();
        self.known.clear();
        self.named.clear();
        for event in rows {
            self.seen.prefetch(event.dedup_key);
            if event.conversation.is_some() {
                customers.prefetch_id(event.conversation.customer.hash);
                self.named.push(event.conversation.customer.hash);
            }
            if event.identifiers.len == 0 && event.event_type == EventType::ContactReceived {
                customers.prefetch_id(founding_bits(event.dedup_key));
            }
            for identifier in &events.identifiers[event.identifiers.range()] {
                identifiers.prefetch(*identifier);
                self.flat.push(*identifier);
            }
        }
        for hash in &self.named {
            customers.prefetch_of_id(*hash);
        }
        for identifier in &self.flat {
            let customer = identifiers.find(*identifier);
            self.known.push(customer);
            if customer == NONE {
                customers.prefetch_id(founding_bits(identifier.hash));
            } else {
                customers.prefetch(customer);
            }
        }
    }

    fn row(&mut self, place: Place, identifiers: List, output: &mut Output) -> Resolved {
        let (event, dedup) = (place.event, &self.dedup);
        if !self.seen.insert(event.dedup_key, place.clock.0, dedup.window.0, dedup.max_events) {
            output.tally.duplicates += 1;
            return Resolved::Duplicate;
        }
        if is_unsupported(event) {
            return Resolved::Ignored(IgnoreReason::Unsupported);
        }
        let known = &self.known[identifiers.range()];
        let identifiers = &self.flat[identifiers.range()];
        match event.event_type {
            EventType::AgentUpdated | EventType::AgentState => Resolved::NoCustomer,
            EventType::AgentWrapped if event.conversation.is_some() || !event.has_from => {
                Resolved::NoCustomer
            }
            kind if founds(kind) => {
                if let Some(owner) = self.registry.owner_of_all(identifiers, known) {
                    self.resolved(owner)
                } else if self.resolver.rank(identifiers, known, &mut self.registry, &self.limits) {
                    self.resolve(place, output)
                } else if matches!(kind, EventType::ContactReceived | EventType::CallbackRequested) {
                    self.without_identifier(event, output.tally)
                } else {
                    Resolved::Ignored(IgnoreReason::NoIdentifier)
                }
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
                customer.map_or(Resolved::Ignored(IgnoreReason::UnknownCustomer), |root| self.resolved(root))
            }
        }
    }

    /// Finds or founds the customer of the ranked identifiers and tells what else came of it.
    fn resolve(&mut self, place: Place, output: &mut Output) -> Resolved {
        let customer = self.resolver.resolve(&mut self.registry, &self.limits);
        let id = self.registry.customers.id(customer);
        let Place { event, row, clock } = place;
        let Output { resolutions, decisions, tally } = output;
        for (kind, reason) in &self.resolver.refused {
            let refused = IdentityDecision::Refused { customer: id, kind: *kind, reason: *reason };
            decisions.decisions.push((clock, event.position, event.traceparent, refused));
        }
        tally.customers += u64::from(self.resolver.founded);
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
        self.resolved(customer)
    }

    /// A contact that no identifier is left of: its conversation's customer, else one who is founded for it.
    fn without_identifier(&mut self, event: &Event, tally: &mut Tally) -> Resolved {
        let customers = &mut self.registry.customers;
        let named =
            if event.conversation.is_some() { customers.of_id(event.conversation.customer) } else { None };
        let customer = named.unwrap_or_else(|| {
            tally.customers += 1;
            customers.found(event.dedup_key)
        });
        self.resolved(customer)
    }

    #[inline]
    fn resolved(&self, root: u32) -> Resolved {
        let customers = &self.registry.customers;
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

/// What this version accepts and does not carry out: nothing is looked up for it.
#[inline]
fn is_unsupported(event: &Event) -> bool {
    matches!(
        event.event_type,
        EventType::IdentityUnlinked | EventType::CustomerErased | EventType::RulesChanged
    )
}

#[cfg(test)]
mod tests;
