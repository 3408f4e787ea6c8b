//! Rules of one tenant: text → settings → compiled rules, every complaint at once with its line. The stages and
//! the model see only what stands in this file.

mod complaint;
mod reader;
mod settings;
mod compile;
mod curve;
mod doubts;
mod renumbering;
pub mod ageing;
pub mod calendar;
pub mod keys;
pub mod language;
pub mod terms;

pub use compile::{Checked, check, compile};
pub use complaint::{Complaint, ComplaintSort};
pub use curve::CURVE_POINTS_MAX;
pub use renumbering::{Refusal, Renumbering, Uses};

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::types::{ChannelId, DivisionId, DurationMs, KindId, QueueId, TemplateId};
use calendar::Calendar;
use terms::Term;

/// Compiled rules: names resolved to indices, defaults filled in, everything checked.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Free text of the file.
    pub version: String,
    /// xxh3-128 of the text.
    pub hash: u128,
    /// The text they were compiled from.
    pub text: String,
    /// `[clock]`.
    pub clock: ClockRules,
    /// `[dedup]`.
    pub dedup: DedupRules,
    /// `[identity]`.
    pub identity: IdentityRules,
    /// Ordered by name; at most `CHANNELS_MAX`.
    pub channels: Vec<Channel>,
    /// Ordered by name.
    pub calendars: Vec<Calendar>,
    /// Every intent that `[value]` or a condition names, ordered.
    pub intents: Vec<String>,
    /// Every tier that `[value]` or a condition names, ordered.
    pub tiers: Vec<String>,
    /// Ordered by name.
    pub terms: Vec<Term>,
    /// `[value]`.
    pub value: ValueRules,
    /// `[conversation]`.
    pub conversation: ConversationRules,
    /// Ordered by name, unless they follow others (`Rules::succeed`); at most `DIVISIONS_MAX`.
    pub divisions: Vec<Division>,
    /// Ordered by name; at most `QUEUES_MAX`.
    pub queues: Vec<Queue>,
    /// First match wins; the last has no condition. Empty only if there are no queues.
    pub routes: Vec<Route>,
    /// First match wins.
    pub replies: Vec<Reply>,
    /// Every template that is named, ordered.
    pub templates: Vec<String>,
    /// The rules before a change; their numbers bear on these ones'.
    pub before: Option<Arc<Rules>>,
}

/// Place of a calendar in `Rules::calendars`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CalendarId(pub u16);

/// What the tick of an epoch may be.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Tick {
    /// The leader's clock, if every partition was read to its end.
    Wall,
    /// Never ahead of the input.
    Records,
}

/// `[clock]`.
#[derive(Clone, Debug)]
pub struct ClockRules {
    /// `wall` or `records`.
    pub tick: Tick,
    /// Events older than this count as this old.
    pub max_late: DurationMs,
}

/// `[dedup]`.
#[derive(Clone, Debug)]
pub struct DedupRules {
    /// A key accepted this long ago or later makes a duplicate (inclusive).
    pub window: DurationMs,
    /// And only if it is among the last so many accepted.
    pub max_events: u64,
}

/// Identifiers whose refusals at limits are counted; the least recently refused leaves first.
pub const REFUSALS_MAX: usize = 1_000_000;
/// Generic identifiers that nobody owns; the oldest leaves first. (One that is owned goes with its owner.)
pub const GENERIC_UNOWNED_MAX: usize = 1_000_000;
/// Identifiers that were split off and do not lead back; the one split off longest ago leaves first.
pub const BANS_MAX: usize = 250_000;
/// Customers to whom one identifier does not lead back: those from whom it was split off last.
pub const BANS_OF_ONE: usize = 4;
/// Who is to be forgotten is looked for once in this time.
pub const FORGET_SLOT: DurationMs = DurationMs(3_600_000);
/// Customers looked at before an entry at most: more than an entry founds, so that none is left in the long run.
pub const FORGET_LOOKS: usize = 4;

/// `[identity]`.
#[derive(Clone, Debug)]
pub struct IdentityRules {
    /// Most identifiers of one customer.
    pub max_identifiers: u32,
    /// An identifier refused so often at a limit stops identifying.
    pub generic_after: u32,
    /// A customer who has had no event for so long is forgotten.
    pub forget_after: DurationMs,
    /// The same of a customer without identifiers: a day after `idle_close`.
    pub forget_one_off_after: DurationMs,
    /// Whether `customer.created` is put out.
    pub customer_created: bool,
    /// Values that never identify, besides the built-in ones: trimmed and case-folded.
    pub blocked: Vec<String>,
    /// Ordered by (rank, name), unless they follow others (`Rules::succeed`); at most `KINDS_MAX`.
    pub kinds: Vec<Kind>,
}

/// `[identity.kinds.<name>]`.
#[derive(Clone, Debug)]
pub struct Kind {
    /// As in `from`.
    pub name: String,
    /// 1 is the most trusted; kinds may share a rank.
    pub rank: u32,
    /// Most values of this kind in one customer.
    pub limit: u32,
    /// How a value is normalised.
    pub form: Form,
}

impl Kind {
    /// The place of a kind that no rules name any more: no name means it, for names are not empty.
    fn gone() -> Kind {
        Kind { name: String::new(), rank: u32::MAX, limit: 0, form: Form::Opaque }
    }
}

/// How a value is normalised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// Trimmed.
    Opaque,
    /// Trimmed, one leading `@` dropped, case-folded.
    Handle,
    /// Trimmed, NFC, lower case; in the named domains (lower case) dots and `+tag` of the local part dropped.
    Email {
        /// Domains to fold.
        fold_domains: Vec<String>,
    },
    /// E.164; the region (ISO 3166, upper case) serves numbers without country code.
    Phone {
        /// Default region.
        region: String,
    },
}

/// `[channels.<name>]`.
#[derive(Clone, Debug)]
pub struct Channel {
    /// As in events.
    pub name: String,
    /// Of an agent's budget.
    pub weight: u32,
    /// Bit c: an agent who holds this channel takes nothing of channel c, and the other way round. Never its own bit.
    pub excludes: u16,
    /// Default of an event's `public`.
    pub public: bool,
    /// Work of an agent who has gone offline is put back in its queue after this.
    pub reclaim: Option<DurationMs>,
    /// An agent who replied last gets the weight back after the customer has been silent for this long.
    pub release_after: Option<DurationMs>,
}

/// `[value]`: all terms are added, then clamped to ±1,000,000.
#[derive(Clone, Debug)]
pub struct ValueRules {
    /// Of every contact.
    pub base: i64,
    /// Of a public one.
    pub public: i64,
    /// Points of each failed attempt.
    pub failed_attempt_points: i64,
    /// Bound of the sum of those points: with points below 0 a lower bound.
    pub failed_attempt_at_most: i64,
    /// By place in `Rules::tiers`; 0 for a tier that only a condition names.
    pub tier: Vec<i64>,
    /// By place in `Rules::intents`.
    pub intent: Vec<i64>,
    /// By place in `Rules::terms`.
    pub term: Vec<i64>,
    /// By `ChannelId`.
    pub channel: Vec<i64>,
    /// `(from, points)`, ascending: the last `from` that is not above the value counts.
    pub reach: Vec<(i64, i64)>,
    /// The same of the profile's lifetime value.
    pub lifetime_value: Vec<(i64, i64)>,
    /// The same of the sentiment.
    pub sentiment: Vec<(i64, i64)>,
}

/// Business value is clamped to this on both sides.
pub const VALUE_MAX: i64 = 1_000_000;

/// `[conversation]`.
#[derive(Clone, Debug)]
pub struct ConversationRules {
    /// A calendar without intervals that knows the zone of `hour_of_week`.
    pub zone: Calendar,
    /// A contact joins what was active within this (inclusive); 0: never.
    pub continuity: DurationMs,
    /// Without an event for this long a conversation is closed.
    pub idle_close: DurationMs,
    /// Most attempts kept of a customer.
    pub attempts_kept: u32,
    /// And only those that are not older (inclusive).
    pub attempts_window: DurationMs,
    /// What a blocked customer is sent whose conversation is closed at once.
    pub blocked: Option<TemplateId>,
}

/// `[divisions.<name>]`.
#[derive(Clone, Debug)]
pub struct Division {
    /// As in events and outputs.
    pub name: String,
    /// Budget of an agent that names none.
    pub agents_budget: u32,
    /// Its queues, ascending.
    pub queues: Vec<QueueId>,
    /// Offers that an agent gets in any 60 s; `None`: as many as it has room for.
    pub ramp: Option<u32>,
    /// What an agent takes among several queues of one rank.
    pub dispatch: Dispatch,
}

/// `dispatch`: which queue's conversation a free agent takes, of those with the agent's lowest rank.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Dispatch {
    /// The conversation with the highest priority.
    Priority,
    /// The queue with the greatest `cost · wait / handle` (generalised cµ with quadratic costs; Gurvich and Whitt 2009).
    Gcmu,
    /// The queue that is longest beyond its share of all that waits (fixed queue ratio; Gurvich and Whitt 2009).
    Ratio,
}

/// `[queues.<name>] dispatch`: what `gcmu` and `ratio` know of a queue.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct QueueDispatch {
    /// `gcmu`: cost of waiting, relative to other queues; at least 1.
    pub cost: u32,
    /// `gcmu`: mean time that a conversation takes an agent; at least 1 ms.
    pub handle: DurationMs,
    /// `ratio`: part of all waiting conversations that may wait here, relative to other queues.
    pub ratio: u32,
    /// Percentage of the division's offers that the queue gets at least, as long as something waits in it.
    pub share: u32,
}

impl Default for QueueDispatch {
    fn default() -> QueueDispatch {
        QueueDispatch { cost: 1, handle: DurationMs::seconds(300), ratio: 1, share: 0 }
    }
}

/// `strategy`: who gets a conversation. Ties: longest idle, then agent id.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
#[repr(u8)]
pub enum Strategy {
    /// Longest since a conversation began or ended, or since first available.
    LongestIdle,
    /// Fewest held (offers and wrap-ups included).
    LeastBusy,
    /// Largest budget − used.
    MostSpare,
    /// Largest sum of levels over the required skills.
    BestSkill,
    /// Longest since the last offer from this queue; never comes first.
    RoundRobin,
    /// Fewest accepted since it came from offline.
    FewestHandled,
}

impl Strategy {
    /// The word in rules and outputs.
    pub const fn word(self) -> &'static str {
        match self {
            Strategy::LongestIdle => "longest_idle",
            Strategy::LeastBusy => "least_busy",
            Strategy::MostSpare => "most_spare",
            Strategy::BestSkill => "best_skill",
            Strategy::RoundRobin => "round_robin",
            Strategy::FewestHandled => "fewest_handled",
        }
    }
}

/// A skill that a queue requires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueSkill {
    /// Name.
    pub name: String,
    /// 1 to 10.
    pub level: u8,
    /// Never dropped or lowered.
    pub hard: bool,
}

/// `[queues.<name>]`.
#[derive(Clone, Debug)]
pub struct Queue {
    /// As in events and outputs.
    pub name: String,
    /// Whose.
    pub division: DivisionId,
    /// Who gets a conversation.
    pub strategy: Strategy,
    /// `accept = "auto"`: straight to active.
    pub auto_accept: bool,
    /// An offer expires after this.
    pub offer_timeout: DurationMs,
    /// An agent who missed a conversation does not get it for this long.
    pub exclude_after_miss: DurationMs,
    /// After so many missed offers the conversation goes to `max_offers_to`, or the count starts again.
    pub max_offers: u32,
    /// A queue of the same division.
    pub max_offers_to: Option<QueueId>,
    /// What happens to what enters while the calendar is closed.
    pub closed: Option<Closed>,
    /// How long a conversation may wait here.
    pub max_wait: Option<MaxWait>,
    /// How many conversations may wait here.
    pub max_waiting: Option<MaxWaiting>,
    /// What is sent to a customer for whom nobody is at hand.
    pub acknowledge: Option<Acknowledge>,
    /// A conversation waits so long for the preferred agent, then for the last one; 0: for nobody.
    pub affinity: DurationMs,
    /// Ordered by time.
    pub steps: Vec<Step>,
    /// For `gcmu` and `ratio`.
    pub dispatch: QueueDispatch,
    /// An agent must speak the contact's known language.
    pub match_lang: bool,
    /// Wrap-up after a conversation.
    pub wrap_up: DurationMs,
    /// Ordered by name.
    pub skills: Vec<QueueSkill>,
    /// How priority ages.
    pub curve: Curve,
    /// By `Objective as usize`.
    pub sla: [Option<Target>; 4],
}

/// How a conversation leaves a queue in which nobody took it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Leave {
    /// To a queue of the same division; `None`: it is closed as `expired`.
    pub to: Option<QueueId>,
    /// What its customer is sent.
    pub template: Option<TemplateId>,
}

/// `closed`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Closed {
    /// Looked at when a conversation enters.
    pub calendar: CalendarId,
    /// `None`: it waits, and nobody may take it before the next opening.
    pub leave: Option<Leave>,
}

/// `max_wait`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct MaxWait {
    /// Since the queue was entered.
    pub after: DurationMs,
    /// And then?
    pub leave: Leave,
}

/// `max_waiting`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct MaxWaiting {
    /// What enters when so many wait, leaves.
    pub count: u32,
    /// Where to.
    pub leave: Leave,
}

/// `acknowledge`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Acknowledge {
    /// What is sent.
    pub template: TemplateId,
    /// Bit c: on channel c.
    pub channels: u16,
}

/// A step of relaxation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Since the queue was entered.
    pub after: DurationMs,
    /// What it does from then on.
    pub action: StepAction,
}

/// What a step of relaxation does. Skills that the queue marks as hard are left alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepAction {
    /// These skills are not required any more.
    Drop(Vec<String>),
    /// Of these skills no more than this level is required.
    Lower(Vec<(String, u8)>),
    /// Agents of this queue may take it too.
    Add(QueueId),
    /// Points of priority.
    Raise(i64),
}

/// A piecewise-linear curve of age, normalised: the first segment begins at age 0, ages strictly ascend, and
/// `CURVE_AGE_MAX` begins a last, flat segment. At a repeated age (a step) the later point counts.
///
/// Priority at `t` of a conversation whose age falls into segment s, in units of 2⁻³² point:
/// `(value + s.points)·2³² + s.slope·(age − s.from)`. An age below 0 counts as 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Curve {
    /// At least one; the first has `from` 0.
    pub segments: Vec<Segment>,
}

/// One segment of a curve.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Age at which it begins.
    pub from: DurationMs,
    /// Points at its beginning.
    pub points: i64,
    /// `floor(Δpoints·2³² / Δms)`: 2⁻³² points a millisecond.
    pub slope: i64,
}

/// An older conversation counts as this old.
pub const CURVE_AGE_MAX: DurationMs = DurationMs::days(400);

/// `[queues.<name>.sla]`: one objective.
#[derive(Clone, Debug)]
pub struct Target {
    /// Open time allowed.
    pub target: DurationMs,
    /// What counts as open.
    pub calendar: CalendarId,
    /// Percentages of the target to warn at, ascending, 1 to 99.
    pub warn: Vec<u8>,
}

/// `[[routes]]`.
#[derive(Clone, Debug)]
pub struct Route {
    /// All must hold.
    pub when: Condition,
    /// Where to.
    pub queue: QueueId,
}

/// `[[replies]]`.
#[derive(Clone, Debug)]
pub struct Reply {
    /// All must hold.
    pub when: Condition,
    /// What is sent.
    pub template: TemplateId,
    /// Whether only the customer may see it.
    pub private: bool,
    /// `then = "close"`: a conversation that the contact opened ends with it.
    pub closes: bool,
}

/// Conditions: all fields that are given must hold; within a field one of the values must. A range on an absent
/// value does not hold.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// Bit c: channel c. `None`: not asked.
    pub channel: Option<u16>,
    /// Lower case.
    pub lang: Option<Vec<String>>,
    /// Places in `Rules::intents`.
    pub intent: Option<Vec<u16>>,
    /// Places in `Rules::tiers`.
    pub tier: Option<Vec<u16>>,
    /// Places in `Rules::terms`.
    pub term: Option<Vec<u16>>,
    /// The contact's `public`, or its channel's.
    pub public: Option<bool>,
    /// Of `reach`.
    pub reach: Option<Range>,
    /// Of `sentiment`.
    pub sentiment: Option<Range>,
    /// Of the customer's failed attempts.
    pub failed_attempts: Option<Range>,
    /// The calendar is open at `arrived`.
    pub open: Option<CalendarId>,
    /// Hour of the week of `arrived` in the zone of `[conversation]`, 0 = Monday 00:00: a bit an hour.
    pub hour_of_week: Option<Box<[u64; 3]>>,
}

/// `at_least`, `at_most`: both inclusive.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// Lower bound.
    pub at_least: i64,
    /// Upper bound.
    pub at_most: i64,
}

impl Range {
    /// Whether `value` is there and within.
    pub fn holds(self, value: Option<i64>) -> bool {
        value.is_some_and(|v| self.at_least <= v && v <= self.at_most)
    }
}

impl Rules {
    /// The kind of this name.
    pub fn kind(&self, name: &str) -> Option<KindId> {
        let mut kinds = self.identity.kinds.iter();
        kinds.position(|kind| kind.name == name && !name.is_empty()).map(|at| KindId(at as u8))
    }

    /// The channel of this name.
    pub fn channel(&self, name: &str) -> Option<ChannelId> {
        self.channels.binary_search_by(|c| c.name.as_str().cmp(name)).ok().map(|at| ChannelId(at as u8))
    }

    /// The queue of this name.
    pub fn queue(&self, name: &str) -> Option<QueueId> {
        self.queues.binary_search_by(|q| q.name.as_str().cmp(name)).ok().map(|at| QueueId(at as u16))
    }

    /// The division of this name.
    pub fn division(&self, name: &str) -> Option<DivisionId> {
        self.divisions.iter().position(|d| d.name == name).map(|at| DivisionId(at as u16))
    }

    /// The name of a template.
    pub fn template(&self, id: TemplateId) -> &str {
        &self.templates[id.at()]
    }

    /// Whether any queue waits for agents, so that it matters who is preferred.
    pub fn has_affinity(&self) -> bool {
        self.queues.iter().any(|queue| queue.affinity > DurationMs::ZERO)
    }

    /// Whether anything depends on the language of a contact, so that it is worth detecting.
    pub fn asks_for_language(&self) -> bool {
        let conditions =
            self.routes.iter().map(|route| &route.when).chain(self.replies.iter().map(|r| &r.when));
        self.queues.iter().any(|queue| queue.match_lang)
            || self.terms.iter().any(Term::asks_for_language)
            || conditions.into_iter().any(|when| when.lang.is_some())
    }

    /// The calendar of an id.
    pub fn calendar(&self, id: CalendarId) -> &Calendar {
        &self.calendars[id.0 as usize]
    }
}

#[cfg(test)]
mod tests;
