//! What a division knows, as bytes and back.

use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};

use super::Division;

impl Division {
    /// Writes what is known between two batches.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn save(&self, to: &mut impl Write) -> io::Result<()> {
        let Division {
            clock,
            book,
            staff,
            waiting,
            exclusions,
            extras,
            callbacks,
            gaps,
            served,
            wheel,
            attempts,
            last_agents,
            batch,
            ignored,
            objectives,
            // Of the rules, of the step in hand, or only guesses.
            rules: _,
            targets,
            id: _,
            now: _,
            unit: _,
            contacted: _,
            due: _,
            takeable,
            freed,
            scratch: _,
            order: _,
            ahead: _,
            guess: _,
        } = self;
        assert!(takeable.is_empty() && freed.is_empty(), "a division is saved between two steps");
        targets.save(to)?;
        (clock, book, staff, waiting).serialize(to)?;
        (exclusions, extras, callbacks, gaps, served).serialize(to)?;
        (wheel, attempts, last_agents).serialize(to)?;
        let next_number = batch.first_number + batch.decisions.len() as u64;
        (next_number, ignored, objectives).serialize(to)
    }

    /// Puts what was saved in the place of what is known.
    ///
    /// # Errors
    /// If `from` fails.
    pub fn restore(&mut self, from: &mut impl Read) -> io::Result<()> {
        self.targets.restore(from)?;
        (self.clock, self.book, self.staff, self.waiting) = BorshDeserialize::deserialize_reader(from)?;
        (self.exclusions, self.extras, self.callbacks, self.gaps, self.served) =
            BorshDeserialize::deserialize_reader(from)?;
        (self.wheel, self.attempts, self.last_agents) = BorshDeserialize::deserialize_reader(from)?;
        self.batch.clear();
        (self.batch.first_number, self.ignored, self.objectives) =
            BorshDeserialize::deserialize_reader(from)?;
        Ok(())
    }
}
