//! The naive sequential engine on ordered maps and plain scans: the oracle that the pipeline is compared with.
//! It is the semantics written down once more, one entry at a time, right rather than fast. It shares only types and
//! rules with what it checks, and may not use the pipeline.

pub mod json;
pub mod instant;
pub mod normalise;
pub mod event;
pub mod decode;
mod clock;
mod dedup;
mod identity;
pub mod terms;
mod routing_rules;
pub mod value;
mod understand;
mod elsewhere;
mod folding;
mod division;
mod operations;
mod queueing;
mod agents;
mod matching;
mod dispatch;
pub mod reasons;
mod sla;
mod timers;
pub mod output;
mod succession;
mod audit;

use std::sync::Arc;

use crate::rules::Rules;
use crate::rules::keys::{HashKey, Keys};
use crate::types::record::{Limits, Record};
use crate::types::{
    Cause, DivisionId, EventType, IgnoreReason, Millis, Position, RefusalReason, RejectReason, Tally,
    TraceParent,
};
use clock::{Clock, arrived};
use dedup::Dedup;
use division::{Division, Moment};
use event::Event;
use folding::Joint;
use identity::{CustomerNumber, Identity};
use output::{Body, Collected, Output};
use reasons::Reasons;
use understand::{Found, Understand};

/// The whole engine of one tenant.
#[derive(Clone, Debug)]
pub struct Model {
    rules: Arc<Rules>,
    /// Whether these are others than those of the beginning.
    rules_changed: bool,
    keys: Keys,
    limits: Limits,
    clock: Clock,
    /// Wall clock of the present entry; absent in plain files.
    now: Option<Millis>,
    dedup: Dedup,
    identity: Identity,
    understand: Understand,
    divisions: Vec<Division>,
    /// What a merge asks of divisions, before the event that caused it is carried out there.
    joint: Vec<Joint>,
    tally: Tally,
    collected: Collected,
    latest: Vec<Output>,
    /// Full reasons of offers, if they are kept.
    reasons: Option<Vec<Reasons>>,
}

/// What an accepted event came to.
type Applied = Result<(), IgnoreReason>;

impl Model {
    /// An engine that has seen nothing.
    pub fn new(rules: Rules, key: &HashKey, tenant: &str) -> Model {
        let divisions = (0..rules.divisions.len()).map(|at| Division::new(DivisionId(at as u16))).collect();
        Model {
            keys: Keys::new(key, &rules),
            limits: Limits::default(),
            clock: Clock::default(),
            now: None,
            dedup: Dedup::default(),
            identity: Identity::default(),
            understand: Understand::default(),
            divisions,
            joint: Vec::new(),
            tally: Tally::new(rules.queues.len()),
            collected: Collected::new(tenant),
            latest: Vec::new(),
            reasons: None,
            rules: Arc::new(rules),
            rules_changed: false,
        }
    }

    /// Keeps the full reasons of every offer from now on.
    pub fn keep_reasons(&mut self) {
        self.reasons.get_or_insert_default();
    }

    /// Those kept since they were asked for last, in the order in which offers were made.
    pub fn take_reasons(&mut self) -> Vec<Reasons> {
        self.reasons.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Applies every event of a record, in order. `now`: the wall clock recorded with it; absent in plain files.
    pub fn apply_record(&mut self, record: &Record, now: Option<Millis>) {
        self.latest.clear();
        let mut rules = self.rules.clone();
        let mut events = decode::decode_record(record, &rules, &self.keys, &self.limits).into_iter();
        while let Some((position, decoded)) = events.next() {
            match decoded {
                Ok(event) => self.accept(&event, now),
                Err((reason, detail)) => self.reject(position, reason, detail),
            }
            // What stands behind a change of rules in one record is decoded by the new ones.
            if !Arc::ptr_eq(&rules, &self.rules) {
                rules = self.rules.clone();
                let mut anew = decode::decode_record(record, &rules, &self.keys, &self.limits);
                anew.retain(|(other, _)| other.index > position.index);
                events = anew.into_iter();
            }
        }
    }

    /// Applies one event that was decoded before.
    pub fn apply_event(&mut self, event: &Event, now: Option<Millis>) {
        self.latest.clear();
        self.accept(event, now);
    }

    /// An entry without event: moves the clock on to `clock` (never back) and fires what falls due. `None`: the
    /// clock stays, as at the end of a log.
    pub fn advance(&mut self, clock: Option<Millis>, now: Option<Millis>) {
        self.latest.clear();
        self.now = now;
        let clock = clock.map_or(self.clock.time(), |clock| self.clock.forward(clock));
        self.fire(clock);
    }

    /// The rules in force, and the tenant's keys under them.
    pub fn rules(&self) -> (&Arc<Rules>, &Keys) {
        (&self.rules, &self.keys)
    }

    /// The clock of the last entry.
    pub fn clock(&self) -> Millis {
        self.clock.time()
    }

    /// The deadline of the timer that fires next.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.divisions.iter().filter_map(|division| division.timers.next_deadline()).min()
    }

    /// Every line of output so far.
    pub fn collected(&self) -> &Collected {
        &self.collected
    }

    /// What the last call put out, timers included.
    pub fn latest(&self) -> &[Output] {
        &self.latest
    }

    /// What was counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn reject(&mut self, position: Position, reason: RejectReason, detail: String) {
        self.tally.events += 1;
        self.tally.rejected[reason as usize] += 1;
        self.put_out(Output {
            time: self.clock.time(),
            cause: Cause::Event(position),
            traceparent: TraceParent::NONE,
            body: Body::Rejected(output::Rejected { position, reason, detail }),
        });
    }

    /// The order of work for each event: clock, timers, duplicates, identities, conversations, matching.
    fn accept(&mut self, event: &Event, now: Option<Millis>) {
        self.tally.events += 1;
        self.now = now;
        let clock = self.clock.entry(event.recorded, now);
        self.fire(clock);
        self.forget(clock);
        if !self.dedup.accept(event.dedup_key, clock, &self.rules.dedup) {
            self.tally.duplicates += 1;
            return;
        }
        self.tally.accepted += 1;
        if arrived(event.time, clock, self.rules.clock.max_late) != event.time {
            self.tally.clamped += 1;
        }
        if let Err(reason) = self.apply(event) {
            self.tally.ignored[reason as usize] += 1;
        }
        self.join_elsewhere(event);
    }

    fn apply(&mut self, event: &Event) -> Applied {
        match event.event_type {
            EventType::RulesChanged => self.change_rules(event),
            EventType::IdentityUnlinked => self.unlink(event),
            EventType::CustomerErased => self.erase(event),
            EventType::ContactReceived | EventType::CallbackRequested => {
                let customer = self.customer_of_contact(event);
                self.contact(event, customer)
            }
            EventType::CustomerUpdated => {
                let customer = self.resolve(event)?;
                self.understand.update_profile(customer, event);
                Ok(())
            }
            EventType::IdentityLinked => self.resolve(event).map(|_| ()),
            EventType::AgentUpdated | EventType::AgentState => self.agent_event(event, None),
            EventType::AgentWrapped => {
                let by_customer = event.conversation.is_none() && event.has_from;
                let customer = if by_customer { Some(self.look_up(event)?) } else { None };
                self.agent_event(event, customer)
            }
            _ => {
                let customer = self.look_up(event)?;
                self.operation(event, customer)
            }
        }
    }

    /// Whoever reached out: of these identifiers; without any, of the conversation's id; else nobody ever seen.
    fn customer_of_contact(&mut self, event: &Event) -> CustomerNumber {
        if let Ok(customer) = self.resolve(event) {
            return customer;
        }
        let known = event.conversation.and_then(|id| self.identity.customer_of_id(id.customer));
        let clock = self.clock.time();
        let customer = known.unwrap_or_else(|| {
            let founded = self.identity.found_one_off(event.dedup_key, clock, &self.rules.identity);
            self.founded(event, founded);
            founded
        });
        let due = event.due.map(|due| due.min(clock.plus(elsewhere::CALLBACK_MAX)));
        self.identity.touch(customer, clock, due);
        customer
    }

    /// Finds, founds or merges the customer of the event's identifiers, and tells what came of it.
    fn resolve(&mut self, event: &Event) -> Result<CustomerNumber, IgnoreReason> {
        let ranked = self.identity.ranked(&event.identifiers, &self.rules.identity);
        if ranked.is_empty() {
            return Err(IgnoreReason::NoIdentifier);
        }
        if event.event_type == EventType::IdentityLinked {
            self.identity.lift_bans(&ranked);
        }
        let (founded_before, clock) = (self.identity.founded(), self.clock.time());
        let resolved = self.identity.resolve(ranked, clock, &self.rules.identity);
        self.identity.touch(resolved.customer, clock, None);
        if self.identity.founded() > founded_before {
            self.founded(event, resolved.customer);
        }
        self.tally.absorbed += resolved.absorbed.len() as u64;
        let customer = self.identity.id(resolved.customer);
        for (kind, reason) in &resolved.refused {
            let kind = Some(self.rules.identity.kinds[kind.at()].name.clone());
            let refused = output::Refused { customer: Some(customer), kind, reason: *reason };
            self.tell(event, Body::Refused(refused));
        }
        if !resolved.absorbed.is_empty() {
            let absorbed = resolved.absorbed.iter().map(|other| self.identity.own_id(*other)).collect();
            self.tell(event, Body::Merged(output::Merged { customer, absorbed }));
            let (customer, clock) = (resolved.customer, self.clock.time());
            self.understand.merge(customer, &resolved.absorbed, &self.rules.conversation);
            self.joint = self.understand.join(customer, clock, &self.rules, &self.identity);
        }
        Ok(resolved.customer)
    }

    /// Somebody new: told before anything else that names them.
    fn founded(&mut self, event: &Event, customer: CustomerNumber) {
        self.tally.customers += 1;
        if self.rules.identity.customer_created {
            let customer = self.identity.id(customer);
            self.tell(event, Body::Created(output::Created { customer }));
        }
    }

    /// Whoever the event is about: by the conversation's id alone, if it names one, else by `from`.
    fn look_up(&mut self, event: &Event) -> Result<CustomerNumber, IgnoreReason> {
        let customer = match event.conversation {
            Some(id) => self.identity.customer_of_id(id.customer),
            None => self.identity.look_up(&event.identifiers, &self.rules.identity),
        };
        let customer = customer.ok_or(IgnoreReason::UnknownCustomer)?;
        self.identity.touch(customer, self.clock.time(), None);
        Ok(customer)
    }

    /// One identifier is somebody else's.
    fn unlink(&mut self, event: &Event) -> Applied {
        let identifier = event.identifiers.first().ok_or(IgnoreReason::UnknownCustomer)?;
        let (from, to) = self.identity.unlink(*identifier, self.clock.time(), &self.rules.identity)?;
        self.tally.customers += 1;
        self.tally.split += 1;
        let (from, to) = (self.identity.id(from), self.identity.id(to));
        self.tell(event, Body::Split(output::Split { from, to }));
        Ok(())
    }

    /// Forgets a person, and ends what is open of it in every division.
    fn erase(&mut self, event: &Event) -> Applied {
        let owners = self.identity.owners(&event.identifiers, &self.rules.identity);
        let customer = *owners.first().ok_or(IgnoreReason::UnknownCustomer)?;
        if owners.len() > 1 {
            let refused = output::Refused { customer: None, kind: None, reason: RefusalReason::Ambiguous };
            self.tell(event, Body::Refused(refused));
            return Ok(());
        }
        self.tally.erased += 1;
        self.tell(event, Body::Erased(output::Erased { customer: self.identity.id(customer) }));
        let (clock, cause) = (self.clock.time(), Cause::Event(event.position));
        for (division, ids) in self.understand.erase(customer) {
            self.in_division(division, clock, cause, event.traceparent, |d, moment| {
                ids.iter().for_each(|id| d.erased(*id, moment));
                Ok(())
            })?;
        }
        let ids = self.identity.erase(customer);
        self.understand.forget_customer(customer, &ids);
        Ok(())
    }

    /// Who has not been heard of for too long is nobody any more.
    fn forget(&mut self, clock: Millis) {
        for (customer, ids) in self.identity.forget_due(clock, &self.rules.identity) {
            self.tally.forgotten += 1;
            self.understand.forget_customer(customer, &ids);
        }
    }

    fn contact(&mut self, event: &Event, customer: CustomerNumber) -> Applied {
        let clock = self.clock.time();
        let contact = self.understand.contact(event, customer, clock, &self.rules, &self.identity)?;
        self.in_division(
            contact.division,
            clock,
            Cause::Event(event.position),
            event.traceparent,
            |d, moment| {
                d.contact(contact, moment);
                Ok(())
            },
        )
    }

    fn operation(&mut self, event: &Event, customer: CustomerNumber) -> Applied {
        let clock = self.clock.time();
        let cause = Cause::Event(event.position);
        match self.understand.find(event, customer, clock, &self.rules, &self.identity)? {
            Found::Operation(id, division) => {
                self.in_division(division, clock, cause, event.traceparent, |d, m| d.operate(id, event, m))
            }
            Found::Updated(id, division, worth) => {
                self.in_division(division, clock, cause, event.traceparent, |d, m| {
                    d.updated(id, worth, event, m)
                })
            }
            Found::Moved(id, division, contact, agent) => {
                let to = contact.division;
                self.in_division(division, clock, cause, event.traceparent, |d, m| {
                    d.moved(id, m);
                    Ok(())
                })?;
                self.in_division(to, clock, cause, event.traceparent, |d, m| {
                    d.moved_in(*contact, agent, m);
                    Ok(())
                })
            }
        }
    }

    fn agent_event(&mut self, event: &Event, customer: Option<CustomerNumber>) -> Applied {
        let clock = self.clock.time();
        let division = event.division.expect("an event about an agent names the division");
        self.in_division(division, clock, Cause::Event(event.position), event.traceparent, |d, moment| {
            d.agent_event(event, customer, moment)
        })
    }

    /// Carries out, one at a time, every timer that is due at `clock`. Divisions share nothing that a timer could
    /// touch, so each may fire its own.
    fn fire(&mut self, clock: Millis) {
        for at in 0..self.divisions.len() {
            while let Some((deadline, timer)) = self.divisions[at].timers.next_due(clock) {
                let division = DivisionId(at as u16);
                let fired =
                    self.in_division(division, deadline, Cause::Timer, TraceParent::NONE, |d, moment| {
                        d.carry_out(timer, moment);
                        Ok(())
                    });
                fired.expect("a timer is never ignored");
            }
        }
    }

    /// Does something in a division, lets it match, and puts out what was decided, in the order of outputs.
    fn in_division(
        &mut self,
        division: DivisionId,
        clock: Millis,
        cause: Cause,
        traceparent: TraceParent,
        operation: impl FnOnce(&mut Division, &mut Moment) -> Applied,
    ) -> Applied {
        let mut outputs = Vec::new();
        let all = std::mem::take(&mut self.joint);
        let (here, elsewhere): (Vec<_>, Vec<_>) = all.into_iter().partition(|j| j.division() == division);
        self.joint = elsewhere;
        let mut moment = Moment {
            rules: &self.rules,
            identity: &self.identity,
            clock,
            now: self.now,
            cause,
            traceparent,
            tally: &mut self.tally,
            outputs: &mut outputs,
            reasons: self.reasons.as_mut(),
        };
        let division = &mut self.divisions[division.at()];
        here.iter().for_each(|joint| division.join_up(joint, &mut moment));
        let applied = operation(division, &mut moment);
        division.match_touched(&mut moment);
        division.acknowledge(&mut moment);
        output::sort(&mut outputs);
        outputs.into_iter().for_each(|output| self.put_out(output));
        applied
    }

    /// What a merge means for divisions in which the event itself does nothing.
    fn join_elsewhere(&mut self, event: &Event) {
        while let Some(division) = self.joint.first().map(Joint::division) {
            let (clock, cause) = (self.clock.time(), Cause::Event(event.position));
            let joined = self.in_division(division, clock, cause, event.traceparent, |_, _| Ok(()));
            joined.expect("nothing is asked besides");
        }
    }

    fn tell(&mut self, event: &Event, body: Body) {
        let (time, cause) = (self.clock.time(), Cause::Event(event.position));
        self.put_out(Output { time, cause, traceparent: event.traceparent, body });
    }

    fn put_out(&mut self, output: Output) {
        self.collected.push(&output);
        self.latest.push(output);
    }
}
