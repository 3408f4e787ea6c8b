//! A small typed reader of TOML values that never stops at a fault: it complains, gives `None` and goes on, so that
//! all faults of a file are told at once (serde stops at the first). Knows types, bounds and durations; what the
//! keys mean is the business of `settings`.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::{At, Declared, Log};
use crate::types::DurationMs;

/// Longest duration that rules may name: far beyond any use, and no sum of an instant and it overflows.
pub(super) const DURATION_MAX: DurationMs = DurationMs::days(36_500);
/// Longest name in bytes, as in events.
pub(super) const NAME_BYTES_MAX: usize = 256;

/// One value, with its place and its path.
#[derive(Clone)]
pub(super) struct Value<'t> {
    pub(super) log: &'t Log<'t>,
    pub(super) at: usize,
    pub(super) path: String,
    item: &'t DeValue<'t>,
}

impl<'t> Value<'t> {
    /// Complains that something else is expected here.
    pub(super) fn expected(&self, expected: &str) {
        let got = match self.item {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time without quotes",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.log.fault(self.at, format!("{} is {got}", self.path), format!("write {expected}"));
    }

    /// Complains about the value's content.
    pub(super) fn fault(&self, what: &str, advice: impl Into<String>) {
        self.log.fault(self.at, format!("{} {what}", self.path), advice);
    }

    /// Complains about a byte of the search that the value, a string, holds.
    pub(super) fn fault_within(&self, search: &str, byte: usize, what: &str, advice: &str) {
        self.log.fault_within(self.at, search, byte, format!("{} {what}", self.path), advice);
    }

    /// The text of a string, without a complaint if it is none.
    pub(super) fn as_text(&self) -> Option<&'t str> {
        self.item.as_str()
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.item, DeValue::Table(_))
    }

    pub(super) fn text(&self) -> Option<At<String>> {
        if self.as_text().is_none() {
            self.expected("a string in quotes");
        }
        self.as_text().map(|text| At { value: text.to_owned(), at: self.at })
    }

    /// A text of 1 to 256 bytes.
    pub(super) fn name(&self) -> Option<At<String>> {
        let name = self.text()?;
        check_name(self.log, &name, &self.path).then_some(name)
    }

    /// A name that must be declared.
    pub(super) fn reference(&self, declared: Declared) -> Option<At<String>> {
        let name = self.name()?;
        self.log.refer(declared, &name, &self.path);
        Some(name)
    }

    pub(super) fn flag(&self) -> Option<bool> {
        if let DeValue::Boolean(flag) = self.item {
            return Some(*flag);
        }
        self.expected("true or false");
        None
    }

    pub(super) fn whole(&self, bounds: RangeInclusive<i64>) -> Option<i64> {
        let (least, most) = (*bounds.start(), *bounds.end());
        let DeValue::Integer(integer) = self.item else {
            self.expected(&format!("an integer from {least} to {most}"));
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if number.is_none_or(|number| !bounds.contains(&number)) {
            self.fault(&format!("is {integer}"), format!("write an integer from {least} to {most}"));
            return None;
        }
        number
    }

    pub(super) fn duration(&self) -> Option<DurationMs> {
        const ADVICE: &str =
            "a duration: a whole number and ms, s, m, h or d in quotes, as \"90s\" or \"24h\"";
        let Some(text) = self.as_text() else {
            self.expected(ADVICE);
            return None;
        };
        let span = parse_duration(text);
        match span {
            None => self.fault(&format!("is {text:?}"), format!("write {ADVICE}")),
            Some(span) if span > DURATION_MAX => {
                self.fault(&format!("is {text:?}"), "write at most \"36500d\"");
                return None;
            }
            Some(_) => {}
        }
        span
    }

    /// One of a closed list of words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let list = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let Some(text) = self.as_text() else {
            self.expected(&format!("one of {list}"));
            return None;
        };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            self.fault(&format!("is {text:?}"), format!("write one of {list}"));
        }
        found
    }

    /// The elements of an array.
    pub(super) fn list(&self, of: &str) -> Option<Vec<Value<'t>>> {
        let DeValue::Array(array) = self.item else {
            self.expected(&format!("an array of {of}"));
            return None;
        };
        let element = |(place, item): (usize, &'t Spanned<DeValue<'t>>)| Value {
            log: self.log,
            at: item.span().start,
            path: format!("{}[{place}]", self.path),
            item: item.get_ref(),
        };
        Some(array.iter().enumerate().map(element).collect())
    }

    /// An array of names; faulty ones are left out.
    pub(super) fn names(&self) -> Option<Vec<At<String>>> {
        Some(self.list("strings")?.iter().filter_map(Value::name).collect())
    }

    /// The members of a table whose keys are closed.
    pub(super) fn fields(&self) -> Fields<'t> {
        let table = match self.item {
            DeValue::Table(table) => Some(table),
            _ => {
                self.expected("a table");
                None
            }
        };
        Fields { log: self.log, at: self.at, path: self.path.clone(), table, known: RefCell::default() }
    }

    /// The members of a table whose keys are names.
    pub(super) fn entries(&self) -> Vec<(At<String>, Value<'t>)> {
        let DeValue::Table(table) = self.item else {
            self.expected("a table");
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (key, item) in table {
            let name = At { value: key.get_ref().to_string(), at: key.span().start };
            let value = member(self.log, &self.path, key, item);
            check_name(self.log, &name, &value.path);
            entries.push((name, value));
        }
        entries
    }
}

/// The members of a table. Whoever reads it asks for every key that may be there and then calls `done`.
pub(super) struct Fields<'t> {
    pub(super) log: &'t Log<'t>,
    pub(super) at: usize,
    pub(super) path: String,
    table: Option<&'t DeTable<'t>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Fields<'t> {
    /// The whole document.
    pub(super) fn root(log: &'t Log<'t>, table: &'t DeTable<'t>) -> Fields<'t> {
        Fields { log, at: 0, path: String::new(), table: Some(table), known: RefCell::default() }
    }

    pub(super) fn get(&self, key: &'static str) -> Option<Value<'t>> {
        self.known.borrow_mut().push(key);
        let (key, item) = self.table?.get_key_value(key)?;
        Some(member(self.log, &self.path, key, item))
    }

    /// A key that must be there.
    pub(super) fn need(&self, key: &'static str, advice: &str) -> Option<Value<'t>> {
        let value = self.get(key);
        if value.is_none() && self.table.is_some() {
            self.log.fault(self.at, format!("{} lacks `{key}`", self.path), advice);
        }
        value
    }

    /// A table, empty where it is absent.
    pub(super) fn fields(&self, key: &'static str) -> Fields<'t> {
        match self.get(key) {
            Some(value) => value.fields(),
            None => Fields {
                log: self.log,
                at: self.at,
                path: join(&self.path, key),
                table: None,
                known: RefCell::default(),
            },
        }
    }

    /// A table whose keys are names, empty where it is absent.
    pub(super) fn entries(&self, key: &'static str) -> Vec<(At<String>, Value<'t>)> {
        self.get(key).map(|value| value.entries()).unwrap_or_default()
    }

    /// The same with a bound of how many.
    pub(super) fn entries_up_to(&self, key: &'static str, most: usize) -> Vec<(At<String>, Value<'t>)> {
        let entries = self.entries(key);
        if let Some((name, _)) = entries.get(most) {
            let what = format!("{}: {} are declared", join(&self.path, key), entries.len());
            self.log.fault(name.at, what, format!("declare at most {most}"));
        }
        entries
    }

    /// An integer, `default` where it is absent or faulty.
    pub(super) fn whole(&self, key: &'static str, bounds: RangeInclusive<i64>, default: i64) -> i64 {
        self.get(key).and_then(|value| value.whole(bounds)).unwrap_or(default)
    }

    /// A duration, `default` where it is absent or faulty.
    pub(super) fn duration(&self, key: &'static str, default: DurationMs) -> DurationMs {
        self.get(key).and_then(|value| value.duration()).unwrap_or(default)
    }

    /// A boolean, `false` where it is absent or faulty.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        self.get(key).and_then(|value| value.flag()).unwrap_or(false)
    }

    /// Complains about every key that was never asked for.
    pub(super) fn done(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            if !known.contains(&key.get_ref().as_ref()) {
                let what = format!("unknown key `{}`", join(&self.path, key.get_ref()));
                let place = if self.path.is_empty() { "at the top" } else { "here" };
                let advice = format!("remove it; known {place}: {}", known.join(", "));
                self.log.fault(key.span().start, what, advice);
            }
        }
    }
}

/// A duration: digits and a unit. `None` for anything else; saturates.
pub(super) fn parse_duration(text: &str) -> Option<DurationMs> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: i64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    if number.is_empty() {
        return None;
    }
    Some(DurationMs(number.parse::<i64>().map_or(i64::MAX, |number| number.saturating_mul(unit_ms))))
}

/// A value of a table: a table under a header of its own has the place of its key.
fn member<'t>(
    log: &'t Log<'t>,
    path: &str,
    key: &'t Spanned<toml::de::DeString<'t>>,
    item: &'t Spanned<DeValue<'t>>,
) -> Value<'t> {
    let at = if item.get_ref().is_table() { key.span().start } else { item.span().start };
    Value { log, at, path: join(path, key.get_ref()), item: item.get_ref() }
}

fn check_name(log: &Log<'_>, name: &At<String>, path: &str) -> bool {
    let sound = (1..=NAME_BYTES_MAX).contains(&name.value.len());
    if !sound {
        let what = format!("{path}: a name of {} bytes", name.value.len());
        log.fault(name.at, what, format!("write 1 to {NAME_BYTES_MAX} bytes"));
    }
    sound
}

fn join(path: &str, key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let key = if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
