//! A progress bar on stderr, if that is a terminal and the work takes long enough to wonder.

use crate::io::machine::Stopwatch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows how far the reading of a log has come.
pub struct Progress {
    begun: Stopwatch,
    bar: Option<ProgressBar>,
    terminal: bool,
    bytes: u64,
    events: u64,
}

impl Progress {
    /// Of a log of so many bytes.
    pub fn new(bytes: u64) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress { begun: Stopwatch::start(), bar: None, terminal, bytes, events: 0 }
    }

    /// So many bytes have been read, and so many more events been applied.
    pub fn advance(&mut self, bytes: u64, events: usize) {
        self.events += events as u64;
        if !self.terminal || (self.bar.is_none() && self.begun.elapsed() < PATIENCE) {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| bar(self.bytes, self.begun));
        bar.set_position(bytes);
        let seconds = self.begun.elapsed().as_secs_f64();
        bar.set_message(format!("{:.0} events/s", self.events as f64 / seconds));
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(bytes: u64, begun: Stopwatch) -> ProgressBar {
    let style = "{bar:40} {percent:>3} %  {msg}  {elapsed} gone, {eta} to go";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(5));
    bar.with_style(style).with_elapsed(begun.elapsed())
}
