//! Logs that somebody made to hurt: one identifier with a million others, a million merges into one customer. What is counted is
//! the work, not the time: ways to the survivor stay short, what is told of an event is bounded by its identifiers, limits hold,
//! and memory grows with what is known and with nothing else.

use super::*;

const MANY: u64 = 1_000_000;
const BATCH: u64 = 512;

/// What came of a log that is too long to be kept.
struct Outcome {
    identify: Identify,
    tally: Tally,
    /// Decisions of the event of which most was told.
    told_max: usize,
    refused: u64,
}

/// Applies `MANY` events made by number.
fn attack(rules: &IdentityRules, make: impl FnMut(&mut Log, u64)) -> Outcome {
    attack_of(MANY, rules, make)
}

fn attack_of(events: u64, rules: &IdentityRules, mut make: impl FnMut(&mut Log, u64)) -> Outcome {
    let mut identify = Identify::with(rules, &dedup(1_000, 1_000), Bounds::RULES);
    let (mut tally, mut told_max, mut refused) = (Tally::default(), 0, 0);
    let (mut resolutions, mut decisions) = (Resolutions::default(), IdentityBatch::default());
    let mut number = 0;
    while number < events {
        let mut log = Log::default();
        while number < events && log.rows.len() < BATCH as usize {
            make(&mut log, number);
            number += 1;
        }
        let (events, clocks) = cut(&log.rows);
        decisions.clear();
        identify.apply(&events, &clocks, &mut resolutions, &mut decisions, &mut tally);
        let positions: Vec<Position> =
            decisions.decisions.iter().map(|(_, position, ..)| *position).collect();
        told_max = positions.chunk_by(|a, b| a == b).map(<[Position]>::len).max().unwrap_or(0).max(told_max);
        let is_refusal = |decision: &IdentityDecision| matches!(decision, IdentityDecision::Refused { .. });
        refused += decisions.decisions.iter().filter(|(.., decision)| is_refusal(decision)).count() as u64;
    }
    identify.audit();
    Outcome { identify, tally, told_max, refused }
}

impl Outcome {
    fn longest_way(&self) -> u32 {
        self.identify.registry.customers.longest_way()
    }
}

/// As high as a tree of so many is at most, in which the lower goes under the higher.
fn logarithm(customers: u32) -> u32 {
    customers.ilog2() + 1
}

#[test]
fn one_identifier_with_a_million_others() {
    // The shared one is the least trusted, so it is what each event after the fifth loses.
    let rules = IdentityRules { generic_after: 50, ..identity(&[(1, 1), (9, 5)], 64) };
    let outcome = attack(&rules, |log, number| {
        log.push(0, number, EventType::ContactReceived, &[(0, number + 1), (1, 7)]);
    });
    assert_eq!(outcome.identify.customers(), MANY as u32, "each is a customer of their own");
    assert_eq!(outcome.refused, 51, "fifty times refused, then told to be generic, then silent");
    assert!(outcome.told_max <= 2, "{}", outcome.told_max);
    assert_eq!(outcome.longest_way(), 0);
    assert_eq!(u64::from(outcome.identify.identifiers()), MANY + 1);
}

#[test]
fn one_identifier_that_fits_with_a_million_others() {
    // Nothing but the limit of a customer's identifiers is in the way: the first who has the shared one takes in 64.
    let rules = IdentityRules { generic_after: u32::MAX, ..identity(&[(1, 300), (9, 300)], 64) };
    let outcome = attack(&rules, |log, number| {
        log.push(0, number, EventType::ContactReceived, &[(0, number + 1), (1, 7)]);
    });
    assert_eq!(
        u64::from(outcome.identify.customers()),
        1 + MANY - 63,
        "one of 64, and each other by themselves"
    );
    assert_eq!(outcome.refused, MANY - 63);
    assert_eq!(outcome.told_max, 1);
}

#[test]
fn a_million_that_are_merged_one_by_one() {
    // Each event names the one before: customers grow to the limit, then the link is refused and the next one begins.
    let rules = identity(&[(1, 1_000)], 1_000);
    let outcome = attack(&rules, |log, number| {
        match number % 2 {
            0 => log.push(0, number, EventType::ContactReceived, &[(0, number / 2 + 100)]),
            _ => {
                log.push(0, number, EventType::IdentityLinked, &[(0, number / 2 + 99), (0, number / 2 + 100)])
            }
        };
    });
    let customers = outcome.identify.customers();
    assert_eq!(u64::from(customers), MANY / 2, "each contact founds one");
    assert!(outcome.tally.absorbed > MANY / 2 - MANY / 900, "{} merges", outcome.tally.absorbed);
    assert!(outcome.refused > 0 && outcome.told_max <= 2, "{}, {}", outcome.refused, outcome.told_max);
    assert!(outcome.longest_way() <= logarithm(1_000), "{}", outcome.longest_way());
}

#[test]
fn a_million_merges_into_one_customer() {
    // One identifier is split off and linked again: each time a new customer is absorbed by the same survivor.
    let rules = identity(&[(1, 5)], 64);
    let outcome = attack_of(2 * MANY, &rules, |log, number| {
        match number % 2 {
            0 => log.push(0, number, EventType::IdentityLinked, &[(0, 1), (0, 2)]),
            _ => log.push(0, number, EventType::IdentityUnlinked, &[(0, 2)]),
        };
    });
    let customers = outcome.identify.customers();
    assert_eq!(u64::from(customers), 1 + MANY);
    assert_eq!(outcome.tally.absorbed, MANY - 1);
    assert_eq!((outcome.identify.identifiers(), outcome.refused), (2, 0));
    assert!(outcome.longest_way() <= logarithm(customers), "{}", outcome.longest_way());
}

#[test]
fn a_million_refusals_of_one_pair() {
    // Two full customers and an event that names both, again and again; nothing becomes generic.
    let rules = IdentityRules { generic_after: u32::MAX, ..identity(&[(1, 2), (2, 2)], 4) };
    let outcome = attack(&rules, |log, number| {
        let identifiers: &[(u8, u64)] = match number {
            0 => &[(0, 1), (0, 2), (1, 1), (1, 2)],
            1 => &[(0, 3), (0, 4), (1, 3), (1, 4)],
            _ => &[(0, 1), (0, 3), (1, 1), (1, 3), (1, 100)],
        };
        log.push(0, number, EventType::ContactReceived, identifiers);
    });
    assert_eq!((outcome.identify.customers(), outcome.identify.identifiers()), (2, 8));
    assert_eq!(outcome.refused, 3 * (MANY - 2), "two of the other's and one that nobody has room for");
    assert_eq!((outcome.told_max, outcome.longest_way()), (3, 0));
}
