//! The parts of an event that have more than one value: identifiers, skills, languages, an agent's capacity and
//! queues; and the texts that need more than a look-up. Part of the fast pass, with the same promise.

use super::cursor::unescape;
use super::fast::{CAPACITY_MAX, DELAY_S_MAX, LEVEL_MAX, Pass, RANK_MAX, bytes_of, run};
use super::identifier::Normal;
use crate::types::event::{AgentQueue, Identifier, List, SkillLevel};
use crate::types::{AgentPresence, ChannelId, DivisionId, DurationMs, KindId, QueueId};

/// Up to so many skills are compared with each other; more are sorted, so that a hostile event costs no square.
const COMPARED: usize = 32;

impl Pass<'_> {
    #[inline]
    pub(super) fn channel(&mut self) -> Option<ChannelId> {
        let name = self.text()?;
        let place = self.tables.channels.find(bytes_of(self.src, self.unescaped, name))?;
        Some(ChannelId(place as u8))
    }

    #[inline]
    pub(super) fn queue(&mut self) -> Option<QueueId> {
        let name = self.text()?;
        self.tables.queues.find(bytes_of(self.src, self.unescaped, name)).map(QueueId)
    }

    #[inline]
    pub(super) fn division(&mut self) -> Option<DivisionId> {
        let name = self.text()?;
        self.tables.divisions.find(bytes_of(self.src, self.unescaped, name)).map(DivisionId)
    }

    pub(super) fn presence(&mut self) -> Option<AgentPresence> {
        let word = self.text()?;
        let place = self.tables.states.find(bytes_of(self.src, self.unescaped, word))?;
        Some(AgentPresence::ALL[usize::from(place)])
    }

    /// `text`: nobody keeps it, but its length is bounded.
    pub(super) fn message(&mut self) -> Option<()> {
        let text = self.cursor.quoted()?;
        let most = self.tables.limits.text_bytes;
        if text.end - text.start <= most {
            return Some(());
        }
        // Escapes only ever shorten a text, so only a long one needs to be unescaped to be measured.
        let before = self.unescaped.len();
        if text.escaped {
            unescape(&self.src[text.start..text.end], self.unescaped);
        }
        let length = self.unescaped.len() - before;
        self.unescaped.truncate(before);
        (text.escaped && length <= most).then_some(())
    }

    pub(super) fn lang(&mut self) -> Option<u64> {
        let lang = self.name()?;
        self.memory.lang(&self.tables.keys, bytes_of(self.src, self.unescaped, lang))
    }

    pub(super) fn langs(&mut self) -> Option<List> {
        let start = self.out.langs.len();
        self.cursor.expect(b'[')?;
        if self.cursor.token()? != b']' {
            loop {
                let lang = self.lang()?;
                self.out.langs.push(lang);
                if !self.more(b']')? {
                    break;
                }
            }
        } else {
            self.cursor.at += 1;
        }
        Some(run(&self.out.langs, start))
    }

    /// `from` or `identifier`: at least `least` values.
    pub(super) fn identifiers(&mut self, least: usize) -> Option<List> {
        let start = self.out.identifiers.len();
        let mut kinds: u32 = 0;
        let mut values = 0;
        self.cursor.expect(b'{')?;
        loop {
            let name = self.text()?;
            let kind = self.tables.kinds.find(bytes_of(self.src, self.unescaped, name))?;
            if kinds >> kind & 1 == 1 {
                return None;
            }
            kinds |= 1 << kind;
            self.cursor.expect(b':')?;
            values += self.identifiers_of(KindId(kind as u8))?;
            if !self.more(b'}')? {
                break;
            }
        }
        let good = (least..=self.tables.limits.identifiers).contains(&values);
        good.then(|| run(&self.out.identifiers, start))
    }

    /// One value or an array of them; how many there were.
    #[inline]
    fn identifiers_of(&mut self, kind: KindId) -> Option<usize> {
        if self.cursor.token()? != b'[' {
            self.identifier(kind)?;
            return Some(1);
        }
        self.cursor.at += 1;
        if self.cursor.token()? == b']' {
            self.cursor.at += 1;
            return Some(0);
        }
        let mut values = 0;
        loop {
            self.identifier(kind)?;
            values += 1;
            if !self.more(b']')? {
                return Some(values);
            }
        }
    }

    #[inline]
    fn identifier(&mut self, kind: KindId) -> Option<()> {
        let value = self.text()?;
        match self.memory.normaliser.normalise(kind, bytes_of(self.src, self.unescaped, value)) {
            Normal::Blocked => {}
            Normal::Bad => return None,
            Normal::Form(form) => {
                let hash = self.tables.keys.identifier(kind, form);
                self.out.identifiers.push(Identifier { hash, kind });
            }
        }
        Some(())
    }

    pub(super) fn skills(&mut self) -> Option<List> {
        let start = self.out.skills.len();
        self.cursor.expect(b'{')?;
        if self.cursor.token()? == b'}' {
            self.cursor.at += 1;
            return Some(run(&self.out.skills, start));
        }
        loop {
            let name = self.name()?;
            let key = self.memory.name(&self.tables.keys, bytes_of(self.src, self.unescaped, name));
            self.cursor.expect(b':')?;
            let level = self.integer_within(1, LEVEL_MAX)? as u8;
            self.out.skills.push(SkillLevel { key, name, level });
            if !self.more(b'}')? {
                break;
            }
        }
        self.no_skill_twice(start).then(|| run(&self.out.skills, start))
    }

    fn no_skill_twice(&self, start: usize) -> bool {
        let skills = &self.out.skills[start..];
        let bytes = |skill: &SkillLevel| bytes_of(self.src, self.unescaped, skill.name);
        if skills.len() <= COMPARED {
            return (1..skills.len()).all(|at| {
                skills[..at].iter().all(|s| s.key != skills[at].key || bytes(s) != bytes(&skills[at]))
            });
        }
        let mut names: Vec<&[u8]> = skills.iter().map(bytes).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    }

    pub(super) fn capacity(&mut self) -> Option<List> {
        let start = self.out.capacities.len();
        let mut channels: u32 = 0;
        self.cursor.expect(b'{')?;
        if self.cursor.token()? == b'}' {
            self.cursor.at += 1;
            return Some(run(&self.out.capacities, start));
        }
        loop {
            let channel = self.channel()?;
            if channels >> channel.0 & 1 == 1 {
                return None;
            }
            channels |= 1 << channel.0;
            self.cursor.expect(b':')?;
            let capacity = self.integer_within(0, CAPACITY_MAX)? as u32;
            self.out.capacities.push((channel, capacity));
            if !self.more(b'}')? {
                return Some(run(&self.out.capacities, start));
            }
        }
    }

    pub(super) fn queues(&mut self) -> Option<List> {
        let start = self.out.queues.len();
        self.cursor.expect(b'{')?;
        if self.cursor.token()? == b'}' {
            self.cursor.at += 1;
            return Some(run(&self.out.queues, start));
        }
        loop {
            let queue = self.queue()?;
            if self.out.queues[start..].iter().any(|other| other.queue == queue) {
                return None;
            }
            self.cursor.expect(b':')?;
            let (rank, delay) = self.rank_and_delay()?;
            self.out.queues.push(AgentQueue { queue, rank, delay });
            if !self.more(b'}')? {
                return Some(run(&self.out.queues, start));
            }
        }
    }

    fn rank_and_delay(&mut self) -> Option<(u32, DurationMs)> {
        let (mut rank, mut delay) = (None, None);
        self.cursor.expect(b'{')?;
        if self.cursor.token()? == b'}' {
            self.cursor.at += 1;
            return Some((1, DurationMs::ZERO));
        }
        loop {
            let name = self.text()?;
            self.cursor.expect(b':')?;
            match bytes_of(self.src, self.unescaped, name) {
                b"rank" if rank.is_none() => rank = Some(self.integer_within(1, RANK_MAX)? as u32),
                b"delay_s" if delay.is_none() => {
                    delay = Some(DurationMs::seconds(self.integer_within(0, DELAY_S_MAX)?));
                }
                b"rank" | b"delay_s" => return None,
                _ => self.cursor.skip(self.tables.limits.depth - 4)?,
            }
            if !self.more(b'}')? {
                return Some((rank.unwrap_or(1), delay.unwrap_or_default()));
            }
        }
    }

    /// An agent's own queues are of its division.
    pub(super) fn queues_are_of_the_division(&self) -> bool {
        let Some(queues) = self.row.queues else { return true };
        let rules = &self.tables.rules;
        self.out.queues[queues.range()]
            .iter()
            .all(|own| Some(rules.queues[own.queue.at()].division) == self.row.division)
    }

    /// Passes a comma (true) or the closing byte (false).
    #[inline]
    fn more(&mut self, closing: u8) -> Option<bool> {
        let token = self.cursor.token()?;
        self.cursor.at += 1;
        if token == b',' { Some(true) } else { (token == closing).then_some(false) }
    }
}
