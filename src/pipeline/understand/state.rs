//! What understand knows, as bytes and back: shard by shard, whatever parts they are dealt out to. Names are numbered by
//! each part as they come to it, so they are saved once for all, in the order of their keys, and what refers to them is
//! numbered accordingly; a part that is restored knows all names.

use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};

use super::customer::NONE;
use super::latest::Latest;
use super::shard::Shard;
use super::{SHARDS, Texts, Understand};
use crate::collections::names::Names;
use crate::types::IgnoreReason;

/// Key and bytes of a name.
type Name<'a> = (u64, &'a [u8]);

/// All parts' names in one order, and the number there of each part's.
struct Numbers<'a> {
    names: Vec<Name<'a>>,
    of_part: Vec<Vec<u32>>,
}

impl<'a> Numbers<'a> {
    fn of(parts: &[&'a Names]) -> Numbers<'a> {
        let mut names: Vec<Name<'a>> = parts.iter().flat_map(|names| names.iter()).collect();
        names.sort_unstable();
        names.dedup();
        let place = |name: Name<'a>| names.binary_search(&name).expect("it is among all names") as u32;
        let of_part = parts.iter().map(|names| names.iter().map(place).collect()).collect();
        Numbers { names, of_part }
    }

    fn number(&self, part: usize, number: u32) -> u32 {
        if number == NONE { NONE } else { self.of_part[part][number as usize] }
    }
}

/// Numbers of agents and of sets of skills.
struct TextNumbers<'a> {
    agents: Numbers<'a>,
    skills: Numbers<'a>,
}

fn read_names(from: &mut impl Read) -> io::Result<Vec<(u64, Vec<u8>)>> {
    Vec::deserialize_reader(from)
}

impl Understand {
    /// Writes what the parts know.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn save(parts: &[&mut Understand], to: &mut impl Write) -> io::Result<()> {
        let names = |of: fn(&Texts) -> &Names| {
            Numbers::of(&parts.iter().map(|part| of(&part.shards.texts)).collect::<Vec<_>>())
        };
        let numbers =
            TextNumbers { agents: names(|texts| &texts.agents), skills: names(|texts| &texts.skills) };
        numbers.agents.names.serialize(to)?;
        numbers.skills.names.serialize(to)?;
        for shard in 0..SHARDS {
            let part = shard % parts.len();
            parts[part].shards.shards[shard / parts.len()].save(part, &numbers, to)?;
        }
        let mut ignored = [0; IgnoreReason::ALL.len()];
        for part in parts {
            ignored.iter_mut().zip(part.ignored).for_each(|(sum, count)| *sum += count);
        }
        ignored.serialize(to)
    }

    /// Puts what was saved in the place of what these parts know.
    ///
    /// # Errors
    /// If `from` fails.
    pub fn restore(parts: &mut [&mut Understand], from: &mut impl Read) -> io::Result<()> {
        let (agents, skills) = (read_names(from)?, read_names(from)?);
        for part in parts.iter_mut() {
            let texts = &mut part.shards.texts;
            *texts = Texts::default();
            for (key, name) in &agents {
                texts.agents.number(*key, name);
            }
            for (key, set) in &skills {
                texts.skills.number(*key, set);
            }
            part.ignored = Default::default();
        }
        let count = parts.len();
        for shard in 0..SHARDS {
            parts[shard % count].shards.shards[shard / count].restore(from)?;
        }
        parts[0].ignored = BorshDeserialize::deserialize_reader(from)?;
        Ok(())
    }
}

impl Shard {
    fn save(&self, part: usize, numbers: &TextNumbers<'_>, to: &mut impl Write) -> io::Result<()> {
        let Shard { customers, conversations, latest, free, hand, horizon, threads, .. } = self;
        customers.len().serialize(to)?;
        for customer in customers.iter() {
            let last_agent = numbers.agents.number(part, customer.last_agent);
            let mut customer = customer.clone();
            customer.last_agent = last_agent;
            customer.serialize(to)?;
        }
        conversations.serialize(to)?;
        latest.len().serialize(to)?;
        for latest in latest.iter() {
            let preferred = numbers.agents.number(part, latest.preferred);
            let skills = numbers.skills.number(part, latest.skills);
            Latest { preferred, skills, ..*latest }.serialize(to)?;
        }
        (free, hand, horizon, threads).serialize(to)?;
        let Shard { blocks, preferred, told_agent, known_as, .. } = self;
        blocks.serialize(to)?;
        (preferred.len() as u32).serialize(to)?;
        for (customer, agent) in preferred {
            (customer, numbers.agents.number(part, *agent)).serialize(to)?;
        }
        (told_agent, known_as).serialize(to)
    }

    fn restore(&mut self, from: &mut impl Read) -> io::Result<()> {
        self.customers = BorshDeserialize::deserialize_reader(from)?;
        self.conversations = BorshDeserialize::deserialize_reader(from)?;
        self.latest = BorshDeserialize::deserialize_reader(from)?;
        (self.free, self.hand, self.horizon, self.threads) = BorshDeserialize::deserialize_reader(from)?;
        self.blocks = BorshDeserialize::deserialize_reader(from)?;
        self.preferred = BorshDeserialize::deserialize_reader(from)?;
        (self.told_agent, self.known_as) = BorshDeserialize::deserialize_reader(from)?;
        Ok(())
    }
}
