//! `trunkline rules`: other rules for a running service.

use super::failure::Outcome;
use std::path::PathBuf;

/// Changes the rules of a running service.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Puts rules in force: checks them, asks the leader for them by the control topic, and tells what comes of it.
    ///
    /// Everything that had arrived before goes by the old rules. What is open stays; rules without a queue or a channel that
    /// is in use are refused, with the count.
    #[command(after_help = "Example:\n  \
        trunkline rules apply new-rules.toml --config config/trunkline.toml\n\n\
        Exit code 3 if the rules are wrong, and nothing was asked for; 1 if the leader refuses them, or nobody answers in \
        time: whoever leads next takes them up.")]
    Apply {
        /// The rules
        #[arg(value_name = "R")]
        rules: PathBuf,
        /// Configuration of the tenant
        #[arg(long, value_name = "FILE", default_value = "config/trunkline.toml")]
        config: PathBuf,
        /// Seconds to wait for the answer
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        wait: u64,
    },
}

/// Asks.
///
/// # Errors
/// Exit code 3 if configuration or rules are wrong; 1 if the leader refuses, nobody answers, or Kafka fails; 2 without the
/// feature `kafka`.
#[cfg(feature = "kafka")]
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    use super::failure::Failure;
    use super::{config, rules_file};
    use crate::io::kafka::control::{self, Outcome as Came};
    use crate::runtime::journal::Answer;
    use crate::types::record::Limits;
    use std::time::Duration;

    let Command::Apply { rules: path, config, wait } = &arguments.command;
    let config = config::load(config)?;
    let rules = rules_file::load(path)?;
    let Some(topic) = config.kafka.control() else {
        return Err(Failure::configuration(
            "kafka.control_topic is \"\": this service takes no commands. Name a topic, and start it again",
        ));
    };
    let command = command(&rules.text)?;
    let most = Limits::default().record_bytes;
    if command.len() > most {
        let what =
            format!("{}: {} bytes as an event, at most {most} are taken", path.display(), command.len());
        return Err(Failure::configuration(what));
    }
    let failed = |error: crate::runtime::Error| Failure::failed(error.to_string());
    let came = control::ask(&config.kafka_settings(), topic, command.as_bytes(), Duration::from_secs(*wait));
    let (asked, record) = match came.map_err(failed)? {
        Came::Answered(asked, record) => (asked, record),
        Came::Silence(place) => {
            return Err(Failure::failed(format!(
                "nobody has answered within {wait} s. The rules stand at {place}, and whoever leads takes them up behind \
                 what had arrived before: is the service running, and has it kafka.control_topic = {topic:?}?"
            )));
        }
    };
    if asked.answer != Answer::Adopted {
        let why = asked.why.as_deref().unwrap_or("they came before");
        return Err(Failure::failed(format!(
            "the rules at {} are refused, nothing has changed: {why}",
            asked.at
        )));
    }
    let told = serde_json::json!({
        "at": asked.at, "answer": asked.answer, "epoch": record.epoch, "rules": format!("{:032x}", rules.hash),
    });
    super::print(&match json {
        true => format!("{told}\n"),
        false => format!("{} in force from epoch {} on ({})\n", path.display(), record.epoch, asked.at),
    });
    Ok(())
}

/// The event that asks for these rules.
#[cfg(feature = "kafka")]
fn command(text: &str) -> Result<String, super::failure::Failure> {
    use crate::types::EventType;
    use crate::types::event::TYPE_PREFIX;
    let now = jiff::Timestamp::now();
    let event = serde_json::json!({
        "specversion": "1.0",
        "id": super::run::random_id()?,
        "source": "trunkline rules apply",
        "type": format!("{TYPE_PREFIX}{}", EventType::RulesChanged.name()),
        "time": now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "data": { "text": text },
    });
    Ok(event.to_string())
}

/// This build knows no Kafka.
///
/// # Errors
/// Always: exit code 2.
#[cfg(not(feature = "kafka"))]
pub fn run(arguments: &Arguments, _: bool) -> Outcome {
    let Command::Apply { rules: _, config: _, wait: _ } = &arguments.command;
    Err(super::run::no_kafka())
}
