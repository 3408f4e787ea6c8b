//! A change of rules: the stages go on by other ones. Whoever drives them has brought all of them to one entry of the log
//! and to rest: everything before it has gone by the old rules, everything behind it goes by the new ones. Within a log that
//! is a `rules.changed`, behind which the sequencer cuts the batch; on a live system it comes by the control topic.

use std::sync::Arc;

use crate::pipeline::route::{ChangedBy, Division};
use crate::pipeline::sequence::Sequencer;
use crate::pipeline::understand::Understand;
use crate::rules::keys::Keys;
use crate::rules::{self, Refusal, Renumbering, Rules, Uses};
use crate::types::event::Events;
use crate::types::{DivisionId, IgnoreReason, Position};

/// The text of the rules that a batch's last event asks for.
pub fn text(events: &Events) -> &str {
    let text = events.rows.last().and_then(|event| event.outcome).expect("decode requires the text");
    std::str::from_utf8(events.text(text)).expect("decode lets nothing through but UTF-8")
}

/// Every state of an engine.
pub struct Stages<'a> {
    /// The one writer.
    pub sequencer: &'a mut Sequencer,
    /// By part.
    pub understand: Vec<&'a mut Understand>,
    /// By `DivisionId`.
    pub divisions: Vec<&'a mut Division>,
}

/// What came of an event that asked for other rules.
#[derive(Debug)]
pub struct Asked {
    /// Where it stands.
    pub position: Position,
    /// What came of it.
    pub answer: Answer,
}

/// What came of it.
#[derive(Debug)]
pub enum Answer {
    /// They are in force behind it.
    Adopted,
    /// It came before, and has no effect.
    Duplicate,
    /// Nothing has changed.
    Refused(Refusal),
}

/// What a change came to.
pub struct Changed {
    /// The rules in force.
    pub rules: Arc<Rules>,
    /// Divisions that are new, behind those that there were.
    pub added: Vec<Division>,
}

impl Stages<'_> {
    /// Changes the rules to those of a text. `keys` are the tenant's.
    ///
    /// # Errors
    /// `check` refuses the text, or something in it is gone that is in use: nothing has changed, and it is counted.
    pub fn change(&mut self, text: &str, keys: &Keys, by: ChangedBy) -> Result<Changed, Refusal> {
        let changed = self.prepare(text, by);
        let (rules, numbers) = changed.inspect_err(|refusal| {
            self.sequencer.count_ignored(match refusal {
                Refusal::Unsound(_) => IgnoreReason::BadRules,
                Refusal::InUse { .. } | Refusal::DivisionGone(_) => IgnoreReason::InUse,
            });
        })?;
        let keys = keys.under(&rules);
        self.sequencer.adopt(&rules, &numbers);
        for part in &mut self.understand {
            part.adopt(&rules, &keys, &numbers, by.clock);
        }
        for division in &mut self.divisions {
            division.adopt(&rules, &keys, &numbers, by);
        }
        let added = self.divisions.len()..rules.divisions.len();
        let added = added.map(|at| Division::new(DivisionId(at as u16), rules.clone(), &keys)).collect();
        Ok(Changed { rules, added })
    }

    fn prepare(&self, text: &str, by: ChangedBy) -> Result<(Arc<Rules>, Renumbering), Refusal> {
        let before = self.sequencer.rules();
        let rules = rules::compile(text, "rules").map_err(Refusal::Unsound)?.succeed(before);
        let numbers = Renumbering::new(before, &rules);
        let mut uses = self.sequencer.uses();
        self.divisions.iter().for_each(|division| uses.add(&division.uses()));
        let mut open = Uses::none(before);
        self.understand.iter().for_each(|part| open.add(&part.uses(by.clock)));
        uses.at_least(&open);
        numbers.check(before, &uses)?;
        Ok((Arc::new(rules), numbers))
    }
}
