//! `[calendars.<name>]`: a zone, intervals by weekday, dates that are closed or have intervals of their own.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::calendar::{Calendar, Minutes, Schedule};
use super::super::complaint::At;
use super::super::reader::{Fields, Value};

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads a calendar; without intervals it is never open.
pub(in super::super) fn read(name: &At<String>, value: &Value<'_>) -> Calendar {
    let fields = value.fields();
    let zone = super::zone(&fields);
    let week = fields.get("open").map(|value| week(&value)).unwrap_or_default();
    let dates = dates(&fields);
    fields.done();
    Calendar::new(&name.value, zone, Schedule { week, dates })
}

fn week(value: &Value<'_>) -> [Vec<Minutes>; 7] {
    if value.as_text() == Some("always") {
        return Schedule::always().week;
    }
    if !value.is_table() {
        value.expected("\"always\", or a table as { mon = [\"09:00-17:00\"] }");
        return Default::default();
    }
    let days = value.fields();
    let week = WEEKDAYS.map(|day| days.get(day).map(|value| intervals(&value)).unwrap_or_default());
    days.done();
    week
}

fn dates(fields: &Fields<'_>) -> Vec<(Date, Vec<Minutes>)> {
    let mut dates = BTreeMap::new();
    let closed = fields.get("closed").and_then(|value| value.list("dates")).unwrap_or_default();
    for value in closed {
        let Some(text) = value.text() else { continue };
        if date(&value, &text).is_some_and(|date| dates.insert(date, Vec::new()).is_some()) {
            value.fault(&format!("is {:?} again", text.value), "name each date once");
        }
    }
    for (name, value) in fields.entries("open_on") {
        let day = intervals(&value);
        let Some(date) = date(&value, &name) else { continue };
        if dates.insert(date, day).is_some() {
            let what = format!("{} is closed and open on {}", fields.path, name.value);
            fields.log.fault(name.at, what, "name each date once");
        }
    }
    dates.into_iter().collect()
}

fn date(value: &Value<'_>, text: &At<String>) -> Option<Date> {
    let plain = text.value.len() == 10 && text.value.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = text.value.parse::<Date>().ok().filter(|_| plain);
    if date.is_none() {
        let what = format!("{}: {:?} is no date", value.path, text.value);
        value.log.fault(text.at, what, "write year, month and day, as \"2026-12-25\"");
    }
    date
}

/// The intervals of a day, ascending.
fn intervals(value: &Value<'_>) -> Vec<Minutes> {
    let mut day: Vec<Minutes> = Vec::new();
    for value in value.list("intervals").unwrap_or_default() {
        let Some(text) = value.text() else { continue };
        let Some(interval) = interval(&text.value) else {
            let advice = "write start and end within one day, as \"09:00-17:30\" or \"00:00-24:00\"; \
                          over midnight, two";
            value.fault(&format!("is {:?}, which is no interval", text.value), advice);
            continue;
        };
        if day.iter().any(|other| other.0 < interval.1 && interval.0 < other.1) {
            value.fault(&format!("is {:?}, which overlaps another of its day", text.value), "join them");
            continue;
        }
        day.push(interval);
    }
    day.sort_unstable();
    day
}

fn interval(text: &str) -> Option<Minutes> {
    let (start, end) = text.split_once('-')?;
    let interval = (minutes(start)?, minutes(end)?);
    (interval.0 < interval.1).then_some(interval)
}

/// `hh:mm` up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let [a, b, b':', c, d] = text.as_bytes() else { return None };
    let (hours, minutes) = (digit(a)? * 10 + digit(b)?, digit(c)? * 10 + digit(d)?);
    let sound = minutes < 60 && (hours < 24 || (hours == 24 && minutes == 0));
    sound.then_some(hours * 60 + minutes)
}
