//! The states of the stages as bytes and back: what a snapshot holds of the engine. The same states give the same bytes
//! for any number of threads, and what is restored goes on as what was saved would have.
//!
//! What follows from the rules is saved as it stands wherever it is mixed with what does not, so the rules must be the
//! ones in force when it was saved.

use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};

use super::change::Stages;
use super::understand::Understand;

impl Stages<'_> {
    /// Writes the states; nothing may be under way.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn save(&self, to: &mut impl Write) -> io::Result<()> {
        self.sequencer.save(to)?;
        Understand::save(&self.understand, to)?;
        (self.divisions.len() as u32).serialize(to)?;
        self.divisions.iter().try_for_each(|division| division.save(to))
    }

    /// Puts what was saved in the place of states that have seen nothing, under the same rules.
    ///
    /// # Errors
    /// If `from` fails, or does not hold the states of so many divisions.
    pub fn restore(&mut self, from: &mut impl Read) -> io::Result<()> {
        self.sequencer.restore(from)?;
        Understand::restore(&mut self.understand, from)?;
        let divisions = u32::deserialize_reader(from)?;
        if divisions as usize != self.divisions.len() {
            let what = format!("{divisions} divisions, the rules have {}", self.divisions.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        self.divisions.iter_mut().try_for_each(|division| division.restore(from))
    }
}
