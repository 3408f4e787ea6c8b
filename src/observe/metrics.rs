//! What is told as metrics: all names begin with `trunkline_`, units are seconds and bytes, labels are names from the
//! rules and closed lists, never an identifier. A distribution is told twice: as a histogram, which adds up over
//! processes and time, and as exact quantiles of this process since its start.

use hdrhistogram::Histogram;

use super::openmetrics::{Form, Kind, Text};
use crate::pipeline::Stage;
use crate::runtime::gauges::{Count, Level, Phase, Readings, Series, Snapshot};
use crate::types::floor::PRESENCES;
use crate::types::{IgnoreReason, Objective, RejectReason, Stream, Tally};

/// Quantiles told of each distribution; 1 is the greatest value.
const QUANTILES: [(&str, f64); 7] = [
    ("0.5", 0.5),
    ("0.9", 0.9),
    ("0.95", 0.95),
    ("0.99", 0.99),
    ("0.999", 0.999),
    ("0.9999", 0.9999),
    ("1", 1.0),
];

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// Upper bounds of latencies in nanoseconds: 100 ns to 50 s, three a decade.
fn latency_bounds() -> impl Iterator<Item = u64> {
    (2..11).flat_map(|decade| [1, 2, 5].map(|step| step * 10_u64.pow(decade)))
}

/// Upper bounds of numbers of records: 1 to 1,048,576, by factors of 4.
fn size_bounds() -> impl Iterator<Item = u64> {
    (0..=10).map(|power| 4_u64.pow(power))
}

/// The whole text.
pub fn text(snapshot: &Snapshot, form: Form) -> String {
    let mut text = Text::new(form);
    process(&mut text, snapshot);
    events(&mut text, &snapshot.readings.tally);
    floor(&mut text, snapshot);
    epochs(&mut text, snapshot);
    stages(&mut text, snapshot);
    let seconds = latency_bounds().collect::<Vec<_>>();
    let told = [
        (
            Series::EndToEnd,
            "trunkline_end_to_end_seconds",
            "trunkline_end_to_end_quantile_seconds",
            "From a record's time until the output of its epoch is acknowledged.",
        ),
        (
            Series::Commit,
            "trunkline_commit_seconds",
            "trunkline_commit_quantile_seconds",
            "From the appending of an epoch's record until it is safe.",
        ),
    ];
    for (series, name, quantile_name, help) in told {
        text.family(name, Kind::Histogram, help);
        histogram(&mut text, &[], snapshot.histogram(series), &seconds, SECOND);
        text.family(quantile_name, Kind::Summary, help);
        quantiles(&mut text, &[], snapshot.histogram(series), SECOND);
    }
    text.end()
}

fn process(text: &mut Text, snapshot: &Snapshot) {
    text.family("trunkline_build", Kind::Info, "What runs.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family("trunkline_leading", Kind::Gauge, "1 if this process leads its tenant.");
    text.sample(&[], u8::from(snapshot.phase == Phase::Leading));
    text.family("trunkline_role", Kind::Gauge, "1 at what this process is to its tenant.");
    for (role, phase) in
        [("starting", Phase::Starting), ("standby", Phase::Standby), ("leader", Phase::Leading)]
    {
        text.sample(&[("role", role)], u8::from(snapshot.phase == phase));
    }
    text.family(
        "trunkline_standby_lag_seconds",
        Kind::Gauge,
        "How far a standby is behind its leader's clock.",
    );
    text.sample(&[], format_args!("{:?}", snapshot.level(Level::LagMs) as f64 / 1_000.0));
}

fn events(text: &mut Text, tally: &Tally) {
    text.family("trunkline_events", Kind::Counter, "Events by what became of them.");
    let rejected = tally.rejected.iter().sum::<u64>();
    for (result, count) in
        [("accepted", tally.accepted), ("duplicate", tally.duplicates), ("rejected", rejected)]
    {
        text.sample(&[("result", result)], count);
    }
    text.family("trunkline_rejected", Kind::Counter, "Rejected events by reason.");
    for reason in RejectReason::ALL {
        text.sample(&[("reason", reason.word())], tally.rejected[reason as usize]);
    }
    text.family("trunkline_ignored", Kind::Counter, "Accepted events without effect by reason.");
    for reason in IgnoreReason::ALL {
        text.sample(&[("reason", reason.word())], tally.ignored[reason as usize]);
    }
    text.family("trunkline_clamped", Kind::Counter, "Events whose time was not taken as it was.");
    text.sample(&[], tally.clamped);
    text.family("trunkline_customers", Kind::Counter, "Customers, by what became of them.");
    text.sample(&[("what", "founded")], tally.customers);
    text.sample(&[("what", "absorbed")], tally.absorbed);
    text.sample(&[("what", "split")], tally.split);
    text.sample(&[("what", "erased")], tally.erased);
    text.sample(&[("what", "forgotten")], tally.forgotten);
}

fn floor(text: &mut Text, snapshot: &Snapshot) {
    let Readings { floor, tally, names } = &snapshot.readings;
    text.family("trunkline_queue_waiting", Kind::Gauge, "Conversations that wait.");
    for ((queue, division), waiting) in names.queues.iter().zip(&floor.waiting) {
        text.sample(&[("division", division), ("queue", queue)], waiting);
    }
    text.family("trunkline_agents", Kind::Gauge, "Agents by state.");
    for (division, agents) in names.divisions.iter().zip(&floor.agents) {
        for (state, count) in PRESENCES.iter().zip(agents) {
            text.sample(&[("division", division), ("state", state)], count);
        }
    }
    text.family("trunkline_objective_cycles", Kind::Counter, "Cycles of service levels by how they ended.");
    for ((queue, _), objectives) in names.queues.iter().zip(&tally.objectives) {
        for (objective, count) in Objective::ALL.iter().zip(objectives).filter(|(_, c)| c.started > 0) {
            for (result, count) in
                [("met", count.met), ("breached", count.breached), ("cancelled", count.cancelled)]
            {
                let labels = [("queue", queue.as_str()), ("objective", objective.word()), ("result", result)];
                text.sample(&labels, count);
            }
        }
    }
}

fn epochs(text: &mut Text, snapshot: &Snapshot) {
    let counts = [
        ("trunkline_epochs", Count::Epochs, "Epochs formed."),
        ("trunkline_records", Count::Records, "Input records taken."),
        ("trunkline_input_bytes", Count::BytesIn, "Bytes of their values."),
        ("trunkline_records_skipped", Count::Skipped, "Input records without effect, by `trunkline skip`."),
        ("trunkline_output_bytes", Count::BytesOut, "Bytes of keys and values of outputs."),
    ];
    for (name, count, help) in counts {
        text.family(name, Kind::Counter, help);
        text.sample(&[], snapshot.count(count));
    }
    text.family("trunkline_outputs", Kind::Counter, "Outputs by stream.");
    for (stream, count) in Stream::ALL.iter().zip(snapshot.outputs) {
        text.sample(&[("stream", stream.word())], count);
    }
    text.family("trunkline_epochs_in_flight", Kind::Gauge, "Epochs whose output is not acknowledged.");
    text.sample(&[], snapshot.level(Level::EpochsInFlight));
    text.family("trunkline_epoch_records", Kind::Histogram, "Input records an epoch.");
    let bounds: Vec<_> = size_bounds().collect();
    histogram(text, &[], snapshot.histogram(Series::EpochRecords), &bounds, 1.0);
}

fn stages(text: &mut Text, snapshot: &Snapshot) {
    const TASK: &str = "A stage's part of a batch.";
    const EVENT: &str = "A stage's part of an event: its task shared among the task's events.";
    type Of = fn(Stage) -> Series;
    let told: [(&'static str, &'static str, &str, Of); 2] = [
        ("trunkline_stage_task_seconds", "trunkline_stage_task_quantile_seconds", TASK, Series::Task),
        ("trunkline_stage_event_seconds", "trunkline_stage_event_quantile_seconds", EVENT, Series::Event),
    ];
    let bounds: Vec<_> = latency_bounds().collect();
    for (name, quantile_name, help, of) in told {
        text.family(name, Kind::Histogram, help);
        for stage in Stage::ALL {
            histogram(text, &[("stage", stage.word())], snapshot.histogram(of(stage)), &bounds, SECOND);
        }
        text.family(quantile_name, Kind::Summary, help);
        for stage in Stage::ALL {
            quantiles(text, &[("stage", stage.word())], snapshot.histogram(of(stage)), SECOND);
        }
    }
}

/// Counts up to each bound; bounds and values are divided by `unit`.
fn histogram(text: &mut Text, labels: &[(&str, &str)], of: &Histogram<u64>, bounds: &[u64], unit: f64) {
    let mut values = of.iter_recorded().peekable();
    let mut count = 0;
    let bucket = |text: &mut Text, bound: &str, count: u64| {
        text.sample_of("_bucket", &[labels, &[("le", bound)]].concat(), count);
    };
    for bound in bounds {
        while let Some(value) =
            values.next_if(|value| of.lowest_equivalent(value.value_iterated_to()) <= *bound)
        {
            count += value.count_at_value();
        }
        let bound = *bound as f64 / unit;
        bucket(text, &format!("{bound:?}"), count);
    }
    bucket(text, "+Inf", of.len());
    text.sample_of("_count", labels, of.len());
    text.sample_of("_sum", labels, format_args!("{:?}", of.mean() * of.len() as f64 / unit));
}

/// Nothing where nothing was recorded: a quantile of nothing has no value.
fn quantiles(text: &mut Text, labels: &[(&str, &str)], of: &Histogram<u64>, unit: f64) {
    if of.is_empty() {
        return;
    }
    for (word, quantile) in QUANTILES {
        let value = of.value_at_quantile(quantile) as f64 / unit;
        text.sample(&[labels, &[("quantile", word)]].concat(), format_args!("{value:?}"));
    }
    text.sample_of("_count", labels, of.len());
    text.sample_of("_sum", labels, format_args!("{:?}", of.mean() * of.len() as f64 / unit));
}
