//! The parts of an event that have more than one value: identifiers, skills, languages, an agent's capacity and
//! queues; and the texts that need more than a look-up. Part of the fast pass, with the same promise.

use super::cursor::Cursor;
use super::data::{CAPACITY_MAX, DELAY_S_MAX, LEVEL_MAX, RANK_MAX};
use super::fast::{Pass, run};
use super::identifier::Normal;
use super::scan;
use super::texts::bytes_of;
use crate::rules::language;
use crate::types::event::{AgentQueue, Identifier, List, SkillLevel, Span};
use crate::types::{AgentPresence, ChannelId, DivisionId, DurationMs, EventType, KindId, QueueId};

/// Up to so many skills are compared with each other; more are sorted, so that a hostile event costs no square.
const COMPARED: usize = 32;

impl Pass<'_> {
    #[inline(always)]
    pub(super) fn channel(&mut self, at: usize) -> Option<(ChannelId, usize)> {
        let (name, at) = self.text(at)?;
        Some((ChannelId(self.place(&self.tables.channels, name)? as u8), at))
    }

    #[inline(always)]
    pub(super) fn queue(&mut self, at: usize) -> Option<(QueueId, usize)> {
        let (name, at) = self.text(at)?;
        Some((QueueId(self.place(&self.tables.queues, name)?), at))
    }

    #[inline(always)]
    pub(super) fn division(&mut self, at: usize) -> Option<(DivisionId, usize)> {
        let (name, at) = self.text(at)?;
        Some((DivisionId(self.place(&self.tables.divisions, name)?), at))
    }

    #[inline(always)]
    pub(super) fn presence(&mut self, at: usize) -> Option<(AgentPresence, usize)> {
        let (word, at) = self.text(at)?;
        let place = self.place(&self.tables.states, word)?;
        Some((AgentPresence::ALL[usize::from(place)], at))
    }

    /// `text`: nobody keeps it, but its length is bounded, and the rules may ask what is in it. Rules themselves may be as
    /// long as an event.
    pub(super) fn message(&mut self, at: usize) -> Option<usize> {
        let (text, at) = self.with_cursor(at, Cursor::quoted)?;
        if self.row.event_type == EventType::RulesChanged {
            let span = self.span(text);
            self.row.outcome = Some(span);
            return Some(at);
        }
        let most = self.tables.limits.text_bytes;
        let is_read = self.tables.reads_texts() && self.row.event_type == EventType::ContactReceived;
        // Escapes only ever shorten a text, so only a long one needs to be unescaped to be measured.
        if text.end - text.start <= most && !is_read {
            return Some(at);
        }
        let before = self.unescaped.len();
        let span = self.span(text);
        let fits = span.len as usize <= most;
        if fits && is_read {
            self.read_message(span)?;
        }
        if self.message.len == 0 {
            self.unescaped.truncate(before);
        }
        fits.then_some(at)
    }

    /// Which terms hold of a contact's text; and whether its language will have to be detected. `None`: it is not UTF-8.
    #[inline(never)]
    fn read_message(&mut self, span: Span) -> Option<()> {
        let text = bytes_of(self.src.bytes(), self.unescaped, span);
        // What passed the cursor without doubt is UTF-8, and unescaping leaves it so.
        if self.doubt && std::str::from_utf8(text).is_err() {
            return None;
        }
        if let Some(terms) = &self.tables.terms {
            let start = self.lists.hits.len();
            terms.search(text, &mut self.memory.searched, self.lists.hits);
            self.row.hits = run(self.lists.hits, start);
        }
        if self.tables.languages.is_some() && self.row.lang_key == 0 {
            self.message = Span { len: language::beginning_bytes(text) as u32, ..span };
        }
        Some(())
    }

    /// All members have been read: if none told the language of the text, it is detected.
    #[inline(never)]
    pub(super) fn detect_language(&mut self) {
        let span = std::mem::take(&mut self.message);
        let Some(languages) = self.tables.languages.as_ref().filter(|_| self.row.lang_key == 0) else {
            return;
        };
        let text = bytes_of(self.src.bytes(), self.unescaped, span);
        let found = self.memory.detector.detect(text);
        self.row.detected_key = found.map_or(0, |place| languages[place]);
    }

    #[inline(always)]
    pub(super) fn lang(&mut self, at: usize) -> Option<(u64, usize)> {
        let (lang, at) = self.name(at)?;
        let word = self.word(lang);
        let text = bytes_of(self.src.bytes(), self.unescaped, lang);
        Some((self.memory.lang(&self.tables.keys, word, text)?, at))
    }

    pub(super) fn langs(&mut self, at: usize) -> Option<(List, usize)> {
        let start = self.lists.langs.len();
        let mut at = self.expect(at, b'[')?;
        let mut more = !self.closes(&mut at, b']')?;
        while more {
            let lang;
            (lang, at) = self.lang(at)?;
            self.lists.langs.push(lang);
            (more, at) = self.more(at, b']')?;
        }
        Some((run(self.lists.langs, start), at))
    }

    /// `from` or `identifier`: at least `least` values.
    pub(super) fn identifiers(&mut self, at: usize, least: usize) -> Option<(List, usize)> {
        let start = self.lists.identifiers.len();
        let mut kinds: u32 = 0;
        let mut values = 0;
        let mut at = self.expect(at, b'{')?;
        let mut more = true;
        while more {
            let name;
            (name, at) = self.text(at)?;
            let kind = self.place(&self.tables.kinds, name)?;
            if kinds >> kind & 1 == 1 {
                return None;
            }
            kinds |= 1 << kind;
            at = self.expect(at, b':')?;
            let read;
            (read, at) = self.identifiers_of(at, KindId(kind as u8))?;
            values += read;
            (more, at) = self.more(at, b'}')?;
        }
        let good = (least..=self.tables.limits.identifiers).contains(&values);
        good.then(|| (run(self.lists.identifiers, start), at))
    }

    /// One value or an array of them; how many there were.
    #[inline(always)]
    fn identifiers_of(&mut self, at: usize, kind: KindId) -> Option<(usize, usize)> {
        let (token, at) = self.token(at)?;
        if token == b'"' { Some((1, self.identifier(at, kind)?)) } else { self.several_of(at, kind) }
    }

    fn several_of(&mut self, at: usize, kind: KindId) -> Option<(usize, usize)> {
        let mut at = self.expect(at, b'[')?;
        let mut more = !self.closes(&mut at, b']')?;
        let mut values = 0;
        while more {
            at = self.identifier(at, kind)?;
            values += 1;
            (more, at) = self.more(at, b']')?;
        }
        Some((values, at))
    }

    fn identifier(&mut self, at: usize, kind: KindId) -> Option<usize> {
        let (value, at) = self.text(at)?;
        let text = bytes_of(self.src.bytes(), self.unescaped, value);
        let normaliser = &mut self.memory.normaliser;
        let window = self.src.window(value.start as usize);
        let short =
            window.and_then(|window| normaliser.normalise_short(kind, scan::block(window), text.len()));
        let normal = match short {
            Some(normal) => normal,
            None => self.memory.normaliser.normalise(kind, text),
        };
        match normal {
            Normal::Blocked => {}
            Normal::Bad => return None,
            Normal::Form(form) => {
                let hash = self.tables.keys.identifier(kind, form);
                self.lists.identifiers.push(Identifier { hash, kind });
            }
        }
        Some(at)
    }

    pub(super) fn skills(&mut self, at: usize) -> Option<(List, usize)> {
        let start = self.lists.skills.len();
        let mut at = self.expect(at, b'{')?;
        let mut more = !self.closes(&mut at, b'}')?;
        while more {
            let (name, level);
            (name, at) = self.name(at)?;
            let word = self.word(name);
            let text = bytes_of(self.src.bytes(), self.unescaped, name);
            let key = self.memory.name(&self.tables.keys, word, text);
            at = self.expect(at, b':')?;
            (level, at) = self.integer_within(at, 1, LEVEL_MAX)?;
            self.lists.skills.push(SkillLevel { key, name, level });
            (more, at) = self.more(at, b'}')?;
        }
        self.no_skill_twice(start).then(|| (run(self.lists.skills, start), at))
    }

    fn no_skill_twice(&self, start: usize) -> bool {
        let skills = &self.lists.skills[start..];
        let bytes = |skill: &SkillLevel| self.bytes(skill.name);
        if skills.len() <= COMPARED {
            return (1..skills.len()).all(|at| {
                skills[..at].iter().all(|s| s.key != skills[at].key || bytes(s) != bytes(&skills[at]))
            });
        }
        let mut names: Vec<&[u8]> = skills.iter().map(bytes).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    }

    pub(super) fn capacity(&mut self, at: usize) -> Option<(List, usize)> {
        let start = self.lists.capacities.len();
        let mut channels: u32 = 0;
        let mut at = self.expect(at, b'{')?;
        let mut more = !self.closes(&mut at, b'}')?;
        while more {
            let (channel, capacity);
            (channel, at) = self.channel(at)?;
            if channels >> channel.0 & 1 == 1 {
                return None;
            }
            channels |= 1 << channel.0;
            at = self.expect(at, b':')?;
            (capacity, at) = self.integer_within(at, 0, CAPACITY_MAX)?;
            self.lists.capacities.push((channel, capacity));
            (more, at) = self.more(at, b'}')?;
        }
        Some((run(self.lists.capacities, start), at))
    }

    pub(super) fn queues(&mut self, at: usize) -> Option<(List, usize)> {
        let start = self.lists.queues.len();
        let mut at = self.expect(at, b'{')?;
        let mut more = !self.closes(&mut at, b'}')?;
        while more {
            let (queue, own);
            (queue, at) = self.queue(at)?;
            if self.lists.queues[start..].iter().any(|other| other.queue == queue) {
                return None;
            }
            at = self.expect(at, b':')?;
            (own, at) = self.rank_and_delay(at)?;
            self.lists.queues.push(AgentQueue { queue, rank: own.0, delay: own.1 });
            (more, at) = self.more(at, b'}')?;
        }
        Some((run(self.lists.queues, start), at))
    }

    fn rank_and_delay(&mut self, at: usize) -> Option<((u32, DurationMs), usize)> {
        let (mut rank, mut delay) = (None, None);
        let mut at = self.expect(at, b'{')?;
        let mut more = !self.closes(&mut at, b'}')?;
        while more {
            let name;
            (name, at) = self.text(at)?;
            at = self.expect(at, b':')?;
            let (is_rank, is_delay) = (self.bytes(name) == b"rank", self.bytes(name) == b"delay_s");
            if is_rank && rank.is_some() || is_delay && delay.is_some() {
                return None;
            } else if is_rank {
                let read;
                (read, at) = self.integer_within(at, 1, RANK_MAX)?;
                rank = Some(read);
            } else if is_delay {
                let seconds;
                (seconds, at) = self.integer_within(at, 0, DELAY_S_MAX)?;
                delay = Some(DurationMs::seconds(seconds));
            } else {
                at = self.skip(at, self.tables.limits.depth - 4)?;
            }
            (more, at) = self.more(at, b'}')?;
        }
        Some(((rank.unwrap_or(1), delay.unwrap_or_default()), at))
    }

    /// Whether the closing byte comes next, which then is passed.
    #[inline(always)]
    fn closes(&mut self, at: &mut usize, closing: u8) -> Option<bool> {
        let token;
        (token, *at) = self.token(*at)?;
        *at += usize::from(token == closing);
        Some(token == closing)
    }

    /// An agent's own queues are of its division.
    #[inline(always)]
    pub(super) fn queues_are_of_the_division(&self) -> bool {
        let Some(queues) = self.row.queues else { return true };
        let rules = &self.tables.rules;
        self.lists.queues[queues.range()]
            .iter()
            .all(|own| Some(rules.queues[own.queue.at()].division) == self.row.division)
    }
}
