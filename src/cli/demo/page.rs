//! The report of the demonstration as one page: no outside assets, no script, right in the dark and in the light, on
//! a telephone too.

use super::charts::{self, Axis, Bar, Frame, Series, short};
use super::gather::{SAMPLE_MS, Sample};
use super::{Day, grouped};
use crate::types::Objective;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");
/// Colours of the objectives and of the stages.
const CLASSES: [&str; 5] = ["c1", "c2", "c3", "c4", "c5"];

/// The page.
pub fn of(day: &Day<'_>) -> String {
    let mut out = String::with_capacity(1 << 20);
    head(&mut out, day);
    tiles(&mut out, day);
    out.push_str("<div class=\"grid2\">\n");
    sections(&mut out, day);
    let _ = write!(
        out,
        "</div>\n<footer>Seed {}; rules <code>{}</code>; {}. The same seed gives the same day.</footer></main></html>\n",
        day.seed,
        day.rules.version,
        escape(&day.machine)
    );
    out
}

fn head(out: &mut String, day: &Day<'_>) {
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Trunkline: a working day</title>\
         <style>{STYLE}</style>\n<main><header><h1>A working day through Trunkline</h1>\
         <p>{} agents, {} customers, {} divisions, {} queues; generated, decided and counted in {:.1} s on one core.</p>\
         </header>\n",
        grouped(day.agents.into()),
        grouped(day.customers.into()),
        day.rules.divisions.len(),
        day.rules.queues.len(),
        day.wall_s,
    );
}

fn sections(out: &mut String, day: &Day<'_>) {
    let samples = &day.gathered.samples;
    if samples.len() > 1 {
        section(
            out,
            "Agents",
            "by state over the day; working counts held weight, so two half-busy agents make one",
            &agents(samples),
        );
        section(out, "Service levels", "share of clocks stopped in time, by objective", &levels(samples));
        section(out, "Waiting", "conversations in all queues of a division", &waiting(day, samples));
        section(
            out,
            "Latency of a decision",
            "microseconds from a batch's bytes to its decisions' bytes",
            &latency(samples),
        );
    }
    section(out, "Answered by channel", "conversations closed", &answered(day));
    section(out, "Breaches", "clocks that ran out, by objective, and those stopped in time", &breaches(day));
    if let Some(story) = &day.gathered.story {
        wide(
            out,
            "Why this agent",
            "one assignment of the day, with what the engine knew",
            &super::story::page(day.rules, story),
        );
    }
    if samples.len() > 1 {
        wide(
            out,
            "Waiting by queue",
            "five minutes a cell; the darker (in the dark: the brighter), the more wait",
            &heat(day, samples),
        );
    }
    section(out, "Where the time goes", "nanoseconds an event, by stage", &stages(day));
    section(out, "Input", "every line has its place", &input(day));
    wide(out, "Service level by queue", "met in time, of the clocks that ended", &table(day));
}

fn section(out: &mut String, title: &str, about: &str, body: &str) {
    let _ = writeln!(out, "<section><h2>{title}</h2><p>{about}</p>{body}</section>");
}

fn wide(out: &mut String, title: &str, about: &str, body: &str) {
    let _ = writeln!(out, "<section class=\"wide\"><h2>{title}</h2><p>{about}</p>{body}</section>");
}

fn tiles(out: &mut String, day: &Day<'_>) {
    out.push_str("<div class=\"tiles\">");
    let latency = |quantile| day.latency.value_at_quantile(quantile) as f64 / 1e3;
    for (value, label) in [
        (short(day.tally.events as f64), "events"),
        (short(day.contacts as f64), "contacts"),
        (grouped(day.conversations), "conversations"),
        (grouped(day.tally.customers), "customers recognised"),
        (grouped(day.tally.absorbed), "identities merged"),
        (grouped(day.gathered.offered), "assignments"),
        (format!("{:.1} %", day.occupancy_percent), "of the agents' time used"),
        (format!("{} µs", short(latency(0.99))), "latency, 99 of 100"),
        (format!("{}/s", short(day.engine_events_per_s)), "events, engine alone"),
    ] {
        let _ = write!(out, "<div class=\"tile\"><b>{value}</b><span>{label}</span></div>");
    }
    out.push_str("</div>\n");
}

/// The day from the first sample to the last.
fn over_the_day(samples: &[Sample], unit: &'static str, axis: Axis) -> Frame<'static> {
    let step = SAMPLE_MS as f64 / 3_600_000.0;
    Frame { begins_h: super::BEGIN_HOUR + step, hours: step * (samples.len() - 1) as f64, unit, axis }
}

fn series<'a>(
    samples: &[Sample],
    name: &'a str,
    class: &'a str,
    of: impl Fn(&Sample) -> Option<f64>,
) -> Series<'a> {
    Series { name, class, points: samples.iter().map(of).collect() }
}

fn agents(samples: &[Sample]) -> String {
    let working = |sample: &Sample| (sample.busy_percent as f64 / 100.0).min(f64::from(sample.agents[1]));
    let all = [
        series(samples, "working", "c1", |s| Some(working(s))),
        series(samples, "free", "c3", |s| Some((f64::from(s.agents[1]) - working(s)).max(0.0))),
        series(samples, "not responding", "c5", |s| Some(f64::from(s.agents[3]))),
        series(samples, "away", "c2", |s| Some(f64::from(s.agents[2]))),
        series(samples, "offline", "c6", |s| Some(f64::from(s.agents[0]))),
    ];
    charts::stacked("agents by state", &over_the_day(samples, "", Axis::Even), &all)
}

fn levels(samples: &[Sample]) -> String {
    let share = |at: usize| {
        move |sample: &Sample| {
            let (met, breached) = sample.ended[at];
            (met + breached >= 5).then(|| met as f64 * 100.0 / (met + breached) as f64)
        }
    };
    let all: Vec<Series<'_>> = Objective::ALL
        .iter()
        .enumerate()
        .map(|(at, objective)| series(samples, super::plain(*objective), CLASSES[at], share(at)))
        .collect();
    let least = all.iter().flat_map(|one| one.points.iter().flatten()).copied().fold(100.0, f64::min);
    let low = if least >= 80.0 {
        80.0
    } else if least >= 60.0 {
        60.0
    } else {
        0.0
    };
    charts::lines("service levels", &over_the_day(samples, "%", Axis::Between(low, 100.0)), &all)
}

fn waiting(day: &Day<'_>, samples: &[Sample]) -> String {
    const COLOURS: [&str; 8] = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];
    let all: Vec<Series<'_>> = day
        .rules
        .divisions
        .iter()
        .enumerate()
        .map(|(at, division)| {
            let of = |sample: &Sample| {
                Some(division.queues.iter().map(|queue| f64::from(sample.waiting[queue.at()])).sum())
            };
            series(samples, &division.name, COLOURS[at % COLOURS.len()], of)
        })
        .collect();
    charts::stacked("waiting conversations", &over_the_day(samples, "", Axis::Even), &all)
}

fn latency(samples: &[Sample]) -> String {
    let all: Vec<Series<'_>> = ["p50", "p99", "p99.9", "greatest"]
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            series(samples, name, CLASSES[at], move |s| Some(s.latency_us[at]).filter(|us| *us > 0.0))
        })
        .collect();
    charts::lines("latency", &over_the_day(samples, charts::MICROSECONDS, Axis::Powers), &all)
}

fn heat(day: &Day<'_>, samples: &[Sample]) -> String {
    let groups: Vec<charts::Rows<'_>> = day
        .rules
        .divisions
        .iter()
        .map(|division| {
            let row = |queue: &crate::types::QueueId| {
                let cells = samples.iter().map(|sample| sample.waiting[queue.at()]).collect();
                (day.rules.queues[queue.at()].name.as_str(), cells)
            };
            (division.name.as_str(), division.queues.iter().map(row).collect())
        })
        .collect();
    let frame = over_the_day(samples, "", Axis::Even);
    charts::heat("waiting by queue", frame.begins_h, frame.hours, &groups)
}

fn answered(day: &Day<'_>) -> String {
    let bars: Vec<Bar> = day
        .by_channel()
        .map(|(name, count)| {
            let closed = (count.answered + count.abandoned + count.other).max(1) as f64;
            let share = count.answered as f64 * 100.0 / closed;
            Bar {
                label: name.to_owned(),
                parts: vec![
                    ("c3", count.answered as f64, "answered"),
                    ("c5", count.abandoned as f64, "given up"),
                    ("c6", count.other as f64, "otherwise"),
                ],
                note: format!("{share:.1} % of {}", short(closed)),
            }
        })
        .collect();
    charts::shares(&bars)
        + "<p class=\"legend\"><span><i class=\"c3\"></i>answered</span><span><i class=\"c5\"></i>given up</span>\
           <span><i class=\"c6\"></i>otherwise</span></p>"
}

fn breaches(day: &Day<'_>) -> String {
    let bars: Vec<Bar> = day
        .by_objective()
        .map(|(objective, met, breached)| Bar {
            label: super::plain(objective).to_owned(),
            parts: vec![("c3", met as f64, "in time"), ("c5", breached as f64, "breached")],
            note: format!("{} breached", grouped(breached)),
        })
        .collect();
    charts::shares(&bars)
}

fn stages(day: &Day<'_>) -> String {
    let all: u64 = day.stage_nanos.iter().sum();
    let events = day.tally.events.max(1);
    let bars: Vec<Bar> = crate::pipeline::Stage::ALL
        .into_iter()
        .map(|stage| {
            let nanos = day.stage_nanos[stage as usize];
            Bar {
                label: stage.word().to_owned(),
                parts: vec![
                    (CLASSES[stage as usize], nanos as f64, stage.word()),
                    ("rest", (all - nanos) as f64, "the other stages"),
                ],
                note: format!("{} ns", nanos / events),
            }
        })
        .collect();
    charts::shares(&bars)
}

fn input(day: &Day<'_>) -> String {
    let mut out = String::from("<div class=\"scroll\"><table><tbody>");
    for (name, count) in day.input() {
        let _ = write!(out, "<tr><td>{name}</td><td>{}</td></tr>", grouped(count));
    }
    out + "</tbody></table></div>"
}

fn table(day: &Day<'_>) -> String {
    let mut out = String::from("<div class=\"scroll\"><table><thead><tr><th>queue</th>");
    for objective in Objective::ALL {
        let _ = write!(out, "<th>{}</th>", super::plain(*objective));
    }
    out.push_str("</tr></thead><tbody>");
    for (queue, counts) in day.rules.queues.iter().zip(&day.tally.objectives) {
        let _ = write!(out, "<tr><td>{}</td>", queue.name);
        for counted in counts {
            let ended = counted.met + counted.breached;
            if ended == 0 {
                out.push_str("<td>–</td>");
                continue;
            }
            let share = counted.met as f64 * 100.0 / ended as f64;
            let class = if share < 80.0 {
                "low"
            } else if share >= 95.0 {
                "high"
            } else {
                ""
            };
            let _ = write!(
                out,
                "<td class=\"{class}\" title=\"{} of {}\">{share:.1} %</td>",
                grouped(counted.met),
                grouped(ended)
            );
        }
        out.push_str("</tr>");
    }
    out + "</tbody></table></div>"
}

/// Text that may stand in the page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
