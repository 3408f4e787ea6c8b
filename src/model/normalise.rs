//! Identifier values to their normal forms, by kind, with the Unicode and telephone libraries and nothing clever.
//! Which values never identify is decided here too. The normal form leaves this module only to be hashed.

use caseless::default_case_fold_str;
use phonenumber::Mode;
use unicode_normalization::UnicodeNormalization;

use crate::rules::{Form, Rules};
use crate::types::KindId;

#[cfg(test)]
mod tests;

/// Values that never identify, trimmed and case-folded; besides these all that match `^[0-]+$`, and the rules' own.
pub const BLOCKED: [&str; 11] = [
    "-1",
    "null",
    "none",
    "nan",
    "undefined",
    "anonymous",
    "guest",
    "unknown",
    "withheld",
    "restricted",
    "test@test.com",
];

/// What a value comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Normal {
    /// It identifies, in this form.
    Form(String),
    /// It never identifies.
    Blocked,
    /// It cannot be a value of its kind.
    Bad,
}

/// Normalises a value of `kind`; longer than `bytes_max` before or after is bad.
pub fn normalise(rules: &Rules, kind: KindId, value: &str, bytes_max: usize) -> Normal {
    if value.len() > bytes_max {
        return Normal::Bad;
    }
    if is_blocked(rules, value.trim()) {
        return Normal::Blocked;
    }
    let trimmed = value.trim();
    let normal = match &rules.identity.kinds[kind.at()].form {
        Form::Opaque => Some(trimmed.to_owned()),
        Form::Handle => Some(default_case_fold_str(trimmed.strip_prefix('@').unwrap_or(trimmed))),
        Form::Email { fold_domains } => email(trimmed, fold_domains),
        Form::Phone { region } => phone(trimmed, region),
    };
    match normal {
        None => Normal::Bad,
        Some(normal) if normal.is_empty() || normal.len() > bytes_max => Normal::Bad,
        Some(normal) if is_blocked(rules, &normal) => Normal::Blocked,
        Some(normal) => Normal::Form(normal),
    }
}

fn is_blocked(rules: &Rules, value: &str) -> bool {
    let folded = default_case_fold_str(value);
    let only_zeros = !folded.is_empty() && folded.chars().all(|c| c == '0' || c == '-');
    only_zeros || BLOCKED.contains(&folded.as_str()) || rules.identity.blocked.contains(&folded)
}

fn email(trimmed: &str, fold_domains: &[String]) -> Option<String> {
    let composed: String = trimmed.nfc().collect();
    let lower = composed.to_lowercase();
    if lower.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (local, domain) = lower.rsplit_once('@')?;
    let mut local = local.to_owned();
    if fold_domains.iter().any(|fold| fold == domain) {
        let before_tag = local.split('+').next().unwrap_or_default();
        local = before_tag.replace('.', "");
    }
    if local.is_empty() || domain.is_empty() { None } else { Some(format!("{local}@{domain}")) }
}

fn phone(trimmed: &str, region: &str) -> Option<String> {
    if let Some(rest) = trimmed.strip_prefix('+') {
        let digits: String = rest.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let is_number = digits.chars().all(|c| c.is_ascii_digit()) && !digits.starts_with('0');
        if is_number && (7..=15).contains(&digits.len()) {
            return Some(format!("+{digits}"));
        }
    }
    let number = phonenumber::parse(region.parse().ok(), trimmed).ok()?;
    Some(number.format().mode(Mode::E164).to_string())
}
