//! Asking for memory ahead of its use. An operation touches a conversation, its node in the wheel and an agent, each
//! a miss of the caches and some found only by way of another miss. So each is asked for in steps, some operations ahead:
//! the event's row and the places in the tables, then the records that stand there, then what the records point to.

use crate::collections::prefetch::{lines_of, prefetch};
use crate::types::event::Events;
use crate::types::operation::Action;

use super::Division;
use super::conversation::NONE;
use super::order::Ordered;
use super::timers::Handle;

/// Operations ahead at which an event's row is asked for.
const ROW: usize = 12;
/// At which places in tables are.
const PLACE: usize = 8;
/// At which records are.
const RECORD: usize = 5;
/// At which what records point to is.
const MORE: usize = 1;

/// Guesses kept at a time.
const GUESSES: usize = RECORD + 1;

/// Slots that conversations of the next operations most likely have, by place in the batch modulo `GUESSES`.
#[derive(Default, Debug)]
pub struct Ahead {
    guesses: [u32; GUESSES],
}

impl Division {
    /// Before the operation at `place` is carried out: asks for what later ones need, and says which slot it has itself.
    pub(super) fn look_ahead(&mut self, events: &Events, operations: Ordered<'_>, place: usize) {
        if place == 0 {
            (0..ROW).for_each(|at| self.ask_for_row(events, operations, at));
            (0..PLACE).for_each(|at| self.ask_for_places(events, operations, at));
            (0..RECORD).for_each(|at| self.ask_for_records(events, operations, at));
        }
        self.ask_for_row(events, operations, place + ROW);
        self.ask_for_places(events, operations, place + PLACE);
        self.ask_for_records(events, operations, place + RECORD);
        self.ask_for_more(operations, place + MORE);
        self.guess = self.ahead.guesses[place % GUESSES];
    }

    /// The row of the event, and what understand made of a contact.
    fn ask_for_row(&self, events: &Events, operations: Ordered<'_>, place: usize) {
        let Some((list, later)) = operations.get(place) else { return };
        lines_of(&events.rows[later.row as usize]);
        if let Action::Contact(at) = later.action {
            prefetch(&list.contacts, at as usize);
        }
    }

    /// Places of the conversation and of the agents in their tables.
    fn ask_for_places(&self, events: &Events, operations: Ordered<'_>, place: usize) {
        let Some((list, later)) = operations.get(place) else { return };
        if later.conversation.is_some() {
            self.book.prefetch(later.conversation);
        }
        match later.action {
            Action::Contact(at) => self.last_agents.prefetch(list.contacts[at as usize].last_agent_key),
            action if names_agent(action) => {
                self.staff.names.prefetch(events.rows[later.row as usize].agent_key)
            }
            _ => {}
        }
    }

    /// The conversation, its node in the wheel, the agents.
    fn ask_for_records(&mut self, events: &Events, operations: Ordered<'_>, place: usize) {
        let Some((list, later)) = operations.get(place) else { return };
        let guess = if later.conversation.is_some() { self.book.guess(later.conversation) } else { NONE };
        self.ahead.guesses[place % GUESSES] = guess;
        if guess != NONE {
            self.wheel.prefetch(Handle::conversation(guess));
            self.book.prefetch_slot(guess, matches!(later.action, Action::Contact(_) | Action::Resolved));
        }
        match later.action {
            Action::Contact(at) => {
                let contact = &list.contacts[at as usize];
                prefetch(&list.attempts, contact.attempts.start as usize);
                self.last_agents.guess(contact.last_agent_key);
            }
            action if names_agent(action) => {
                let key = events.rows[later.row as usize].agent_key;
                if let Some(agent) = self.staff.names.guess(key) {
                    self.staff.prefetch(agent, !matches!(action, Action::Accepted));
                }
            }
            _ => {}
        }
    }

    /// What the conversation points to.
    fn ask_for_more(&self, operations: Ordered<'_>, place: usize) {
        let guess = self.ahead.guesses[place % GUESSES];
        let Some((_, later)) = operations.get(place).filter(|_| guess != NONE) else { return };
        let conversation = &self.book[guess];
        self.extras.prefetch(conversation);
        self.wheel.prefetch_neighbours(Handle::conversation(guess));
        match later.action {
            Action::Contact(_) => {
                self.attempts.prefetch(conversation.context.attempts);
                if conversation.class != NONE {
                    self.waiting.prefetch(guess);
                }
            }
            Action::Resolved | Action::Abandoned if conversation.agent != NONE => {
                self.staff.prefetch(conversation.agent, true);
            }
            _ => {}
        }
    }
}

/// Whether the agent that the event names is looked up.
fn names_agent(action: Action) -> bool {
    use Action::{Accepted, AgentState, AgentUpdated, Declined, Resolved, Wrapped};
    matches!(action, Accepted | Declined | AgentState | AgentUpdated | Resolved | Wrapped(_))
}
