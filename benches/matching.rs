//! What one decision costs in route (goal S12): an agent becomes free with a million conversations waiting, or somebody
//! writes with a hundred thousand agents idle; 1,000 queues, 64 skills, everybody considered.
//!
//! The hall (`support::hall`) is built through the real engine and then works event by event; route's own time of
//! each is taken, by the wall. The same hall is run several times, and a decision's time is the least of its rounds: so what
//! others did to the machine drops out, and what the decision itself costs stays. Memory is touched ahead, as `run` does. On a small hall all output must be the naive
//! model's; on the large one samples must be what a scan of all agents or of all that waits finds.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use support::answer::of_model;
use support::hall::{Hall, PROFILES, STRATEGIES, Size, rules};
use support::options::Options;
use support::report::{Goal, rounded, tell};
use support::stopwatch::wall_nanos;
use trunkline::io::memory;
use trunkline::rules::Rules;
use trunkline::types::record::Record;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The goals' bounds.
const LARGE: Size = Size {
    queues: 1_000,
    definitions: 2_000,
    agents: 100_000,
    waiting: 1_000_000,
    decisions: 10_000,
    compared: 500,
    dispatch: "priority",
};

/// Small enough for the naive model.
const SMALL: Size = Size {
    queues: 18,
    definitions: 15,
    agents: 60,
    waiting: 600,
    decisions: 60,
    compared: 1,
    dispatch: "priority",
};

/// The other ways in which a division says what an agent serves first, and decisions measured of each.
const OTHERS: [&str; 2] = ["gcmu", "ratio"];
const OF_OTHERS: usize = 5_000;

/// Memory that is touched before the first hall, as `run` does ahead of its engine: a first touch is a page fault, which a
/// host may take milliseconds for.
const AHEAD: usize = 3 << 30;

/// Times by kind of decision, in the order in which they were made, with what each was.
type Times = Vec<(String, Vec<(u64, String)>)>;

/// One run of a hall.
struct Run {
    times: Times,
    wrong: Vec<String>,
}

/// Builds a hall up and measures decisions in it.
type HallRun = fn(&mut Hall) -> Run;

/// Both directions.
const BOTH: [HallRun; 2] = [waiting_hall, idle_hall];

fn main() -> ExitCode {
    let defaults = Options {
        events: LARGE.waiting as u64,
        rounds: 2,
        agents: LARGE.agents as u32,
        ..Options::default()
    };
    let options = defaults.words();
    memory::keep();
    if options.ahead {
        memory::touch(AHEAD);
    }
    let test = options.events < 100_000;
    let size = if test {
        let less = Size { waiting: 5_000, agents: 2_000, definitions: 200, ..LARGE };
        Size { queues: 100, decisions: 300, compared: 20, ..less }
    } else {
        Size { waiting: options.events as usize, agents: options.agents as usize, ..LARGE }
    };
    for dispatch in [SMALL.dispatch].into_iter().chain(OTHERS) {
        if let Err(wrong) = is_the_models(&Size { dispatch, ..SMALL }) {
            eprintln!("WRONG: {dispatch}: {wrong}");
            return ExitCode::FAILURE;
        }
    }
    // What no goal is about takes a tenth of the waiting contacts, and what is beyond the goal's bounds one round: most of
    // the bench's time goes by while halls are built.
    let few = Size { waiting: size.waiting / 10, decisions: size.decisions.min(OF_OTHERS), ..size };
    let beyond = Size { definitions: few.definitions * 10, ..few };
    let others = OTHERS.map(|dispatch| (Size { dispatch, ..few }, &[waiting_hall as HallRun][..]));
    let mut parts = vec![(size, &BOTH[..])];
    parts.extend(others);
    parts.push((beyond, &BOTH[..]));
    for (number, (size, runs)) in parts.into_iter().enumerate() {
        let rounds = if number == 0 { options.rounds } else { 1 };
        println!(
            "\n{}: {} queues, {} definitions of {} agents, {} waiting; floor of a reading {} ns",
            size.dispatch,
            size.queues,
            size.definitions,
            size.agents,
            size.waiting,
            floor()
        );
        println!(
            "{:<28} {:>8} {:>9} {:>9} {:>9} {:>9}   worst",
            "ns in route", "events", "median", "p99", "p99.9", "worst"
        );
        let times = match least(&size, rounds, runs) {
            Ok(times) => times,
            Err(wrong) => {
                eprintln!("WRONG: {wrong}");
                return ExitCode::FAILURE;
            }
        };
        let (detail, median, worst) = report(times);
        let detail = json!({
            "queues": size.queues, "definitions": size.definitions, "agents": size.agents, "waiting": size.waiting,
            "dispatch": size.dispatch, "rounds": rounds, "ns": detail,
        });
        if number == 0 {
            // At once: whoever ends the bench before its last row has the figures of the goal.
            println!();
            tell(&goals_of(median, worst, &detail), options.json.as_deref());
        }
    }
    ExitCode::SUCCESS
}

fn goals_of(median: f64, worst: f64, detail: &Value) -> [Goal; 2] {
    let one = |name, what, figure, goal| Goal { name, what, figure, goal, detail: detail.clone() };
    [
        one("S12", "matching: µs of a decision, largest median", median / 1e3, 2.0),
        one("S12b", "matching: µs of a decision, worst", worst / 1e3, 50.0),
    ]
}

/// What two readings of the clock with nothing between them take.
fn floor() -> u64 {
    let mut taken: Vec<u64> = (0..1_001)
        .map(|_| {
            let begun = wall_nanos();
            wall_nanos() - begun
        })
        .collect();
    taken.sort_unstable();
    taken[500]
}

/// The small hall, both directions, against the model.
fn is_the_models(size: &Size) -> Result<(), String> {
    let rules = rules(size);
    for run in [waiting_hall, idle_hall] {
        let mut hall = Hall::new(*size, &rules, true);
        let run = run(&mut hall);
        let lines = hall.lines.take().expect("they are kept");
        let records: Vec<Record<'_>> =
            lines.iter().zip(0..).map(|(line, at)| Record::line(0, at, line.as_bytes())).collect();
        if of_model(&rules, &records).value() != hall.answer.value() {
            return Err(format!(
                "the small hall's {} events give another output than the model's",
                records.len()
            ));
        }
        if let Some(wrong) = run.wrong.first() {
            return Err(format!("the small hall: {wrong}"));
        }
    }
    Ok(())
}

/// These halls, so many rounds each; of each decision the least.
fn least(size: &Size, rounds: usize, runs: &[HallRun]) -> Result<Times, String> {
    let mut all = Times::new();
    for run in runs {
        all.extend(least_of(size, rounds, *run)?);
    }
    Ok(all)
}

fn least_of(size: &Size, rounds: usize, run: HallRun) -> Result<Times, String> {
    let rules = rules(size);
    let (mut times, answer) = once(size, &rules, run, true)?;
    for _ in 1..rounds {
        let (again, other) = once(size, &rules, run, false)?;
        if other != answer {
            return Err("two runs of one hall give different output".to_owned());
        }
        for ((_, times), (_, again)) in times.iter_mut().zip(&again) {
            times.iter_mut().zip(again).for_each(|(time, again)| time.0 = time.0.min(again.0));
        }
    }
    Ok(times)
}

fn once(size: &Size, rules: &Arc<Rules>, run: HallRun, compares: bool) -> Result<(Times, u128), String> {
    let compared = if compares { size.compared } else { usize::MAX };
    let mut hall = Hall::new(Size { compared, ..*size }, rules, false);
    let Run { times, wrong } = run(&mut hall);
    match wrong.into_iter().next() {
        Some(wrong) => Err(wrong),
        None => Ok((times, hall.answer.value())),
    }
}

/// Prints a row a kind; the figures as JSON, the largest median and the worst of all.
fn report(times: Times) -> (Value, f64, f64) {
    let (mut detail, mut median, mut worst) = (Map::new(), 0f64, 0f64);
    for (kind, mut times) in times {
        times.sort_unstable();
        let at = |permille: usize| times[(times.len() - 1) * permille / 1_000].0;
        let last = times.last().expect("something was measured");
        let shown = [at(500), at(990), at(999), last.0].map(|nanos| format!("{nanos:>9}")).join(" ");
        println!("{kind:<28} {:>8} {shown}   {}", times.len(), last.1);
        median = median.max(at(500) as f64);
        worst = worst.max(last.0 as f64);
        detail.insert(kind, json!({"decisions": times.len(), "median": at(500), "p99": at(990), "p99.9": at(999), "worst": last.0, "worst_was": last.1}));
    }
    detail.insert("largest_median_us".to_owned(), json!(rounded(median / 1e3)));
    (Value::Object(detail), median, worst)
}

/// A fifth of the agents are there without room, and some contacts wait for them; the others come one by one.
fn waiting_hall(hall: &mut Hall) -> Run {
    let size = hall.size;
    let there = size.agents / 5;
    for agent in 0..size.agents {
        hall.hire(agent % size.definitions, if agent < there { [0, 0] } else { [1, 1] }, 30);
    }
    for agent in 0..there as u32 {
        let data = hall.comes(agent);
        hall.write("agent.state", &data);
    }
    for contact in 0..size.waiting {
        if contact % (size.waiting / 600).max(1) == 0 {
            hall.clock += 3_000;
        }
        let queue = hall.some_queue();
        let data = hall.calls(queue, there as u64);
        hall.write("contact.received", &data);
    }
    hall.flush();
    let kinds = ["frees: state", "frees: declined", "frees: resolved"];
    let mut run =
        Run { times: kinds.iter().map(|kind| ((*kind).to_owned(), Vec::new())).collect(), wrong: Vec::new() };
    for at in 0..size.decisions.min(size.agents - there) {
        hall.clock += 10;
        let agent = (there + at) as u32;
        let compares = at % size.compared == 0;
        let came = hall.comes(agent);
        let Some(first) = takes(hall, agent, ("agent.state", &came, 0), compares, &mut run) else { continue };
        let declined = hall.answers(agent, first, false);
        let next = takes(hall, agent, ("offer.declined", &declined, 1), compares, &mut run);
        let Some(second) = next else { continue };
        let accepted = hall.answers(agent, second, true);
        hall.write("offer.accepted", &accepted);
        hall.flush();
        let resolved = hall.resolves(agent, second);
        takes(hall, agent, ("conversation.resolved", &resolved, 2), compares, &mut run);
    }
    run
}

/// By this event an agent has room, and takes the best of what waits.
fn takes(
    hall: &mut Hall,
    agent: u32,
    (event, data, kind): (&str, &str, usize),
    compares: bool,
    run: &mut Run,
) -> Option<u32> {
    // Other ways than by priority are the model's to check, on the small hall.
    let compares = compares && hall.size.dispatch == "priority";
    let best = if compares { hall.best_for(agent) } else { None };
    let step = hall.timed(event, data);
    let first = step.offers.first().map(|offer| offer.1);
    if compares && first != best {
        run.wrong.push(format!(
            "agent {agent} took {}, by a scan {}",
            hall.told(agent, first),
            hall.told(agent, best)
        ));
    }
    let what = first.map_or("nothing".to_owned(), |first| {
        format!("agent {agent} takes {} of queue {}", step.offers.len(), hall.contacts[first as usize].queue)
    });
    run.times[kind].1.push((step.nanos, what));
    first
}

/// Everybody is idle or has little to do; contacts come one by one, some offers are declined.
fn idle_hall(hall: &mut Hall) -> Run {
    let size = hall.size;
    for agent in 0..size.agents {
        hall.hire(agent % size.definitions, [2, 3], 100);
    }
    // Each profile of requirements has been asked for once: what the engine learns then, it learns once.
    for queue in 0..size.queues as u32 {
        (0..PROFILES).for_each(|profile| {
            let data = hall.asks(queue, profile, 0);
            hall.write("contact.received", &data);
        });
    }
    hall.clock += 1_200_000;
    hall.flush();
    for agent in 0..size.agents as u32 {
        hall.clock += i64::from(agent % 7 == 0);
        let data = hall.comes(agent);
        hall.write("agent.state", &data);
    }
    hall.flush();
    for contact in 0..hall.contacts.len() as u32 {
        let Some(agent) = hall.contacts[contact as usize].agent else { continue };
        let data = hall.answers(agent, contact, true);
        hall.write("offer.accepted", &data);
        let data = hall.resolves(agent, contact);
        hall.write("conversation.resolved", &data);
    }
    hall.flush();
    let (kinds, mut with) = (["arrives", "declined"], std::collections::VecDeque::new());
    let names = STRATEGIES.iter().flat_map(|s| kinds.iter().map(move |kind| format!("{kind}: {s}")));
    let mut run = Run { times: names.map(|name| (name, Vec::new())).collect(), wrong: Vec::new() };
    for at in 0..size.decisions * STRATEGIES.len() {
        hall.clock += 3;
        let compares = at % size.compared == 0;
        let queue = loop {
            let queue = hall.some_queue();
            if queue as usize % STRATEGIES.len() == at % STRATEGIES.len() {
                break queue;
            }
        };
        let data = hall.calls(queue, size.agents as u64);
        let kind = at % STRATEGIES.len() * 2;
        let Some((agent, contact)) = gets(hall, "contact.received", &data, kind, compares, &mut run) else {
            continue;
        };
        let data = hall.answers(agent, contact, false);
        let other = gets(hall, "offer.declined", &data, kind + 1, compares, &mut run);
        if let Some((other, contact)) = other {
            let data = hall.answers(other, contact, true);
            hall.write("offer.accepted", &data);
            with.push_back((other, contact));
        }
        if with.len() > size.agents / 5 {
            let (agent, contact) = with.pop_front().expect("somebody has one");
            let data = hall.resolves(agent, contact);
            hall.write("conversation.resolved", &data);
        }
        hall.flush();
    }
    run
}

/// The event makes the latest contact takeable: who gets it?
fn gets(
    hall: &mut Hall,
    event: &str,
    data: &str,
    kind: usize,
    compares: bool,
    run: &mut Run,
) -> Option<(u32, u32)> {
    let contact = hall.contacts.len() as u32 - 1;
    let best = if compares { hall.best_of(contact) } else { None };
    let step = hall.timed(event, data);
    let got = step.offers.first().map(|(agent, _, candidates)| (*agent, *candidates));
    if compares && got != best {
        run.wrong.push(format!("contact {contact}: (agent, candidates) {got:?}, by a scan {best:?}"));
    }
    let queue = hall.contacts[contact as usize].queue;
    let candidates = got.map_or(0, |(_, candidates)| candidates);
    run.times[kind]
        .1
        .push((step.nanos, format!("contact {contact} of queue {queue}, candidates {candidates}")));
    step.offers.first().map(|(agent, contact, _)| (*agent, *contact))
}
