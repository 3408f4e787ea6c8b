//! The command line of a bench: `cargo bench --bench stages -- --events 1000000 --json F`. `--test` runs everything on a
//! small log, to see that it works and that the answer is right.

use std::path::PathBuf;

/// How a bench runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Lines of the log.
    pub events: u64,
    /// How often each thing is measured.
    pub rounds: usize,
    /// Records handed in at once.
    pub batch: usize,
    /// Events of the prefix on which the naive model, which is slow, must agree.
    pub model_events: usize,
    /// People who may call.
    pub customers: u32,
    /// People who answer.
    pub agents: u32,
    /// Where the figures go besides the terminal; what the file holds of others stays.
    pub json: Option<PathBuf>,
    /// Touch memory ahead, as `run` does.
    pub ahead: bool,
    /// Run once, with marks for an instruction counter instead of a clock.
    pub instructions: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            events: 2_000_000,
            rounds: 5,
            batch: 512,
            model_events: 100_000,
            customers: 1_000_000,
            agents: 20_000,
            json: None,
            ahead: true,
            instructions: false,
        }
    }
}

impl Options {
    /// Reads the command line; a word that is not understood ends the program with code 2.
    pub fn read() -> Options {
        Options::default().words()
    }

    /// Reads the command line over these.
    pub fn words(self) -> Options {
        let mut options = self;
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| refuse(&format!("{word} needs a value")));
            match word.as_str() {
                "--bench" => {}
                "--cold" => options.ahead = false,
                "--instructions" => options.instructions = true,
                "--events" => options.events = number(&value()),
                "--rounds" => options.rounds = number(&value()).max(1) as usize,
                "--batch" => options.batch = number(&value()).max(1) as usize,
                "--model-events" => options.model_events = number(&value()) as usize,
                "--customers" => options.customers = number(&value()).max(1) as u32,
                "--agents" => options.agents = number(&value()).max(1) as u32,
                "--json" => options.json = Some(PathBuf::from(value())),
                "--test" => {
                    (options.events, options.rounds, options.model_events) = (5_000, 1, 5_000);
                    (options.customers, options.agents) = (2_000, 200);
                }
                _ => refuse(&format!("{word} is not understood")),
            }
        }
        options
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| refuse(&format!("{text} is not a whole number")))
}

fn refuse(what: &str) -> ! {
    eprintln!("{what}");
    std::process::exit(2);
}
