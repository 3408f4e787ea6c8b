//! The commands, one file each. What they share: arguments of logs (`log`), rules from a file (`rules_file`), engines
//! behind one trait (`machines`), what a run came to (`report`, `summary`), progress bars (`progress`).
//!
//! Results go to stdout (with `--json` one object), everything else to stderr. Exit codes: 0 success, 1 failed,
//! 2 usage, 3 configuration. An error says what, where and what to do.

mod check;
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "only `run` starts with a configuration"))]
mod config;
mod demo;
#[cfg(feature = "kafka")]
mod epoch_log;
mod failure;
mod generate;
#[cfg_attr(not(all(feature = "kafka", feature = "http")), allow(dead_code, reason = "only `run` listens"))]
mod http;
mod log;
mod machines;
mod pace;
mod progress;
mod reference;
mod replay;
mod report;
mod rules;
mod rules_file;
mod run;
mod snapshot;
mod skip;
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "only `run` takes snapshots"))]
mod snapshots;
mod summary;
mod verify;

use clap::{Parser, Subcommand};
use failure::Outcome;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Variable that sets what is logged, as `trunkline=debug`.
const LOG_VARIABLE: &str = "TRUNKLINE_LOG";

/// One queue over all channels: recognises the customer, values the contact, routes it to an agent.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 success, 1 failed, 2 wrong usage, 3 wrong configuration or rules.\n\
    TRUNKLINE_LOG=debug shows more on stderr.")]
struct Cli {
    /// One machine-readable result on stdout
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Run(run::Arguments),
    Generate(generate::Arguments),
    Replay(replay::Arguments),
    Reference(reference::Arguments),
    Check(check::Arguments),
    Verify(verify::Arguments),
    Snapshot(snapshot::Arguments),
    Rules(rules::Arguments),
    Skip(skip::Arguments),
}

/// Carries out what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "failpoints")]
    let _places = fail::FailScenario::setup();
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    let outcome: Outcome = match &cli.command {
        Command::Demo(arguments) => demo::run(arguments, cli.json),
        Command::Run(arguments) => run::run(arguments, cli.json),
        Command::Generate(arguments) => generate::run(arguments, cli.json),
        Command::Replay(arguments) => replay::run(arguments, cli.json),
        Command::Reference(arguments) => reference::run(arguments, cli.json),
        Command::Check(arguments) => check::run(arguments, cli.json),
        Command::Verify(arguments) => verify::run(arguments, cli.json),
        Command::Snapshot(arguments) => snapshot::run(arguments, cli.json),
        Command::Rules(arguments) => rules::run(arguments, cli.json),
        Command::Skip(arguments) => skip::run(arguments, cli.json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Prints a result. Whoever reads may have gone away, as `head` does: that is no failure of ours.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
