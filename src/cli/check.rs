//! `trunkline check`: every complaint about a configuration and a rules file at once, each with its line.

use super::failure::{Failure, Outcome};
use super::{config, print, rules_file};
use crate::rules::{self, Complaint, Rules};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Validates a rules file, and a configuration if one is given before it.
///
/// Tells every complaint at once with its line, and warns of what is allowed yet hardly meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trunkline check config/rules.bank.toml\n  \
    trunkline check config/trunkline.toml config/rules.bank.toml\n  \
    trunkline check --json my-rules.toml")]
pub struct Arguments {
    /// [CONFIG] RULES: the rules file, and before it the configuration of `run`
    #[arg(value_name = "FILE", num_args = 1..=2, required = true)]
    files: Vec<PathBuf>,
}

/// Checks and tells.
///
/// # Errors
/// Exit code 3 if anything is refused.
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    let (rules_path, configuration) = arguments.files.split_last().expect("clap asks for one at least");
    let configuration = configuration.first().map(|path| config::complaints(path)).transpose()?;
    let name = rules_path.display().to_string();
    let checked = rules::check(&rules_file::read(rules_path)?, &name);
    let refused = checked.complaints.len() + configuration.as_ref().map_or(0, Vec::len);
    if json {
        let configuration = configuration.iter().flatten().map(|text| json!({ "what": text }));
        let complaints: Vec<Value> = configuration.chain(checked.complaints.iter().map(value)).collect();
        let warnings: Vec<Value> = checked.warnings.iter().map(value).collect();
        let result = json!({ "valid": refused == 0, "complaints": complaints, "warnings": warnings });
        print(&format!("{result}\n"));
    } else {
        configuration.iter().flatten().for_each(|complaint| eprintln!("{complaint}"));
        checked.complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
        checked.warnings.iter().for_each(|warning| eprintln!("{warning} (warning)"));
    }
    match &checked.rules {
        Some(rules) if refused == 0 => {
            if !json {
                print(&format!("{name}: {}\n", sizes(rules)));
            }
            Ok(())
        }
        _ => {
            let plural = if refused == 1 { "" } else { "s" };
            Err(Failure::configuration(format!(
                "{refused} complaint{plural}; nothing starts with these files"
            )))
        }
    }
}

fn value(complaint: &Complaint) -> Value {
    let mut value = json!({
        "file": complaint.file,
        "line": complaint.line,
        "column": complaint.column,
        "what": complaint.what,
        "advice": complaint.advice,
    });
    if !complaint.excerpt.is_empty() {
        value["excerpt"] = json!(complaint.excerpt);
    }
    value
}

fn sizes(rules: &Rules) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    [
        count(rules.divisions.len(), "division"),
        count(rules.queues.len(), "queue"),
        count(rules.channels.len(), "channel"),
        count(rules.identity.kinds.len(), "identifier kind"),
        count(rules.routes.len(), "route"),
        "nothing to complain of".to_owned(),
    ]
    .join(", ")
}
