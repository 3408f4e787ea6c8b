//! Conversations that understand opens beside the one that an event found: callbacks of their own, and what goes on in
//! another division.

use super::event::Event;
use super::identity::{CustomerNumber, Identity};
use super::routing_rules::Facts;
use super::understand::{Asks, Contact, Found, Understand};
use super::value::worth;
use crate::rules::Rules;
use crate::types::{ConversationId, DivisionId, DurationMs, Millis, QueueId};

/// A callback is due at most so long after its request.
pub(super) const CALLBACK_MAX: DurationMs = DurationMs::days(90);

impl Understand {
    /// A callback is no attempt. Whether an agent has the conversation that was found, only route knows; so each
    /// request that finds one gets an id for a conversation of its own, which opens if it has to.
    pub(super) fn callback(
        &mut self,
        event: &Event,
        contact: Contact,
        facts: Facts,
        clock: Millis,
        (rules, identity): (&Rules, &Identity),
    ) -> Contact {
        let asked = event.due.expect("a callback has a time");
        let due = asked.min(clock.plus(CALLBACK_MAX));
        let own = if contact.opens {
            contact.conversation
        } else {
            self.remember(&contact, facts.clone(), clock, rules);
            let known = self.known.get_mut(&contact.conversation).expect("it was just found");
            (known.due, known.scheduled) = (Some(due), !known.taken);
            self.next_id(identity.id(contact.customer))
        };
        if !contact.automated {
            let new = Contact {
                conversation: own,
                first_contact: contact.arrived,
                thread: None,
                ..contact.clone()
            };
            self.remember(&new, facts, clock, rules);
            let known = self.known.get_mut(&own).expect("it is remembered");
            (known.due, known.maybe, known.scheduled) = (Some(due), !contact.opens, true);
        }
        Contact { asks: Asks::Callback { due, own }, ..contact }
    }

    /// To a queue of another division: the conversation ends here, and a new one takes its place there. What nobody can
    /// have because its customer wants to be called later is a callback there, too.
    #[expect(clippy::too_many_arguments, reason = "all that a contact needs, and the old conversation")]
    pub(super) fn move_out(
        &mut self,
        event: &Event,
        id: ConversationId,
        queue: QueueId,
        customer: CustomerNumber,
        clock: Millis,
        rules: &Rules,
        identity: &Identity,
    ) -> Found {
        let known = self.known[&id].clone();
        let mut context = self.context(known.message, customer, Some(id), clock, rules, identity);
        context.failed_attempts = known.facts.failed_attempts as u32;
        let conversation = self.next_id(identity.id(customer));
        self.forget(id, customer);
        let due = known.due.filter(|due| known.scheduled && *due > clock);
        let contact = Contact {
            asks: Asks::Move { due },
            conversation,
            division: rules.queues[queue.at()].division,
            customer,
            opens: true,
            automated: false,
            reply: None,
            queue: Some(queue),
            home: queue,
            maybe: false,
            channel: known.facts.channel,
            arrived: known.arrived,
            first_contact: known.first_contact,
            worth: worth(&known.facts, rules),
            skills: known.skills,
            lang: known.facts.lang.clone(),
            preferred: known.preferred,
            replied: known.replied,
            thread: None,
            context,
            traceparent: known.traceparent,
        };
        self.remember(&contact, known.facts, clock, rules);
        let new = self.known.get_mut(&conversation).expect("it is remembered");
        (new.threads, new.due, new.scheduled) = (known.threads, due, due.is_some());
        let history = self.histories.entry(customer).or_default();
        for attempt in history.attempts.iter_mut().filter(|attempt| attempt.conversation == id) {
            attempt.conversation = conversation;
        }
        Found::Moved(id, known.division, Box::new(contact), event.agent.clone())
    }
}

/// Whether a queue of a division gives conversations to agents without asking them.
pub(super) fn accepts_by_itself(division: DivisionId, rules: &Rules) -> bool {
    rules.divisions[division.at()].queues.iter().any(|queue| rules.queues[queue.at()].auto_accept)
}
