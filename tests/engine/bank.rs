//! A month of a bank's call centre, February 1999, lived through again: the real arrivals, the real talks, the real
//! rule (customers of priority 2 are credited 90 s of waiting), and the engine in the place of the bank's switch. What
//! nobody recorded must be inferred: who was on duty, and how long those who were answered would have waited. Skipped,
//! with a message, where the data is absent.
//!
//! **Staffing.** A talk proves its agent present. Between two talks the agent was idle or away; the trace tells which
//! in one case: if meanwhile a caller waited for `IDLE_WAIT_S` or longer whom this agent could have served, the agent
//! was not there. An agent can serve what it served that day. Cruder inferences run beside it, to show how much depends
//! on them: gaps by their length alone, no breaks, services of the whole month.
//!
//! **Patience** is Kaplan and Meier's estimate by priority (JASA 53(282), 1958): who hung up tells a patience, who was
//! answered tells that it was longer. Each caller draws anew, those who hung up in truth from the same curve as the
//! others, so nobody's own end is put in. Beside it: those hang up who did, when they did, and nobody else.
//!
//! **Ringing.** Whoever was queued is connected some seconds after the agent is free, who is bound meanwhile: the
//! median of the time between two talks if the next caller was there already (5 s). The bank's switch queued callers
//! whom it knew (priority 1 and 2) even if an agent was free: 96 % of them, 29 % of the others. So it rings for them
//! always.
//!
//! | | hung up | mean wait | in 20 s | by priority 0, 1, 2 |
//! |---|---|---|---|---|
//! | the trace | 12.73 % | 40.8 s | 52.1 % | 12.15 % 19.9 s, 20.33 % 75.4 s, 10.07 % 65.2 s |
//! | as above | 11.76 % | 36.3 s | 57.3 % | 11.53 % 18.2 s, 18.58 % 71.0 s, 8.78 % 55.0 s |
//! | seeds 2, 3 | 11.84, 11.67 % | 37.8, 37.7 s | 57.0, 56.5 % | |
//! | services of the month | 10.91 % | 33.6 s | 59.0 % | |
//! | patience as they were | 9.94 % | 49.5 s | 53.7 % | |
//! | away if a gap exceeds 2 minutes (5) | 11.94 (10.62) % | 36.3 (33.1) s | 57.1 (61.2) % | |
//! | no credit | 11.31 % | 37.5 s | 55.4 % | priority 1 58.8 s, priority 2 68.0 s |
//! | no breaks | 4.94 % | 14.2 s | 82.0 % | |
//!
//! The first reading had services of the month and the ringing as a wrap-up, with 10.5 to 10.9 %; the two were mended
//! by what the trace shows, and no number was fitted: `IDLE_WAIT_S` of 20 or 30 gives 11.35 to 11.77 % and 35 to 37 s.
//! What is left has one sign, the engine is quicker, and one known cause: of the queued who were answered, 3,347 got an
//! agent whose last talk had ended before they joined the queue, and half of those waited for 25 s or longer all the
//! same. An agent who was free for the engine was not free for the switch, and the trace does not say why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;

use trunkline::types::Millis;

use crate::support::call_centre::{Agent, Call, ENDLESS, Fate, Presence, RULES, run};
use crate::support::dice::Dice;

/// A caller waits so long only if nobody can take the call: switching takes less.
const IDLE_WAIT_S: i64 = 10;
/// 1999-02-01, 00:00 on the bank's clock, which had no change of time that month.
const FEBRUARY: Millis = Millis(917_827_200_000);
const DAY_S: i64 = 86_400;

/// A call that sought an agent; instants in seconds since the month began.
struct Sought {
    at: i64,
    waited: i64,
    priority: usize,
    service: String,
    talk: Option<Talk>,
}

/// Its answer.
struct Talk {
    from: i64,
    lasted: i64,
    /// Not recorded of 491 calls, half of them over within 6 s.
    agent: Option<String>,
}

/// An agent was on duty.
struct Duty {
    agent: String,
    from: i64,
    to: i64,
}

/// What a month comes to, in all and by priority.
struct Month {
    all: Service,
    by_priority: [Service; 3],
}

/// Percent of callers who hung up, mean wait of the answered in seconds, percent of all answered within 20 s.
struct Service {
    abandoned: f64,
    mean_wait_s: f64,
    in_20_s: f64,
}

/// A way to read the trace.
#[derive(Copy, Clone, Debug)]
struct Reading {
    breaks: Breaks,
    skills_of: SkillsOf,
    patience: Patient,
    /// What customers of priority 2 are credited, in seconds.
    credit: i64,
}

/// An agent can serve what it served in this time.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum SkillsOf {
    Day,
    Month,
}

/// Whose patience is drawn.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Patient {
    /// Everybody's.
    Drawn,
    /// Nobody's: who hung up does so after the same time again, nobody else does.
    AsTheyWere,
}

/// How a gap between two talks is read.
#[derive(Copy, Clone, Debug)]
enum Breaks {
    /// As the head of this file says.
    Evident,
    /// Away if it is longer than so many seconds.
    Longer(i64),
    /// Never away between the first and the last talk of a day.
    None,
}

#[test]
fn the_month_comes_out_as_it_was() {
    let Some(month) = recorded() else { return };
    let truth = Month::of(month.iter().map(|call| (call.priority, call.waited, call.talk.is_some())));
    assert_eq!((month.len(), month.iter().filter(|call| call.talk.is_some()).count()), (31_125, 27_162));
    assert!(truth.all.is_near(&Service { abandoned: 12.73, mean_wait_s: 40.77, in_20_s: 52.08 }, 0.001));
    println!("the trace: {truth}");
    let best =
        Reading { breaks: Breaks::Evident, skills_of: SkillsOf::Day, patience: Patient::Drawn, credit: 90 };
    for seed in 1..=3 {
        let lived = lived_again(&month, best, seed);
        println!("{best:?}, seed {seed}: {lived}");
        assert!(lived.all.is_near(&truth.all, 0.15), "seed {seed}: {lived}");
        assert!(lived.by_priority[2].mean_wait_s < lived.by_priority[1].mean_wait_s, "seed {seed}: {lived}");
    }
    for other in [
        Reading { skills_of: SkillsOf::Month, ..best },
        Reading { patience: Patient::AsTheyWere, ..best },
        Reading { breaks: Breaks::Longer(120), ..best },
        Reading { breaks: Breaks::Longer(300), ..best },
    ] {
        println!("{other:?}: {}", lived_again(&month, other, 1));
    }
    // The credit is what makes priority 2 wait for less time than priority 1, in truth too.
    assert!(truth.by_priority[2].mean_wait_s < truth.by_priority[1].mean_wait_s);
    let without = lived_again(&month, Reading { credit: 0, ..best }, 1);
    println!("no credit: {without}");
    assert!(without.by_priority[2].mean_wait_s > without.by_priority[1].mean_wait_s, "{without}");
    // Nobody away between the first and the last talk of the day: what is compared can differ.
    let lived = lived_again(&month, Reading { breaks: Breaks::None, ..best }, 1);
    println!("no breaks: {lived}");
    assert!(!lived.all.is_near(&truth.all, 0.5), "{lived}");
}

impl Month {
    /// Of (priority, seconds waited, whether answered).
    fn of(calls: impl Iterator<Item = (usize, i64, bool)>) -> Month {
        let calls: Vec<(usize, i64, bool)> = calls.collect();
        let only = |priority| Service::of(calls.iter().filter(|call| call.0 == priority));
        Month { all: Service::of(calls.iter()), by_priority: [only(0), only(1), only(2)] }
    }
}

impl Service {
    fn of<'a>(calls: impl Iterator<Item = &'a (usize, i64, bool)>) -> Service {
        let (mut count, mut answered) = (0, Vec::new());
        for (_, waited, is_answered) in calls {
            count += 1;
            answered.extend(is_answered.then_some(*waited));
        }
        let percent = |part: usize| 100.0 * part as f64 / f64::from(count);
        Service {
            abandoned: 100.0 - percent(answered.len()),
            mean_wait_s: answered.iter().sum::<i64>() as f64 / answered.len() as f64,
            in_20_s: percent(answered.iter().filter(|waited| **waited <= 20).count()),
        }
    }

    /// Whether share and wait are this near, as a part of the truth.
    fn is_near(&self, truth: &Service, part: f64) -> bool {
        let near = |is: f64, truth: f64| (is - truth).abs() <= part * truth;
        near(self.abandoned, truth.abandoned) && near(self.mean_wait_s, truth.mean_wait_s)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {:.2} % in 20 s; by priority:", self.all, self.all.in_20_s)?;
        self.by_priority.iter().try_for_each(|service| write!(f, " {service};"))
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} %, {:.1} s", self.abandoned, self.mean_wait_s)
    }
}

/// The trace; none where it is absent.
fn recorded() -> Option<Vec<Sought>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/bank/calls_1999_02.csv.zst");
    let Ok(packed) = std::fs::File::open(&file) else {
        println!("skipped: {} is not there (the bank's calls are not part of the project)", file.display());
        return None;
    };
    let mut text = String::new();
    zstd::Decoder::new(packed).expect("a zstd file").read_to_string(&mut text).expect("the whole trace");
    let mut month: Vec<Sought> = text.lines().skip(1).filter_map(sought).collect();
    month.sort_by_key(|call| call.at);
    Some(month)
}

/// A row of the trace, if that call sought an agent.
fn sought(row: &str) -> Option<Sought> {
    let columns: Vec<&str> = row.split(',').collect();
    let [
        _,
        _,
        _,
        priority,
        service,
        date,
        _,
        vru_exit,
        _,
        q_start,
        _,
        q_time,
        outcome,
        from,
        _,
        lasted,
        server,
    ] = columns[..]
    else {
        panic!("{row} has not 17 columns");
    };
    let number = |text: &str| text.parse::<i64>().expect("a number");
    let midnight = (number(&date[8..]) - 1) * DAY_S;
    let clock = |text: &str| {
        let parts: Vec<i64> = text.split(':').map(number).collect();
        midnight + parts[0] * 3_600 + parts[1] * 60 + parts[2]
    };
    // Midnight stands for what did not happen or was not recorded.
    let known = |text: &str| (text != "0:00:00").then(|| clock(text));
    let queued = known(q_start);
    let at = queued.or(known(vru_exit)).or(known(from)).expect("a call has an instant");
    let talk = match outcome {
        "AGENT" => Some(Talk {
            from: known(from).unwrap_or(at + number(q_time)),
            lasted: number(lasted),
            agent: (server != "NO_SERVER").then(|| server.to_owned()),
        }),
        "HANG" if queued.is_some() => None,
        _ => return None,
    };
    let after_midnight =
        |talk: Talk| Talk { from: talk.from + if talk.from + DAY_S / 2 < at { DAY_S } else { 0 }, ..talk };
    Some(Sought {
        at,
        waited: number(q_time),
        priority: number(priority) as usize,
        service: service.to_owned(),
        talk: talk.map(after_midnight),
    })
}

/// The month with the engine in the place of the switch.
fn lived_again(month: &[Sought], reading: Reading, seed: u64) -> Month {
    let talks = talks(month, reading.skills_of);
    let names: Vec<&String> = talks.keys().collect();
    let agents: Vec<Agent> = talks
        .iter()
        .map(|(name, work)| Agent { name: name.clone(), skills: work.services.iter().cloned().collect() })
        .collect();
    let mut presence: Vec<Presence> = on_duty(month, &talks, reading.breaks)
        .iter()
        .flat_map(|duty| {
            let agent = names.binary_search(&&duty.agent).expect("everybody on duty has a talk");
            [(duty.from, true), (duty.to, false)].map(|(at, here)| Presence { at: instant(at), agent, here })
        })
        .collect();
    presence.sort_by_key(|change| change.at);
    let calls = calls(month, ring_s(month, &talks), reading, seed);
    // Whoever rings is bound to the agent; a point a second.
    let offer = "accept = \"offer\"\noffer_timeout = \"1h\"\ncurve_after = { per_minute = 60 }";
    let fates = run(&RULES.replace("accept = \"auto\"", offer), &agents, &presence, &calls);
    Month::of(month.iter().zip(fates).map(|(call, fate)| match fate {
        Fate::Answered(ms) => (call.priority, ms / 1_000, true),
        Fate::Abandoned(ms) => (call.priority, ms / 1_000, false),
        Fate::Waiting => panic!("somebody waits for ever"),
    }))
}

fn instant(at: i64) -> Millis {
    Millis(FEBRUARY.0 + at * 1_000)
}

/// What an agent did, in the month or on a day.
#[derive(Default)]
struct Work {
    /// From, to, and when the caller was there, in order.
    talks: Vec<(i64, i64, i64)>,
    services: BTreeSet<String>,
}

/// Work by agent; by agent and day where skills are those of the day.
fn talks(month: &[Sought], skills_of: SkillsOf) -> BTreeMap<String, Work> {
    let mut work: BTreeMap<String, Work> = BTreeMap::new();
    for call in month {
        let Some(Talk { from, lasted, agent: Some(agent) }) = &call.talk else { continue };
        let name = match skills_of {
            SkillsOf::Day => format!("{agent}-{}", from / DAY_S + 1),
            SkillsOf::Month => agent.clone(),
        };
        let work = work.entry(name).or_default();
        work.talks.push((*from, from + lasted, call.at));
        work.services.insert(call.service.clone());
    }
    work.values_mut().for_each(|work| work.talks.sort());
    work
}

/// Median time from the end of a talk to the next of the same agent, where the next caller was waiting at that end.
fn ring_s(month: &[Sought], talks: &BTreeMap<String, Work>) -> i64 {
    let pairs = talks.values().flat_map(|work| work.talks.windows(2));
    let waited = pairs.filter(|pair| pair[1].2 <= pair[0].1 && pair[0].1 < pair[1].0);
    let mut gaps: Vec<i64> = waited.map(|pair| pair[1].0 - pair[0].1).collect();
    assert!(gaps.len() > month.len() / 4, "most who wait are taken by whoever is free next");
    gaps.sort();
    gaps[gaps.len() / 2]
}

fn on_duty(month: &[Sought], talks: &BTreeMap<String, Work>, breaks: Breaks) -> Vec<Duty> {
    let mut duties: Vec<Duty> = Vec::new();
    for (agent, work) in talks {
        let services = &work.services;
        let mut last: Option<Duty> = None;
        for (from, to, _) in &work.talks {
            match &mut last {
                Some(duty) if !breaks.is_break(month, services, duty.to, *from) => duty.to = duty.to.max(*to),
                _ => duties.extend(last.replace(Duty { agent: agent.clone(), from: *from, to: *to })),
            }
        }
        duties.extend(last);
    }
    duties
}

impl Breaks {
    /// Whether somebody who can serve these was away between two talks.
    fn is_break(self, month: &[Sought], services: &BTreeSet<String>, from: i64, to: i64) -> bool {
        match self {
            Breaks::Longer(most) => to - from > most,
            Breaks::None => from / DAY_S != to / DAY_S,
            Breaks::Evident => {
                /// Nobody waited longer.
                const LONGEST_WAIT_S: i64 = 3_600;
                let first = month.partition_point(|call| call.at < from - LONGEST_WAIT_S);
                let mut waiting = month[first..].iter().take_while(|call| call.at < to);
                waiting.any(|call| {
                    let together = to.min(call.at + call.waited) - from.max(call.at);
                    together >= IDLE_WAIT_S && services.contains(&call.service)
                })
            }
        }
    }
}

/// The calls as they will be, whoever takes them. Who hung up would have talked like somebody else with that service.
fn calls(month: &[Sought], ring_s: i64, reading: Reading, seed: u64) -> Vec<Call> {
    let mut dice = Dice::new(seed);
    let patience: Vec<Patience> = (0..3).map(|priority| Patience::of(month, priority)).collect();
    let mut lasted: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for call in month {
        lasted.entry(&call.service).or_default().extend(call.talk.as_ref().map(|talk| talk.lasted));
    }
    let mut call_of = |call: &Sought| {
        let others = &lasted[call.service.as_str()];
        let handling_s = match &call.talk {
            Some(talk) => talk.lasted,
            None => others[dice.below(others.len())],
        };
        let drawn = patience[call.priority].draw(&mut dice);
        let patience_ms = match (reading.patience, &call.talk) {
            (Patient::Drawn, _) => drawn,
            (Patient::AsTheyWere, None) => call.waited * 1_000,
            (Patient::AsTheyWere, Some(_)) => ENDLESS,
        };
        Call {
            at: instant(call.at),
            patience_ms,
            handling_ms: handling_s * 1_000,
            ring_ms: [if call.priority == 0 { 0 } else { ring_s * 1_000 }, ring_s * 1_000],
            value: if call.priority == 2 { reading.credit } else { 0 },
            skill: Some(call.service.clone()),
        }
    };
    month.iter().map(&mut call_of).collect()
}

/// How long callers of one priority wait before they hang up.
struct Patience {
    /// Seconds, and the share that waits longer; ascending.
    steps: Vec<(i64, f64)>,
    /// The longest wait, in seconds.
    longest: i64,
}

impl Patience {
    /// Kaplan and Meier's product: at each hanging up the share falls by one of those who were still waiting. Who hung
    /// up and who was answered in the same second: the hanging up counts as earlier.
    fn of(month: &[Sought], priority: usize) -> Patience {
        let of_priority = month.iter().filter(|call| call.priority == priority);
        let mut waits: Vec<(i64, bool)> =
            of_priority.map(|call| (call.waited, call.talk.is_some())).collect();
        waits.sort();
        let mut share = 1.0;
        let mut steps = Vec::new();
        for (gone, (waited, answered)) in waits.iter().enumerate() {
            if !answered {
                share *= 1.0 - 1.0 / (waits.len() - gone) as f64;
                steps.push((*waited, share));
            }
        }
        Patience { steps, longest: waits.last().expect("every priority has calls").0 }
    }

    /// A patience in ms. Those whom the trace never saw lose theirs do so after the longest wait that it has (Efron's
    /// tail): nobody knows more of them, and without agents at night they would wait until morning.
    fn draw(&self, dice: &mut Dice) -> i64 {
        let even = (dice.bits() >> 11) as f64 / (1u64 << 53) as f64;
        let step = self.steps.partition_point(|(_, share)| *share > even);
        1_000 * self.steps.get(step).map_or(self.longest, |(waited, _)| *waited)
    }
}
