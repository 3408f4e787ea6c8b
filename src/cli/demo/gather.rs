//! What happened in the demonstration: counts, a sample of the whole floor every few minutes of the day, and one
//! assignment worth telling about. Read from the engine's decisions and tallies while it runs; it steers nothing.

use crate::io::machine::Stopwatch;
use crate::pipeline::{Stage, Watch};
use crate::rules::Rules;
use crate::sim::profile::BEGIN;
use crate::sim::{Batch, Engine, PipelineEngine, World};
use crate::types::decision::{Attempt, Body, Closed, Decision, DecisionBatch, Offered};
use crate::types::{ChannelId, CloseOutcome, ConversationId, CustomerId, Millis, QueueId, WithdrawReason};
use hdrhistogram::Histogram;

/// Simulated time between two samples.
pub const SAMPLE_MS: i64 = 5 * 60_000;
/// Longest latency that the histograms tell apart.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// Digits kept of a latency.
const LATENCY_DIGITS: u8 = 3;
/// Longest wait that the histograms tell apart.
const WAIT_MS_MAX: u64 = 24 * 3_600_000;
/// Digits kept of a wait.
const WAIT_DIGITS: u8 = 3;

/// Adds up what each stage takes.
pub struct StageWatch {
    stopwatch: Stopwatch,
    before: u64,
    /// Nanoseconds by stage.
    pub nanos: [u64; 5],
}

impl StageWatch {
    fn new() -> StageWatch {
        StageWatch { stopwatch: Stopwatch::start(), before: 0, nanos: [0; 5] }
    }
}

impl Watch for StageWatch {
    fn done(&mut self, stage: Stage) {
        let now = self.stopwatch.nanos();
        self.nanos[stage as usize] += now - self.before;
        self.before = now;
    }
}

/// The engine, with a watch in hand.
pub struct TimedEngine {
    inner: PipelineEngine<StageWatch>,
    stopwatch: Stopwatch,
    /// Nanoseconds in the engine.
    pub nanos: u64,
    /// Nanoseconds of each batch, each event of it counted.
    pub latency: Histogram<u64>,
    /// The same since the last sample.
    pub recent: Histogram<u64>,
}

impl TimedEngine {
    /// An engine that has seen nothing.
    pub fn new(rules: &Rules) -> TimedEngine {
        let histogram =
            || Histogram::new_with_max(LATENCY_NS_MAX, LATENCY_DIGITS).expect("the bounds are sound");
        TimedEngine {
            inner: PipelineEngine::new(rules, StageWatch::new()),
            stopwatch: Stopwatch::start(),
            nanos: 0,
            latency: histogram(),
            recent: histogram(),
        }
    }

    /// The engine within.
    pub fn inner(&mut self) -> &mut PipelineEngine<StageWatch> {
        &mut self.inner
    }
}

impl Engine for TimedEngine {
    fn submit(&mut self, batch: Batch) {
        self.inner.submit(batch);
    }

    fn collect(&mut self) -> Batch {
        let before = self.stopwatch.nanos();
        self.inner.watch().before = self.inner.watch().stopwatch.nanos();
        let batch = self.inner.collect();
        let taken = self.stopwatch.nanos() - before;
        self.nanos += taken;
        self.latency.saturating_record_n(taken, batch.ends.len() as u64);
        self.recent.saturating_record_n(taken, batch.ends.len() as u64);
        batch
    }
}

/// The floor at one instant, and what was counted since the sample before.
pub struct Sample {
    /// Waiting conversations by queue.
    pub waiting: Vec<u32>,
    /// Agents offline, available, away, not responding.
    pub agents: [u32; 4],
    /// As many agents would be busy if each were wholly busy or not at all, in hundredths.
    pub busy_percent: i64,
    /// Cycles met and breached, by objective.
    pub ended: [(u64, u64); 4],
    /// Microseconds: p50, p99, p99.9, greatest.
    pub latency_us: [f64; 4],
}

/// What became of the conversations of one channel.
#[derive(Clone)]
pub struct ChannelCount {
    /// Opened.
    pub opened: u64,
    /// Closed after somebody had replied.
    pub answered: u64,
    /// Given up before.
    pub abandoned: u64,
    /// Closed otherwise.
    pub other: u64,
    /// Waits until the first acceptance, in milliseconds; of a callback until its hour as well.
    pub waits: Histogram<u64>,
}

impl ChannelCount {
    fn new() -> ChannelCount {
        let waits = Histogram::new_with_max(WAIT_MS_MAX, WAIT_DIGITS).expect("the bounds are sound");
        ChannelCount { opened: 0, answered: 0, abandoned: 0, other: 0, waits }
    }
}

/// One assignment, told in full.
pub struct Story {
    /// When.
    pub time: Millis,
    /// Which.
    pub conversation: ConversationId,
    /// Whose.
    pub customer: CustomerId,
    /// Where.
    pub queue: QueueId,
    /// By which channel.
    pub channel: ChannelId,
    /// To whom.
    pub agent: String,
    /// Agent of the customer's latest reply; empty: none.
    pub last_agent: String,
    /// The decision itself.
    pub offered: Offered,
    /// Earlier attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Everything gathered.
pub struct Gathered {
    /// One every `SAMPLE_MS`.
    pub samples: Vec<Sample>,
    /// By channel.
    pub channels: Vec<ChannelCount>,
    /// Assignments.
    pub offered: u64,
    /// Of them by how they are accepted.
    pub accepted: [u64; 3],
    /// Withdrawn by reason.
    pub withdrawn: [u64; 10],
    /// Closed by outcome.
    pub closed: [u64; 8],
    /// Clocks that ran out, by objective.
    pub breaches: [u64; 4],
    /// Warnings, by objective.
    pub warnings: [u64; 4],
    /// Conversations that went on by another channel with their agent.
    pub pivoted: u64,
    /// Automated replies.
    pub replied: u64,
    /// The best to tell.
    pub story: Option<Story>,
    story_score: i64,
    ended_before: [(u64, u64); 4],
    next_sample: Millis,
}

impl Gathered {
    /// Nothing yet.
    pub fn new(rules: &Rules) -> Gathered {
        Gathered {
            samples: Vec::new(),
            channels: vec![ChannelCount::new(); rules.channels.len()],
            offered: 0,
            accepted: [0; 3],
            withdrawn: [0; 10],
            closed: [0; 8],
            breaches: [0; 4],
            warnings: [0; 4],
            pivoted: 0,
            replied: 0,
            story: None,
            story_score: 0,
            ended_before: [(0, 0); 4],
            next_sample: Millis(BEGIN.0 + SAMPLE_MS),
        }
    }

    /// Reads the decisions of a batch.
    pub fn batch(&mut self, engine: &TimedEngine) {
        for batch in engine.inner.decisions() {
            for decision in &batch.decisions {
                self.decision(batch, decision);
            }
        }
    }

    fn decision(&mut self, batch: &DecisionBatch, decision: &Decision) {
        match &decision.body {
            Body::Offered(offered) => {
                self.offered += 1;
                self.accepted[offered.accept as usize] += 1;
                self.consider(batch, decision, offered);
            }
            Body::Withdrawn { reason, .. } => self.withdrawn[*reason as usize] += 1,
            Body::Warning { objective, .. } => self.warnings[*objective as usize] += 1,
            Body::Breached { objective, .. } => self.breaches[*objective as usize] += 1,
            Body::Opened { .. } => self.channels[decision.channel.at()].opened += 1,
            Body::Pivoted { .. } => self.pivoted += 1,
            Body::Folded { .. } => {}
            Body::Closed(closed) => self.closing(decision, closed),
            Body::Replied(_) => self.replied += 1,
        }
    }

    fn closing(&mut self, decision: &Decision, closed: &Closed) {
        self.closed[closed.outcome as usize] += 1;
        let channel = &mut self.channels[decision.channel.at()];
        match (closed.first_response, closed.outcome) {
            // It goes on in another division, under an id of its own.
            (_, CloseOutcome::Moved) => return,
            (Some(_), _) => channel.answered += 1,
            (None, CloseOutcome::Abandoned) => channel.abandoned += 1,
            (None, _) => channel.other += 1,
        }
        if let Some(wait) = closed.wait {
            channel.waits.saturating_record(wait.0.unsigned_abs());
        }
    }

    /// A story needs an earlier failure, a choice and a wait; the more of each the better.
    fn consider(&mut self, batch: &DecisionBatch, decision: &Decision, offered: &Offered) {
        if offered.attempts.len < 2 || offered.candidates < 3 || offered.failed_attempts == 0 {
            return;
        }
        let kinds = i64::from(offered.kinds.count_ones());
        let attempts = &batch.attempts[offered.attempts.range()];
        let channels = attempts.iter().fold(0u16, |seen, attempt| seen | 1 << attempt.channel.0).count_ones();
        let score = i64::from(channels) * 200
            + i64::from(offered.candidates.min(8)) * 10
            + kinds * 60
            + (offered.waited.0 / 200).min(300)
            + i64::from(offered.waited.0 > 5_000) * 400
            + i64::from(offered.last_agent.len > 0) * 50
            + offered.value.min(600) / 4;
        if score <= self.story_score {
            return;
        }
        let text = |span| String::from_utf8_lossy(batch.bytes_of(span)).into_owned();
        self.story_score = score;
        self.story = Some(Story {
            time: decision.time,
            conversation: decision.conversation,
            customer: decision.customer,
            queue: decision.queue,
            channel: decision.channel,
            agent: text(offered.agent),
            last_agent: text(offered.last_agent),
            offered: offered.clone(),
            attempts: attempts.to_vec(),
        });
    }

    /// Takes a sample if one is due.
    pub fn sample(&mut self, world: &World, engine: &mut TimedEngine) {
        if world.clock() < self.next_sample {
            return;
        }
        self.next_sample = Millis(self.next_sample.0 + SAMPLE_MS);
        let census = world.census();
        let mut ended = [(0, 0); 4];
        for queue in &engine.inner.pipeline().tally().objectives {
            for (sum, counted) in ended.iter_mut().zip(queue) {
                sum.0 += counted.met;
                sum.1 += counted.breached;
            }
        }
        let since =
            |at: usize| (ended[at].0 - self.ended_before[at].0, ended[at].1 - self.ended_before[at].1);
        let microseconds = |quantile| engine.recent.value_at_quantile(quantile) as f64 / 1e3;
        self.samples.push(Sample {
            waiting: census.waiting.clone(),
            agents: census.agents,
            busy_percent: census.staff.iter().map(|staff| staff.used).sum(),
            ended: std::array::from_fn(since),
            latency_us: [0.5, 0.99, 0.999, 1.0].map(microseconds),
        });
        self.ended_before = ended;
        engine.recent.reset();
    }

    /// Offers that nobody answered in time, and those turned down.
    pub fn missed(&self) -> (u64, u64) {
        (self.withdrawn[WithdrawReason::Timeout as usize], self.withdrawn[WithdrawReason::Declined as usize])
    }
}
