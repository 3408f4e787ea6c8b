//! Rules from a file: read, compiled, every complaint told at once.

use super::failure::Failure;
use crate::rules::{self, Rules};
use std::fs;
use std::path::{Path, PathBuf};

/// Reads a text that is configuration.
///
/// # Errors
/// Exit code 3 if it is not there or not UTF-8.
pub fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::configuration(format!(
            "{}: cannot be read: {error}. Check the path and its permissions",
            path.display()
        ))
    })
}

/// Reads and compiles a rules file; warnings are counted, `check` shows them.
///
/// # Errors
/// Exit code 3 with every complaint, each with file and line.
pub fn load(path: &Path) -> Result<Rules, Failure> {
    let checked = rules::check(&read(path)?, &path.display().to_string());
    let rules = checked.rules.ok_or_else(|| Failure::configuration(complaints(path, &checked.complaints)))?;
    if let Some(first) = checked.warnings.first() {
        let count = checked.warnings.len();
        tracing::warn!("warnings about the rules: {count}; `trunkline check` shows them. The first: {first}");
    }
    Ok(rules)
}

/// The text of so many complaints about a file.
pub fn complaints(path: &Path, complaints: &[rules::Complaint]) -> String {
    let count = match complaints.len() {
        1 => "1 complaint".to_owned(),
        n => format!("{n} complaints"),
    };
    let lines: String = complaints.iter().map(|complaint| format!("\n{complaint}")).collect();
    format!("{}: {count}; `trunkline check` shows them too{lines}", path.display())
}

/// Where `generate` writes the rules of a log: `a.ndjson.zst` → `a.rules.toml`.
pub fn beside(log: &Path) -> PathBuf {
    let name = log.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".zst").unwrap_or(&name);
    let stem = stem.strip_suffix(".ndjson").unwrap_or(stem);
    log.with_file_name(format!("{stem}.rules.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_lie_beside_the_log() {
        for (log, rules) in [
            ("a.ndjson.zst", "a.rules.toml"),
            ("d/a.ndjson", "d/a.rules.toml"),
            ("a", "a.rules.toml"),
            ("/x/a.b.ndjson", "/x/a.b.rules.toml"),
        ] {
            assert_eq!(beside(Path::new(log)), Path::new(rules));
        }
    }
}
