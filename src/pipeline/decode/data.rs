//! `data` of an event: its members, each at most once, and their values. Part of the fast pass, with the same promise.

use super::fast::Pass;
use super::members::{Member, WHOSE};
use super::names::WORD;
use super::texts::bytes_of;
use crate::types::ConversationId;

impl Pass<'_> {
    /// Reads `data`, whose type is known.
    #[inline(never)]
    pub(super) fn data(&mut self, at: usize) -> Option<usize> {
        let mut at = self.expect(at, b'{')?;
        let mut seen = 0;
        let mut more = self.first_name(&mut at)?;
        while more {
            let member;
            (member, at) = self.member(at)?;
            at = match member {
                Some(member) => {
                    if seen & member.bit() != 0 {
                        return None;
                    }
                    seen |= member.bit();
                    self.value(member, at)?
                }
                None => self.skip(at, self.tables.limits.depth - 2)?,
            };
            (more, at) = self.next_name(at)?;
        }
        if self.message.len > 0 {
            self.detect_language();
        }
        let whole = seen & self.shape.required == self.shape.required;
        let whose = !self.shape.whose || seen & WHOSE != 0;
        (whole && whose && self.queues_are_of_the_division()).then_some(at)
    }

    /// Passes the quote of the first name (true), or the end of an empty object (false).
    #[inline(always)]
    fn first_name(&mut self, at: &mut usize) -> Option<bool> {
        let token;
        (token, *at) = self.token(*at)?;
        *at += 1;
        if token == b'"' { Some(true) } else { (token == b'}').then_some(false) }
    }

    /// The member whose name comes next, its opening quote passed; the colon is passed too. `None` as the member: one
    /// that the type does not have.
    #[inline(always)]
    fn member(&mut self, at: usize) -> Option<(Option<Member>, usize)> {
        let word = u128::from_le_bytes(*self.src.window(at)?.first_chunk::<WORD>()?);
        let (member, pattern) = self.tables.member_names.guess(word);
        if word & pattern.mask != pattern.word || !self.shape.has(member) {
            return self.member_by_name(at);
        }
        let at = at + pattern.length;
        Some((Some(member), if pattern.colon { at } else { self.expect(at, b':')? }))
    }

    #[inline(never)]
    fn member_by_name(&mut self, at: usize) -> Option<(Option<Member>, usize)> {
        let (name, at) = self.text_here(at)?;
        let place = self.tables.members.find(self.bytes(name));
        let member = place.map(|place| Member::ALL[usize::from(place)]);
        let member = member.filter(|member| self.shape.has(*member));
        Some((member, self.expect(at, b':')?))
    }

    /// Reads the value of a member.
    #[inline(always)]
    fn value(&mut self, member: Member, mut at: usize) -> Option<usize> {
        let tables = self.tables;
        match member {
            Member::Channel => (self.row.channel, at) = some(self.channel(at)?),
            Member::Queue => (self.row.queue, at) = some(self.queue(at)?),
            Member::Division => (self.row.division, at) = some(self.division(at)?),
            Member::From => {
                self.row.has_from = true;
                (self.row.identifiers, at) = self.identifiers(at, self.shape.values_min)?;
            }
            Member::Identifier => (self.row.identifiers, at) = self.identifiers(at, 1)?,
            Member::Conversation => {
                let text;
                (text, at) = self.text(at)?;
                self.row.conversation = ConversationId::parse(self.bytes(text))?;
            }
            Member::Thread => {
                (self.row.thread, at) = self.name(at)?;
                self.row.thread_key = tables.keys.thread(self.bytes(self.row.thread));
            }
            Member::Text => at = self.message(at)?,
            Member::Lang => (self.row.lang_key, at) = self.lang(at)?,
            Member::Intent => {
                let name;
                (name, at) = self.name(at)?;
                self.row.intent = self.place(&tables.intents, name);
            }
            Member::Tier => {
                let name;
                (name, at) = self.name(at)?;
                self.row.tier = Some(self.place(&tables.tiers, name).unwrap_or(u16::MAX));
            }
            Member::Agent => {
                (self.row.agent, at) = self.name(at)?;
                self.row.agent_key = tables.keys.name(self.bytes(self.row.agent));
            }
            Member::PreferredAgent => {
                (self.row.preferred, at) = self.name(at)?;
                self.row.preferred_key = tables.keys.name(self.bytes(self.row.preferred));
            }
            Member::State => (self.row.presence, at) = some(self.presence(at)?),
            Member::Outcome => (self.row.outcome, at) = some(self.name(at)?),
            Member::Reason => (_, at) = self.name(at)?,
            _ => return self.rarer_value(member, at),
        }
        Some(at)
    }

    /// Reads a number, a flag, or what is a list.
    #[inline(never)]
    fn rarer_value(&mut self, member: Member, mut at: usize) -> Option<usize> {
        match member {
            Member::Skills => (self.row.skills, at) = some(self.skills(at)?),
            Member::Langs => (self.row.langs, at) = self.langs(at)?,
            Member::Capacity => (self.row.capacity, at) = self.capacity(at)?,
            Member::Queues => (self.row.queues, at) = some(self.queues(at)?),
            Member::Value => (self.row.value, at) = some(self.integer(at)?),
            Member::Reach => (self.row.reach, at) = some(self.integer(at)?),
            Member::LifetimeValue => (self.row.lifetime_value, at) = some(self.integer(at)?),
            Member::Sentiment => (self.row.sentiment, at) = some(self.integer_within(at, -100, 100)?),
            Member::Budget => (self.row.budget, at) = some(self.integer_within(at, 0, BUDGET_MAX)?),
            Member::Public => (self.row.public, at) = some(self.boolean(at)?),
            Member::Blocked => (self.row.blocked, at) = some(self.boolean(at)?),
            Member::Automated => (self.row.automated, at) = self.boolean(at)?,
            Member::Requeue => (self.row.requeue, at) = self.boolean(at)?,
            Member::Due => {
                let text;
                (text, at) = self.text(at)?;
                let due = self.memory.dates.parse(bytes_of(self.src.bytes(), self.unescaped, text))?;
                self.row.due = Some(due);
            }
            _ => unreachable!("the other members are read above"),
        }
        Some(at)
    }
}

/// A value that is there, and the place behind it.
#[inline(always)]
fn some<T>((value, at): (T, usize)) -> (Option<T>, usize) {
    (Some(value), at)
}

/// Most of an agent's budget.
pub const BUDGET_MAX: i64 = 1_000_000;
/// Most of an agent's capacity in one channel.
pub const CAPACITY_MAX: i64 = 1_000;
/// Largest rank of a queue in an agent's own list.
pub const RANK_MAX: i64 = 1_000_000;
/// Longest delay of a queue in an agent's own list: a year in seconds.
pub const DELAY_S_MAX: i64 = 31_536_000;
/// Highest level of a skill.
pub const LEVEL_MAX: i64 = 10;
