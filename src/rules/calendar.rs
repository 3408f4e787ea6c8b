//! Calendars: open time in a zone. Intervals of local time by weekday and by date become instants by the zone's
//! rules: a local time that does not exist moves forward by the gap, one that exists twice is the first; open time
//! is what lies in their union, in real elapsed milliseconds.
//!
//! A clock is computed at every contact and every pause, so the union is laid out once, when the rules are compiled,
//! for the years 2000 to 2059: a sorted table with running sums, found by the day. Instants outside are answered by
//! walking the zone's days; nothing allocates either way. Calendars that are always or never open ask nothing of a
//! zone.

use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::types::{DurationMs, Millis};

/// Where open time ends for good, the clock stands at this instant: 9999-12-31T23:59:59.999Z.
pub const NEVER: Millis = Millis(253_402_300_799_999);

const DAY_MS: i64 = 86_400_000;
/// The table's first day and the day after its last: 2000-01-01 and 2060-01-01 UTC.
const TABLE: (Millis, Millis) = (Millis(946_684_800_000), Millis(2_840_140_800_000));
/// Local dates that may have an interval at an instant: offsets reach 26 hours, a gap may skip a day.
const DATES_AROUND: i64 = 3;

/// An interval of one local day, in minutes from midnight: start, end (up to 1,440).
pub type Minutes = (u16, u16);

/// When a calendar is open.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Schedule {
    /// By weekday, Monday first; ascending, without overlap.
    pub week: [Vec<Minutes>; 7],
    /// Dates with intervals of their own, ascending; none: closed.
    pub dates: Vec<(Date, Vec<Minutes>)>,
}

impl Schedule {
    /// Open for 24 hours on every day.
    pub fn always() -> Schedule {
        Schedule { week: std::array::from_fn(|_| vec![(0, 1_440)]), dates: Vec::new() }
    }

    /// The intervals of a local date.
    pub fn of(&self, date: Date) -> &[Minutes] {
        match self.dates.binary_search_by_key(&date, |(date, _)| *date) {
            Ok(place) => &self.dates[place].1,
            Err(_) => &self.week[date.weekday().to_monday_zero_offset() as usize],
        }
    }
}

/// A compiled calendar. A copy shares the table.
#[derive(Clone)]
pub struct Calendar {
    /// As in the rules.
    pub name: String,
    zone: TimeZone,
    hours: Hours,
}

#[derive(Clone)]
enum Hours {
    Always,
    Never,
    Open(Arc<Open>),
}

struct Open {
    schedule: Schedule,
    zone: TimeZone,
    /// The union within `TABLE`, ascending, with gaps.
    spans: Vec<Span>,
    /// By day of `TABLE`: the first span that ends after the day's beginning.
    days: Vec<u32>,
}

/// An open interval, and the open time of the table before it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Span {
    start: i64,
    end: i64,
    before: i64,
}

impl Calendar {
    /// Compiles a calendar.
    pub fn new(name: &str, zone: TimeZone, schedule: Schedule) -> Calendar {
        let none = schedule.week.iter().chain(schedule.dates.iter().map(|(_, day)| day)).all(Vec::is_empty);
        let hours = if schedule == Schedule::always() {
            Hours::Always
        } else if none {
            Hours::Never
        } else {
            Hours::Open(Arc::new(Open::new(schedule, zone.clone())))
        };
        Calendar { name: name.to_owned(), zone, hours }
    }

    /// A calendar that is always open, in UTC.
    pub fn always(name: &str) -> Calendar {
        Calendar::new(name, TimeZone::UTC, Schedule::always())
    }

    /// A calendar without intervals, which knows its zone.
    pub fn zone_only(zone: TimeZone) -> Calendar {
        let name = zone.iana_name().unwrap_or("UTC").to_owned();
        Calendar { name, zone, hours: Hours::Never }
    }

    /// Whether both are open at the same times by construction, whatever they are called.
    pub fn is_same(&self, other: &Calendar) -> bool {
        match (&self.hours, &other.hours) {
            (Hours::Always, Hours::Always) | (Hours::Never, Hours::Never) => true,
            (Hours::Open(one), Hours::Open(other)) => {
                Arc::ptr_eq(one, other) || (one.schedule == other.schedule && one.zone == other.zone)
            }
            _ => false,
        }
    }

    /// Whether there is no open time at all, so that clocks count wall time.
    pub fn is_never_open(&self) -> bool {
        matches!(self.hours, Hours::Never)
    }

    /// The least instant at which `span` of open time has passed since `start`; `start` itself if `span` is not above
    /// 0, `NEVER` if so much open time does not follow. A calendar that is never open counts wall time.
    pub fn add(&self, start: Millis, span: DurationMs) -> Millis {
        match &self.hours {
            _ if span <= DurationMs::ZERO => start,
            Hours::Always | Hours::Never => start.plus(span),
            Hours::Open(open) => open.add(start, span.0),
        }
    }

    /// Open time in `[from, to)`; 0 if `to <= from`. A calendar that is never open counts wall time.
    pub fn open_between(&self, from: Millis, to: Millis) -> DurationMs {
        match &self.hours {
            _ if to <= from => DurationMs::ZERO,
            Hours::Always | Hours::Never => to.since(from),
            Hours::Open(open) => DurationMs(open.between(from, to)),
        }
    }

    /// Whether `at` lies in an interval; intervals hold their start, not their end. A calendar without intervals is
    /// never open.
    pub fn is_open(&self, at: Millis) -> bool {
        match &self.hours {
            Hours::Always => true,
            Hours::Never => false,
            Hours::Open(open) => open.is_open(at),
        }
    }

    /// When it opens next, where it is closed at `at`; `None` if it is open then. One that is never open: `Millis::MAX`.
    pub fn opening(&self, at: Millis) -> Option<Millis> {
        match &self.hours {
            Hours::Always => None,
            Hours::Never => Some(Millis::MAX),
            Hours::Open(open) if open.is_open(at) => None,
            Hours::Open(_) => Some(self.add(at, DurationMs(1)).minus(DurationMs(1))),
        }
    }

    /// Hour of the week of `at` in the calendar's zone: 0 = Monday 00:00 to 00:59, up to 167.
    pub fn hour_of_week(&self, at: Millis) -> u16 {
        let offset = self.zone.to_offset(timestamp(at)).seconds();
        let local = at.0.saturating_add(i64::from(offset) * 1_000);
        // 1970-01-01 was a Thursday.
        ((local.div_euclid(3_600_000) + 72).rem_euclid(168)) as u16
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = match &self.hours {
            Hours::Always => "always",
            Hours::Never => "never",
            Hours::Open(_) => "by its schedule",
        };
        let zone = self.zone.iana_name().unwrap_or("UTC");
        f.debug_struct("Calendar")
            .field("name", &self.name)
            .field("zone", &zone)
            .field("open", &hours)
            .finish()
    }
}

impl Open {
    fn new(schedule: Schedule, zone: TimeZone) -> Open {
        let mut open = Open { schedule, zone, spans: Vec::new(), days: Vec::new() };
        open.spans = open.table();
        let mut place = 0;
        for day in 0..(TABLE.1.0 - TABLE.0.0) / DAY_MS {
            let begin = TABLE.0.0 + day * DAY_MS;
            place += open.spans[place..].iter().take_while(|span| span.end <= begin).count();
            open.days.push(place as u32);
        }
        open
    }

    /// The union of all intervals within `TABLE`.
    fn table(&self) -> Vec<Span> {
        let mut edges = self.edges();
        edges.sort_unstable();
        let mut spans: Vec<Span> = Vec::with_capacity(edges.len());
        for (start, end) in edges {
            let (start, end) = (start.max(TABLE.0.0), end.min(TABLE.1.0));
            match spans.last_mut() {
                _ if start >= end => {}
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ => spans.push(Span { start, end, before: 0 }),
            }
        }
        let mut before = 0;
        for span in &mut spans {
            span.before = before;
            before += span.end - span.start;
        }
        spans
    }

    /// Every interval that may touch `TABLE`. The zone is asked only about dates near a change of its clocks.
    fn edges(&self) -> Vec<(i64, i64)> {
        let changes = self.changes();
        let (mut date, mut midnight) = (date(1999, 12, 29), TABLE.0.0 - DATES_AROUND * DAY_MS);
        let (mut edges, mut next) = (Vec::new(), 0);
        while midnight < TABLE.1.0 + DATES_AROUND * DAY_MS {
            while changes.get(next + 1).is_some_and(|(at, _)| *at <= midnight - DATES_AROUND * DAY_MS) {
                next += 1;
            }
            let near = changes.get(next + 1).is_some_and(|(at, _)| *at < midnight + DATES_AROUND * DAY_MS);
            if near {
                edges.extend(self.intervals(date));
            } else {
                let instant = |minutes: u16| midnight + i64::from(minutes) * 60_000 - changes[next].1;
                edges.extend(
                    self.schedule.of(date).iter().map(|(start, end)| (instant(*start), instant(*end))),
                );
            }
            date = shifted(date, 1);
            midnight += DAY_MS;
        }
        edges
    }

    /// The zone's offsets in and around `TABLE` in milliseconds, each with the instant from which it holds.
    fn changes(&self) -> Vec<(i64, i64)> {
        let first = timestamp(Millis(TABLE.0.0 - 4 * DATES_AROUND * DAY_MS));
        let offset_ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000;
        let mut changes = vec![(i64::MIN, offset_ms(self.zone.to_offset(first)))];
        for change in self.zone.following(first) {
            let at = change.timestamp().as_millisecond();
            if at > TABLE.1.0 + 4 * DATES_AROUND * DAY_MS {
                break;
            }
            changes.push((at, offset_ms(change.offset())));
        }
        changes
    }

    fn add(&self, start: Millis, mut left: i64) -> Millis {
        let mut at = start.0;
        if at < TABLE.0.0 {
            match self.walk(at, TABLE.0.0, left) {
                Walk::Reached(instant) => return Millis(instant),
                Walk::Ended(passed) => left -= passed,
            }
            at = TABLE.0.0;
        }
        if at < TABLE.1.0 {
            let (place, passed) = self.passed(at);
            let target = passed + left;
            if target <= self.total() {
                return Millis(self.reach(place, target));
            }
            left = target - self.total();
            at = TABLE.1.0;
        }
        match self.walk(at, NEVER.0, left) {
            Walk::Reached(instant) => Millis(instant),
            Walk::Ended(_) => NEVER,
        }
    }

    fn between(&self, from: Millis, to: Millis) -> i64 {
        let walked = |from: i64, to: i64| match self.walk(from, to, i64::MAX) {
            Walk::Reached(_) => i64::MAX,
            Walk::Ended(passed) => passed,
        };
        let (from, to) = (from.0, to.0.min(NEVER.0));
        let mut open = 0;
        if from < TABLE.0.0 {
            open += walked(from, to.min(TABLE.0.0));
        }
        let (first, last) = (from.max(TABLE.0.0), to.min(TABLE.1.0));
        if first < last {
            open += self.passed(last).1 - self.passed(first).1;
        }
        if to > TABLE.1.0 {
            open += walked(from.max(TABLE.1.0), to);
        }
        open
    }

    fn is_open(&self, at: Millis) -> bool {
        if at < TABLE.0 || at >= TABLE.1 {
            return self.next(at.0).is_some_and(|(start, _)| start <= at.0);
        }
        let place = self.place(at.0);
        self.spans.get(place).is_some_and(|span| span.start <= at.0)
    }

    /// The first span of the table that ends after `at`, an instant of the table.
    fn place(&self, at: i64) -> usize {
        let day = ((at - TABLE.0.0) / DAY_MS) as usize;
        let mut place = self.days.get(day).map_or(self.spans.len(), |place| *place as usize);
        while self.spans.get(place).is_some_and(|span| span.end <= at) {
            place += 1;
        }
        place
    }

    /// The first span that ends after `at`, and the open time of the table before `at`.
    fn passed(&self, at: i64) -> (usize, i64) {
        let place = self.place(at);
        let passed = match self.spans.get(place) {
            Some(span) => span.before + (at - span.start).max(0),
            None => self.total(),
        };
        (place, passed)
    }

    /// Open time of the whole table.
    fn total(&self) -> i64 {
        self.spans.last().map_or(0, |span| span.before + span.end - span.start)
    }

    /// The instant of the table at which `target` of open time has passed, which is after `place`'s start.
    fn reach(&self, place: usize, target: i64) -> i64 {
        const STEPS: usize = 4;
        let passes = |span: &Span| span.before + (span.end - span.start) < target;
        let rest = &self.spans[place..];
        let near = rest.iter().take(STEPS).position(|span| !passes(span));
        let span = rest[near.unwrap_or_else(|| rest.partition_point(passes))];
        span.start + target - span.before
    }

    /// Counts up to `left` of open time from `from` to `end`, day by day.
    fn walk(&self, from: i64, end: i64, left: i64) -> Walk {
        let (mut at, mut passed) = (from, 0);
        while let Some((start, stop)) = self.next(at) {
            let (start, stop) = (start.max(at), stop.min(end));
            if start >= end {
                break;
            }
            if stop - start >= left - passed {
                return Walk::Reached(start + left - passed);
            }
            passed += stop - start;
            at = stop;
            if at >= end {
                break;
            }
        }
        Walk::Ended(passed)
    }

    /// The first interval that ends after `at`, by start; with others it may overlap, and what they add comes next.
    fn next(&self, at: i64) -> Option<(i64, i64)> {
        let first = shifted(local_date(&self.zone, Millis(at)), -DATES_AROUND);
        let every_week = self.schedule.week.iter().any(|day| !day.is_empty());
        let (mut date, mut best) = (first, None::<(i64, i64)>);
        let mut bound = None;
        loop {
            let after = self.intervals(date).filter(|(_, end)| *end > at).min();
            best = [best, after].into_iter().flatten().min();
            if best.is_some() && bound.is_none() {
                bound = Some(shifted(date, 2 * DATES_AROUND));
            }
            let over = !every_week && self.schedule.dates.last().is_none_or(|(last, _)| date > *last);
            if date == Date::MAX || over || bound.is_some_and(|bound| date >= bound) {
                return best;
            }
            date = shifted(date, 1);
        }
    }

    /// The intervals of a local date as instants.
    fn intervals(&self, date: Date) -> impl Iterator<Item = (i64, i64)> + '_ {
        let instants = move |(start, end): &Minutes| (self.instant(date, *start), self.instant(date, *end));
        self.schedule.of(date).iter().map(instants).filter(|(start, end)| start < end)
    }

    fn instant(&self, date: Date, minutes: u16) -> i64 {
        let (date, minutes) = if minutes == 1_440 { (shifted(date, 1), 0) } else { (date, minutes) };
        let time = date.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
        match self.zone.to_ambiguous_timestamp(time).compatible() {
            Ok(instant) => instant.as_millisecond(),
            Err(_) => NEVER.0,
        }
    }
}

enum Walk {
    /// The instant at which so much open time has passed.
    Reached(i64),
    /// It did not; so much did.
    Ended(i64),
}

/// Instants beyond what zones can tell count as the last that they can: years -9999 to 9999, less a day or two so
/// that every offset fits.
fn timestamp(at: Millis) -> Timestamp {
    let at = at.0.clamp(-377_705_023_201_000, 253_402_207_200_000);
    Timestamp::from_millisecond(at).expect("clamped to what a timestamp holds")
}

fn local_date(zone: &TimeZone, at: Millis) -> Date {
    zone.to_datetime(timestamp(at)).date()
}

/// The date so many days later; stays within what dates can tell.
fn shifted(date: Date, days: i64) -> Date {
    match days {
        1 => date.tomorrow().unwrap_or(Date::MAX),
        _ => date.saturating_add(days.days()),
    }
}

#[cfg(test)]
mod tests;
