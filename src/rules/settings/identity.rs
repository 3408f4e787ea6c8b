//! `[identity]`: kinds of identifiers, their limits and forms, and values that never identify.

use caseless::default_case_fold_str;

use super::super::complaint::{At, Log};
use super::super::reader::{Fields, Value};
use super::super::{Form, IdentityRules, Kind};
use crate::types::DurationMs;
use crate::types::ids::KINDS_MAX;

/// A customer is kept at least this much longer than a conversation may stay open.
const FORGET_BEYOND_IDLE: DurationMs = DurationMs::days(90);

/// The default of `forget_after`, if that is long enough.
const FORGET_AFTER: DurationMs = DurationMs::days(400);
/// One without identifiers is kept so much longer.
const ONE_OFF_BEYOND_IDLE: DurationMs = DurationMs::days(1);

/// Reads the section; kinds come ordered by (rank, name).
pub(in super::super) fn read(fields: &Fields<'_>, idle_close: DurationMs) -> IdentityRules {
    let blocked = fields.get("blocked").and_then(|value| value.list("strings")).unwrap_or_default();
    let mut blocked: Vec<String> = blocked.iter().filter_map(blocked_value).collect();
    blocked.sort_unstable();
    blocked.dedup();
    let kinds = fields.entries_up_to("kinds", KINDS_MAX).into_iter();
    let mut kinds: Vec<Kind> = kinds.filter_map(|(name, value)| kind(name, &value)).collect();
    kinds.sort_by(|a, b| (a.rank, &a.name).cmp(&(b.rank, &b.name)));
    let least = idle_close.0.saturating_add(FORGET_BEYOND_IDLE.0);
    let mut forget_after = FORGET_AFTER.0.max(least);
    if let Some(value) = fields.get("forget_after")
        && let Some(span) = value.duration()
    {
        if span.0 < least {
            value.fault("is too short", "write at least `conversation.idle_close` and 90 days more");
        }
        forget_after = span.0;
    }
    let rules = IdentityRules {
        max_identifiers: fields.whole("max_identifiers", 1..=65_535, 64) as u32,
        generic_after: fields.whole("generic_after", 1..=1_000_000_000, 1_000) as u32,
        forget_after: DurationMs(forget_after),
        forget_one_off_after: DurationMs(idle_close.0.saturating_add(ONE_OFF_BEYOND_IDLE.0)),
        customer_created: fields.flag("customer_created"),
        blocked,
        kinds,
    };
    fields.done();
    rules
}

fn blocked_value(value: &Value<'_>) -> Option<String> {
    Some(default_case_fold_str(value.name()?.value.trim()))
}

fn kind(name: At<String>, value: &Value<'_>) -> Option<Kind> {
    let fields = value.fields();
    let rank = fields.need("rank", "say how far it is trusted: 1 is the most");
    let rank = rank.and_then(|value| value.whole(1..=1_000_000));
    let default_limit = if name.value == "customer_id" { 1 } else { 5 };
    let limit = fields.whole("limit", 1..=65_535, default_limit) as u32;
    let form = form(&fields);
    fields.done();
    Some(Kind { name: name.value, rank: rank.unwrap_or(1) as u32, limit, form })
}

fn form(fields: &Fields<'_>) -> Form {
    let words = [("opaque", 0), ("handle", 1), ("email", 2), ("phone", 3)];
    let value =
        fields.need("form", "say how a value is normalised: \"opaque\", \"handle\", \"email\" or \"phone\"");
    let word = value.and_then(|value| value.word(&words));
    let (fold_domains, region) = (fields.get("fold_domains"), fields.get("region"));
    let domains = fold_domains.as_ref().and_then(Value::names).unwrap_or_default();
    let known = region.as_ref().and_then(|value| known_region(value));
    for (given, key, belongs, form) in
        [(&fold_domains, "fold_domains", 2, "email"), (&region, "region", 3, "phone")]
    {
        if given.is_some() && word.is_some_and(|word| word != belongs) {
            misplaced(
                fields.log,
                given.as_ref().map_or(fields.at, |value| value.at),
                &fields.path,
                key,
                form,
            );
        }
    }
    match word {
        Some(1) => Form::Handle,
        Some(2) => {
            Form::Email { fold_domains: domains.iter().map(|name| name.value.to_lowercase()).collect() }
        }
        Some(3) => Form::Phone { region: known.unwrap_or_else(|| "US".to_owned()) },
        _ => Form::Opaque,
    }
}

fn known_region(value: &Value<'_>) -> Option<String> {
    let region = value.text()?.value;
    let known = region.parse::<phonenumber::country::Id>().is_ok();
    if !known {
        value.fault(
            &format!("is {region:?}, which is no region"),
            "write two capital letters of ISO 3166, as \"US\"",
        );
    }
    known.then_some(region)
}

fn misplaced(log: &Log<'_>, at: usize, path: &str, key: &str, form: &str) {
    log.fault(
        at,
        format!("{path}.{key} has no meaning here"),
        format!("remove it, or write form = {form:?}"),
    );
}
