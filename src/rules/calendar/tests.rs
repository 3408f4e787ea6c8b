//! Calendars beside an oracle that asks, for one instant after the other, whether any interval of any near date
//! holds it.

use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone of the tz database")
}

fn at(text: &str) -> Millis {
    Millis(text.parse::<Timestamp>().expect("RFC 3339").as_millisecond())
}

fn weekdays(intervals: &[Minutes]) -> Schedule {
    let week = std::array::from_fn(|day| if day < 5 { intervals.to_vec() } else { Vec::new() });
    Schedule { week, dates: Vec::new() }
}

/// Whether `at` is open, by definition.
fn naive_open(zone: &TimeZone, schedule: &Schedule, at: Millis) -> bool {
    let near = zone.to_datetime(timestamp(at)).date();
    (-4..=4).any(|days: i64| {
        let date = shifted(near, days);
        let instant = |minutes: u16| {
            let midnight = date.at(0, 0, 0, 0);
            let time = if minutes == 1_440 {
                shifted(date, 1).at(0, 0, 0, 0)
            } else {
                midnight
                    .with()
                    .hour((minutes / 60) as i8)
                    .minute((minutes % 60) as i8)
                    .build()
                    .expect("a time")
            };
            zone.to_ambiguous_timestamp(time).compatible().expect("in range").as_millisecond()
        };
        schedule.of(date).iter().any(|(start, end)| instant(*start) <= at.0 && at.0 < instant(*end))
    })
}

/// Intervals begin and end at whole minutes of UTC in all zones used here, so minutes are steps enough.
fn check(name: &str, schedule: &Schedule, start: Millis, minutes: i64) -> Result<(), TestCaseError> {
    let zone = zone(name);
    let calendar = Calendar::new("c", zone.clone(), schedule.clone());
    if calendar.is_never_open() {
        return Ok(());
    }
    let mut open = 0;
    for minute in 0..minutes {
        let now = Millis(start.0 + minute * MINUTE);
        prop_assert_eq!(calendar.open_between(start, now).0, open * MINUTE, "until minute {}", minute);
        let naive = naive_open(&zone, schedule, now);
        prop_assert_eq!(calendar.is_open(now), naive, "minute {}", minute);
        if naive {
            let half = DurationMs(open * MINUTE + MINUTE / 2);
            prop_assert_eq!(calendar.add(start, half).0, now.0 + MINUTE / 2, "minute {}", minute);
            open += 1;
            let whole = calendar.add(start, DurationMs(open * MINUTE));
            prop_assert_eq!(whole.0, now.0 + MINUTE, "the least instant, minute {}", minute);
        }
    }
    Ok(())
}

fn day() -> impl Strategy<Value = Vec<Minutes>> {
    prop::collection::btree_set(0u16..=96, 0..5).prop_map(|edges| {
        let edges: Vec<u16> = edges.into_iter().map(|edge| edge * 15).collect();
        edges.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    })
}

/// Local dates around which something happens to the clocks, within the table and outside.
const CASES: [(&str, &str); 10] = [
    ("America/New_York", "2026-03-07T12:00:00Z"),
    ("America/New_York", "2026-10-31T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("Europe/Berlin", "2026-03-28T06:00:00Z"),
    ("Europe/Berlin", "2060-10-30T06:00:00Z"),
    ("Pacific/Apia", "2011-12-29T12:00:00Z"),
    ("America/New_York", "1999-12-31T00:00:00Z"),
    ("Europe/Berlin", "2059-12-31T00:00:00Z"),
    ("Asia/Kolkata", "1969-12-30T20:00:00Z"),
];

fn runs() -> u32 {
    std::env::var("TRUNKLINE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(runs()))]
    #[test]
    fn equals_the_oracle(
        case in prop::sample::select(&CASES[..]),
        week in prop::array::uniform7(day()),
        exception in (0i64..4, day()),
        offset in 0i64..2_000,
    ) {
        let start = Millis(at(case.1).0 + offset * MINUTE);
        let date = shifted(local_date(&zone(case.0), start), exception.0);
        let schedule = Schedule { week, dates: vec![(date, exception.1)] };
        check(case.0, &schedule, start, 3 * 1_440)?;
    }
}

/// The table's shortcut between changes of the clocks gives what asking the zone about every date gives.
#[test]
fn the_whole_table() {
    let week = std::array::from_fn(|day| vec![(day as u16 * 20, 150), (165, 195), (1_380, 1_440)]);
    let schedule = Schedule { week, dates: vec![(date(2026, 3, 9), vec![(0, 1_440)])] };
    for name in
        ["America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "Africa/Casablanca"]
    {
        let open = Open::new(schedule.clone(), zone(name));
        let mut asked = Vec::new();
        let mut day = date(1999, 12, 29);
        while day < date(2060, 1, 4) {
            asked.extend(open.intervals(day));
            day = shifted(day, 1);
        }
        let edges = open.edges();
        assert_eq!(edges.len(), asked.len(), "{name}");
        for (edge, asked) in edges.iter().zip(&asked) {
            assert_eq!(edge, asked, "{name}");
        }
        assert!(open.spans.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert!(open.spans.windows(2).all(|p| p[1].before - p[0].before == p[0].end - p[0].start));
    }
}

#[test]
fn office_hours() {
    let calendar = Calendar::new("office", zone("America/New_York"), weekdays(&[(540, 750), (780, 1_020)]));
    let friday = at("2026-11-20T21:30:00Z");
    assert!(calendar.is_open(friday));
    assert_eq!(calendar.add(friday, DurationMs::seconds(1_800)), at("2026-11-20T22:00:00Z"), "the very end");
    assert!(!calendar.is_open(at("2026-11-20T22:00:00Z")), "an interval does not hold its end");
    assert_eq!(
        calendar.add(friday, DurationMs(1_800_001)),
        at("2026-11-23T14:00:00.001Z"),
        "over the weekend"
    );
    assert_eq!(calendar.add(at("2026-11-21T00:00:00Z"), DurationMs::ZERO), at("2026-11-21T00:00:00Z"));
    assert_eq!(calendar.open_between(friday, at("2026-11-23T14:10:00Z")), DurationMs::seconds(2_400));
    assert_eq!(calendar.open_between(friday, friday), DurationMs::ZERO);
    assert_eq!(calendar.open_between(friday, Millis(0)), DurationMs::ZERO);
}

#[test]
fn clocks_that_change() {
    let night = Schedule { week: std::array::from_fn(|_| vec![(60, 180)]), dates: Vec::new() };
    let calendar = Calendar::new("night", zone("America/New_York"), night);
    let open = |from: &str, to: &str| calendar.open_between(at(from), at(to)).0 / MINUTE;
    assert_eq!(open("2026-03-07T05:00:00Z", "2026-03-08T04:00:00Z"), 120, "a common night");
    assert_eq!(open("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"), 60, "02:00 to 03:00 does not exist");
    assert_eq!(open("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"), 180, "01:00 to 02:00 exists twice");
    let missing = Schedule { week: std::array::from_fn(|_| vec![(135, 165)]), dates: Vec::new() };
    let calendar = Calendar::new("missing", zone("America/New_York"), missing);
    assert!(calendar.is_open(at("2026-03-08T07:15:00Z")), "02:15 moves to 03:15");
    assert!(!calendar.is_open(at("2026-03-08T07:14:59.999Z")));
}

#[test]
fn always_and_never() {
    let always = Calendar::always("always");
    let never = Calendar::new("never", zone("Europe/Berlin"), Schedule::default());
    for calendar in [&always, &never] {
        assert_eq!(calendar.add(Millis(5), DurationMs(7)), Millis(12), "wall time");
        assert_eq!(calendar.open_between(Millis(5), Millis(12)), DurationMs(7));
    }
    assert!(always.is_open(Millis(0)) && !never.is_open(Millis(0)));
    let mut schedule = Schedule::always();
    schedule.dates.push((date(2026, 12, 25), Vec::new()));
    let but_one = Calendar::new("c", TimeZone::UTC, schedule);
    assert!(!but_one.is_open(at("2026-12-25T12:00:00Z")) && but_one.is_open(at("2026-12-26T00:00:00Z")));
    assert_eq!(
        but_one.add(at("2026-12-24T23:00:00Z"), DurationMs::seconds(7_200)),
        at("2026-12-26T01:00:00Z")
    );
}

#[test]
fn what_never_opens_again() {
    let schedule = Schedule { dates: vec![(date(2026, 12, 24), vec![(540, 720)])], ..Schedule::default() };
    let calendar = Calendar::new("once", TimeZone::UTC, schedule.clone());
    let hour = DurationMs::seconds(3_600);
    assert_eq!(calendar.add(at("1999-01-01T00:00:00Z"), hour), at("2026-12-24T10:00:00Z"));
    assert_eq!(calendar.add(at("2026-12-24T11:30:00Z"), hour), NEVER);
    assert_eq!(calendar.add(at("2061-01-01T00:00:00Z"), hour), NEVER);
    assert_eq!(calendar.open_between(Millis(0), NEVER), DurationMs::seconds(3 * 3_600));
    assert_eq!(NEVER.0 + 1, at("9999-12-30T00:00:00Z").0 + 2 * DAY_MS);
    let late = Schedule { dates: vec![(date(2071, 5, 1), vec![(0, 60)])], ..Schedule::default() };
    let late = Calendar::new("late", TimeZone::UTC, late);
    assert_eq!(late.add(Millis(0), hour), at("2071-05-01T01:00:00Z"));
}

#[test]
fn hours_of_the_week() {
    let berlin = Calendar::zone_only(zone("Europe/Berlin"));
    assert_eq!(berlin.hour_of_week(at("2026-11-15T23:00:00Z")), 0, "Monday 00:00");
    assert_eq!(berlin.hour_of_week(at("2026-11-15T22:59:59.999Z")), 167);
    assert_eq!(berlin.hour_of_week(at("2026-07-05T22:00:00Z")), 0, "summer time");
    assert_eq!(Calendar::zone_only(TimeZone::UTC).hour_of_week(Millis(0)), 72, "a Thursday");
    assert_eq!(Calendar::zone_only(zone("Asia/Kolkata")).hour_of_week(Millis(-1)), 77);
}

#[test]
fn ends_of_time() {
    let calendar = Calendar::new("office", zone("America/New_York"), weekdays(&[(540, 1_020)]));
    assert_eq!(calendar.add(NEVER, DurationMs(1)), NEVER);
    assert_eq!(calendar.add(Millis::MAX, DurationMs(1)), NEVER);
    assert!(!calendar.is_open(Millis::MAX));
    assert!(!calendar.is_open(Millis::MIN));
    assert_eq!(calendar.hour_of_week(Millis::MAX), calendar.hour_of_week(Millis::MAX), "no panic");
    let last = at("9999-12-29T15:00:00Z");
    assert_eq!(calendar.add(last, DurationMs(1)), Millis(last.0 + 1), "the last days still count");
}
