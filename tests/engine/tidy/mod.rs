//! The house rules as tests: what a reviewer would otherwise have to look for by eye. Each test reads the sources of
//! the repository, prints every offending line with the rule that it breaks, and fails if there is one. Nothing is
//! compiled here, so a rule sees names and not types; each is shown a planted offence to prove that it can see.
//!
//! `source`: files with comments, literals and test code told apart; `layers`: who may use whom, and what the
//! deterministic core may not touch; `size`: functions and files; `habits`: everything else.

mod habits;
mod layers;
mod size;
mod source;

use source::{Source, Tree};

/// One offence: where, the line itself, and the rule.
struct Finding {
    place: String,
    line: String,
    rule: String,
}

impl Finding {
    /// At a line of a source, counted from 1.
    fn at(source: &Source, number: usize, rule: impl Into<String>) -> Finding {
        let line = source.text.lines().nth(number - 1).unwrap_or_default().trim().to_owned();
        Finding { place: format!("{}:{number}", source.path), line, rule: rule.into() }
    }

    /// About a whole file, or one that is not there.
    fn of(path: &str, rule: impl Into<String>) -> Finding {
        Finding { place: path.to_owned(), line: String::new(), rule: rule.into() }
    }
}

/// Applies a rule to every Rust source and fails with all that it found.
fn each_source(rule: impl Fn(&Source) -> Vec<Finding>) {
    let tree = Tree::read();
    assert!(tree.sources.len() > 50, "the sources were not found");
    none(tree.sources.iter().flat_map(rule));
}

/// Fails with the findings, if there are any.
fn none(findings: impl IntoIterator<Item = Finding>) {
    let text: Vec<String> = findings
        .into_iter()
        .map(|finding| match finding.line.as_str() {
            "" => format!("{}\n    {}", finding.place, finding.rule),
            line => format!("{}: {line}\n    {}", finding.place, finding.rule),
        })
        .collect();
    assert!(text.is_empty(), "{} against the house rules:\n{}", text.len(), text.join("\n"));
}

/// Whether a rule finds exactly these lines of a text that stands at that path.
#[track_caller]
fn finds(rule: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str, lines: &[usize]) {
    let source = Source::new(path, text);
    let found: Vec<usize> = rule(&source)
        .iter()
        .map(|finding| finding.place.rsplit(':').next().and_then(|n| n.parse().ok()).unwrap_or(0))
        .collect();
    assert_eq!(found, lines, "{text}");
}
