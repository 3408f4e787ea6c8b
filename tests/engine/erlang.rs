//! The engine against queueing theory: queues whose exact answers have been known for a century, lived through call by
//! call. Poisson arrivals, exponential talks, n equal agents, one queue: whatever the engine does must come out as
//! Erlang's formulas say, within what chance allows. A call that is handed out late, to an agent who is not free, or
//! not at all, shows as a wrong mean; a wrong order shows in the service level.
//!
//! Chance: the calls of a run fall into batches; the means of batches are all but independent, so their mean lies
//! within Student's t of the truth 999 times in 1,000. Seeds are fixed, so a run that passes passes always.

use trunkline::types::Millis;

use crate::support::call_centre::{Agent, Call, ENDLESS, Fate, Presence, RULES, run};
use crate::support::dice::Dice;
use crate::support::story::START;

/// Mean talk.
const HANDLING_MS: f64 = 180_000.0;
/// Mean patience, where callers have some.
const PATIENCE_MS: f64 = 120_000.0;
/// Answered within this is served in time.
const IN_TIME_MS: f64 = 20_000.0;
/// Batches that count; one more before them warms up.
const BATCHES: usize = 20;
/// Student's t: 99.9 % of both sides, 18 degrees of freedom (20 batches, a line through them).
const T_999: f64 = 3.922;

/// A world: calls in `load` lines at once on average, `agents` of them answered.
#[derive(Copy, Clone)]
struct World {
    /// Arrivals in a mean talk (Erlang).
    load: f64,
    agents: usize,
    patience_ms: Option<f64>,
    calls_a_batch: usize,
    seed: u64,
}

/// What theory says of a number, and how a call adds to it.
struct Measure {
    name: &'static str,
    truth: f64,
    of: fn(Fate) -> f64,
}

#[test]
fn erlang_c_of_6_agents() {
    agrees(endless(5.0, 6, 2_000, 1));
}

#[test]
fn erlang_c_of_22_agents() {
    agrees(endless(20.0, 22, 3_500, 2));
}

#[test]
fn erlang_c_of_55_agents() {
    agrees(endless(50.0, 55, 4_000, 3));
}

#[test]
fn erlang_c_of_105_agents() {
    agrees(endless(100.0, 105, 6_000, 4));
}

#[test]
fn erlang_a_of_6_agents() {
    agrees(impatient(5.0, 6, 11));
}

#[test]
fn erlang_a_of_22_agents() {
    agrees(impatient(20.0, 22, 12));
}

#[test]
fn erlang_a_of_55_agents() {
    agrees(World { calls_a_batch: 2_500, ..impatient(50.0, 55, 13) });
}

#[test]
fn erlang_a_of_105_agents() {
    agrees(World { calls_a_batch: 3_000, ..impatient(100.0, 105, 14) });
}

/// More work than agents: without patience the line would grow for ever.
#[test]
fn erlang_a_of_too_few_agents() {
    agrees(impatient(60.0, 50, 15));
}

/// The same, of worlds that are wrong: what the tests above compare can differ.
#[test]
fn one_agent_more_is_noticed() {
    for world in [endless(20.0, 22, 1_500, 21), impatient(20.0, 22, 22)] {
        let run = lived(World { agents: world.agents + 1, ..world });
        assert_eq!(outside(&run, &truths(world)), ["P(wait)", "mean wait", third(world)]);
    }
}

#[test]
fn a_tenth_more_calls_are_noticed() {
    for world in [endless(20.0, 23, 1_500, 31), impatient(20.0, 23, 32)] {
        let run = lived(World { load: world.load * 1.1, ..world });
        assert_eq!(outside(&run, &truths(world)), ["P(wait)", "mean wait", third(world)]);
    }
}

/// Last come, first served: by a curve that falls. No call waits because of it that would not have waited, nor do all
/// together wait for longer; only who waits changes, and the service level with it.
#[test]
fn a_wrong_order_is_noticed() {
    let world = endless(20.0, 22, 1_500, 2);
    let run = lived_by(&format!("{RULES}curve_after = {{ per_minute = -1 }}\n"), world);
    assert_eq!(outside(&run, &truths(world)), ["in time"]);
}

/// A known case of each formula, so that theory is not checked by what it checks.
#[test]
fn the_formulas_give_known_values() {
    let close = |is: f64, should: f64| assert!((is - should).abs() < 1e-9, "{is}, not {should}");
    // M/M/1: P(wait) is the load, the mean wait load / (1 − load) talks.
    close(erlang_c(0.8, 1), 0.8);
    close(mean_wait_ms(0.8, 1), 4.0 * HANDLING_MS);
    // M/M/2 at load 1: 1/3 (two agents, half busy).
    close(erlang_c(1.0, 2), 1.0 / 3.0);
    // If patience is as long as a talk, everybody leaves at the same rate, served or not: a Poisson number is there.
    let as_infinite = erlang_a(3.0, 2, HANDLING_MS);
    let fewer = (-3.0f64).exp() * (1.0 + 3.0);
    close(as_infinite.wait, 1.0 - fewer);
    // Endless patience is Erlang C again.
    assert!((erlang_a(5.0, 6, HANDLING_MS * 1e7).wait - erlang_c(5.0, 6)).abs() < 1e-5);
}

/// P(wait) of M/M/n: Erlang's second formula (A. K. Erlang, "Solution of some problems in the theory of probabilities
/// of significance in automatic telephone exchanges", 1917), by the recursion of his first:
/// B(0) = 1, B(k) = A·B(k−1) / (k + A·B(k−1)); C = B(n) / (1 − A/n·(1 − B(n))).
fn erlang_c(load: f64, agents: usize) -> f64 {
    let blocked = (1..=agents).fold(1.0, |before, k| load * before / (k as f64 + load * before));
    blocked / (1.0 - load / agents as f64 * (1.0 - blocked))
}

/// Mean wait of all callers of M/M/n: C·talk / (n − A).
fn mean_wait_ms(load: f64, agents: usize) -> f64 {
    erlang_c(load, agents) * HANDLING_MS / (agents as f64 - load)
}

/// Answered within `ms` in M/M/n, first come first served: 1 − C·e^(−(n − A)·ms / talk).
fn in_time(load: f64, agents: usize, ms: f64) -> f64 {
    1.0 - erlang_c(load, agents) * (-(agents as f64 - load) * ms / HANDLING_MS).exp()
}

/// What Erlang A says.
struct Impatience {
    wait: f64,
    abandon: f64,
    mean_wait_ms: f64,
}

/// M/M/n with exponential patience: C. Palm, "Research on telephone traffic carried by full availability groups",
/// 1957 (in Swedish 1946); O. Garnett, A. Mandelbaum and M. Reiman, "Designing a call center with impatient customers",
/// M&SOM 4(3), 2002. The number of callers k is born at the rate λ and dies at min(k, n)·µ + max(k − n, 0)·θ, so its
/// probabilities are products of quotients, summed here until they no longer count. An arrival finds them (Poisson
/// arrivals see time averages): P(wait) = P(k ≥ n); mean wait of all, those who hang up included, = E(waiting) / λ
/// (Little); P(abandon) = θ·E(waiting) / λ.
fn erlang_a(load: f64, agents: usize, patience_ms: f64) -> Impatience {
    // Rates by mean talk: λ = load, µ = 1.
    let theta = HANDLING_MS / patience_ms;
    let (mut weight, mut all, mut at_least_n, mut waiting) = (1.0, 1.0, 0.0, 0.0);
    for k in 1.. {
        let beyond = (k as f64 - agents as f64).max(0.0);
        weight *= load / (k as f64 - beyond + beyond * theta);
        all += weight;
        if k >= agents {
            at_least_n += weight;
            waiting += beyond * weight;
        }
        if k > agents && weight < all * 1e-16 {
            break;
        }
    }
    let queue = waiting / all;
    Impatience {
        wait: at_least_n / all,
        abandon: theta * queue / load,
        mean_wait_ms: queue / load * HANDLING_MS,
    }
}

fn endless(load: f64, agents: usize, calls_a_batch: usize, seed: u64) -> World {
    World { load, agents, patience_ms: None, calls_a_batch, seed }
}

fn impatient(load: f64, agents: usize, seed: u64) -> World {
    World { load, agents, patience_ms: Some(PATIENCE_MS), calls_a_batch: 1_500, seed }
}

/// P(wait), mean wait, and what is called `third`.
fn truths(world: World) -> [Measure; 3] {
    let World { load, agents, .. } = world;
    let measure = |name, truth, of| Measure { name, truth, of };
    match world.patience_ms {
        None => [
            measure("P(wait)", erlang_c(load, agents), waited),
            measure("mean wait", mean_wait_ms(load, agents), wait_ms),
            measure(third(world), in_time(load, agents, IN_TIME_MS), was_in_time),
        ],
        Some(patience_ms) => {
            let truth = erlang_a(load, agents, patience_ms);
            [
                measure("P(wait)", truth.wait, waited),
                measure("mean wait", truth.mean_wait_ms, wait_ms),
                measure(third(world), truth.abandon, abandoned),
            ]
        }
    }
}

fn third(world: World) -> &'static str {
    if world.patience_ms.is_some() { "P(abandon)" } else { "in time" }
}

fn wait_ms(fate: Fate) -> f64 {
    match fate {
        Fate::Answered(ms) | Fate::Abandoned(ms) => ms as f64,
        Fate::Waiting => panic!("a call is never over"),
    }
}

fn waited(fate: Fate) -> f64 {
    f64::from(u8::from(wait_ms(fate) > 0.0))
}

fn was_in_time(fate: Fate) -> f64 {
    f64::from(u8::from(wait_ms(fate) <= IN_TIME_MS))
}

fn abandoned(fate: Fate) -> f64 {
    f64::from(u8::from(matches!(fate, Fate::Abandoned(_))))
}

/// A run agrees with the truth, and would not agree with that of a twentieth more agents, at least of one.
fn agrees(world: World) {
    let run = lived(world);
    assert_eq!(outside(&run, &truths(world)), [""; 0]);
    let more = World { agents: world.agents + (world.agents / 20).max(1), ..world };
    assert!(outside(&run, &truths(more)).contains(&"P(wait)"), "the run is too short to tell");
}

/// The calls of a run and what became of them.
struct Run {
    world: World,
    calls: Vec<Call>,
    fates: Vec<Fate>,
}

/// Lives through a world's calls.
fn lived(world: World) -> Run {
    lived_by(RULES, world)
}

fn lived_by(rules: &str, world: World) -> Run {
    let mut dice = Dice::new(world.seed);
    let mut at = 0.0;
    let calls: Vec<Call> = (0..world.calls_a_batch * (BATCHES + 1))
        .map(|_| {
            at += exponential(&mut dice, HANDLING_MS / world.load);
            let handling_ms = exponential(&mut dice, HANDLING_MS).round() as i64;
            let patience_ms =
                world.patience_ms.map_or(ENDLESS, |mean| exponential(&mut dice, mean).round() as i64);
            Call {
                at: Millis(START.0 + at.round() as i64),
                patience_ms,
                handling_ms,
                ring_ms: [0; 2],
                value: 0,
                skill: None,
            }
        })
        .collect();
    let agents: Vec<Agent> =
        (0..world.agents).map(|at| Agent { name: format!("a{at}"), skills: Vec::new() }).collect();
    let presence: Vec<Presence> =
        (0..world.agents).map(|agent| Presence { at: START, agent, here: true }).collect();
    let fates = run(rules, &agents, &presence, &calls);
    Run { world, calls, fates }
}

fn exponential(dice: &mut Dice, mean: f64) -> f64 {
    let even = (dice.bits() >> 11) as f64 / (1u64 << 53) as f64;
    -mean * (1.0 - even).ln()
}

/// Measures whose truth lies outside of what the run allows.
fn outside(run: &Run, measures: &[Measure]) -> Vec<&'static str> {
    let work = run.excess_of_work();
    let wrong = measures.iter().filter(|Measure { name, truth, of }| {
        let (mean, half) = interval(&work, &run.means(*of));
        println!("{name}: {mean:.4} ± {half:.4}, in theory {truth:.4}");
        (mean - truth).abs() > half
    });
    wrong.map(|measure| measure.name).collect()
}

impl Run {
    /// Means of the batches that count.
    fn means(&self, of: fn(Fate) -> f64) -> Vec<f64> {
        let batch = self.world.calls_a_batch;
        let mean = |fates: &[Fate]| fates.iter().map(|fate| of(*fate)).sum::<f64>() / batch as f64;
        self.fates[batch..].chunks(batch).map(mean).collect()
    }

    /// By how much more work than expected the batches brought: mean talk less mean gap, each by its expectation. Zero
    /// on average whatever the engine does, since only the dice know of it.
    fn excess_of_work(&self) -> Vec<f64> {
        let batch = self.world.calls_a_batch;
        let gap_ms = HANDLING_MS / self.world.load;
        (batch..self.calls.len())
            .step_by(batch)
            .map(|from| {
                let calls = &self.calls[from..from + batch];
                let talked: i64 = calls.iter().map(|call| call.handling_ms).sum();
                let passed = calls[batch - 1].at.0 - self.calls[from - 1].at.0;
                (talked as f64 / HANDLING_MS - passed as f64 / gap_ms) / batch as f64
            })
            .collect()
    }
}

/// Mean and half width at 99.9 % of what batches brought, `work` taken as a control variate (S. Lavenberg and P. Welch,
/// "A perspective on the use of control variables to increase the efficiency of Monte Carlo simulations", Management
/// Science 27(3), 1981): most of what distinguishes batches is that some brought more work, and a straight line
/// through (work, mean) takes that out. The mean is the line's at no excess of work.
fn interval(work: &[f64], means: &[f64]) -> (f64, f64) {
    let count = means.len() as f64;
    let mean = |list: &[f64]| list.iter().sum::<f64>() / count;
    let (x, y) = (mean(work), mean(means));
    let spread: f64 = work.iter().map(|at| (at - x).powi(2)).sum();
    let slope = work.iter().zip(means).map(|(at, of)| (at - x) * (of - y)).sum::<f64>() / spread;
    let left: f64 = work.iter().zip(means).map(|(at, of)| (of - y - slope * (at - x)).powi(2)).sum();
    let half = T_999 * (left / (count - 2.0) * (1.0 / count + x * x / spread)).sqrt();
    (y - slope * x, half)
}
