//! How figures are told: a table on the terminal, and the goals as JSON `{"S1": {"figure": …, "goal": …, "better":
//! "lower", "detail": {…}}}`, put into a file beside what other benches wrote there.

use std::path::Path;

use serde_json::{Map, Value, json};

/// A goal and what was measured for it.
pub struct Goal {
    /// Its name in the list of goals.
    pub name: &'static str,
    /// What it says, in a few words.
    pub what: &'static str,
    /// Measured.
    pub figure: f64,
    /// Wanted: at most this (at least, with `tell_at_least`).
    pub goal: f64,
    /// Where the figure comes from.
    pub detail: Value,
}

/// Least and median of several rounds.
#[derive(Copy, Clone, Debug)]
pub struct Spread {
    /// Least.
    pub least: f64,
    /// Median.
    pub median: f64,
}

impl Spread {
    /// Of rounds, at least one.
    pub fn of(rounds: impl Iterator<Item = f64>) -> Spread {
        let mut rounds: Vec<f64> = rounds.collect();
        rounds.sort_by(f64::total_cmp);
        Spread { least: rounds[0], median: rounds[rounds.len() / 2] }
    }

    /// As JSON.
    pub fn json(self) -> Value {
        json!({"min": rounded(self.least), "median": rounded(self.median)})
    }
}

/// With three decimals: more would be noise.
pub fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Prints one row of a table: min and median.
pub fn row(what: &str, spread: Spread) {
    println!("{what:<44} {:>9.1} {:>9.1}", spread.least, spread.median);
}

/// Prints goals that want a figure to be at most so much, and adds them to the file.
///
/// # Panics
/// If the file cannot be written, or holds something else than an object.
pub fn tell(goals: &[Goal], json: Option<&Path>) {
    tell_all(goals, "lower", json);
}

/// The same for goals that want a figure to be at least so much.
///
/// # Panics
/// As `tell`.
pub fn tell_at_least(goals: &[Goal], json: Option<&Path>) {
    tell_all(goals, "higher", json);
}

fn tell_all(goals: &[Goal], better: &str, json: Option<&Path>) {
    for Goal { name, what, figure, goal, .. } in goals {
        let (sign, met) = if better == "lower" { ('≤', figure <= goal) } else { ('≥', figure >= goal) };
        let verdict = if met { "met" } else { "NOT met" };
        println!("{name:<4} {what:<58} {figure:>7.3}  goal {sign} {goal:<5}  {verdict}");
    }
    let Some(path) = json else { return };
    let mut all: Map<String, Value> = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).expect("the file holds an object of figures"),
        Err(_) => Map::new(),
    };
    for Goal { name, what, figure, goal, detail } in goals {
        let value = json!({
            "figure": rounded(*figure), "goal": goal, "better": better, "what": what, "detail": detail,
        });
        all.insert((*name).to_owned(), value);
    }
    let text = serde_json::to_string_pretty(&all).expect("figures are JSON");
    std::fs::write(path, text + "\n").expect("the file of figures can be written");
}
