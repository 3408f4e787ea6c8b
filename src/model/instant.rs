//! RFC 3339 for the model: strict, field by field, dates by `jiff`. The library's own parser takes more than
//! RFC 3339 (spaces, week dates, zones in brackets) and cannot name the last day of the year 9999.

use jiff::civil;

use crate::types::Millis;

/// Reads `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`, `T` and `Z` in either case, years 1 to 9999. A leap second counts as
/// the second before it; the fraction is cut to milliseconds. `None` for anything else.
pub fn parse(text: &str) -> Option<Millis> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let (year, month, day) = (number(date.get(0..4)?)?, number(date.get(5..7)?)?, number(date.get(8..10)?)?);
    if date.get(4..5)? != "-" || date.get(7..8)? != "-" || year == 0 {
        return None;
    }
    let (hour, minute, second) =
        (number(time.get(1..3)?)?, number(time.get(4..6)?)?, number(time.get(7..9)?)?);
    if !matches!(time.get(0..1)?, "T" | "t") || time.get(3..4)? != ":" || time.get(6..7)? != ":" {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (millis, rest) = fraction(rest)?;
    let offset_minutes = offset(rest)?;
    let day = civil::Date::new(year as i16, month as i8, day as i8).ok()?;
    let days = (day - civil::date(1970, 1, 1)).get_days();
    let minutes = i64::from(days) * 1_440 + hour * 60 + minute - offset_minutes;
    Some(Millis((minutes * 60 + second.min(59)) * 1_000 + millis))
}

/// A number of digits only.
fn number(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The milliseconds of an optional fraction, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(digits) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let padded = format!("{digits}00");
    Some((number(&padded[..3])?, rest))
}

/// Minutes east of Greenwich.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.get(0..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hour, minute) = (number(text.get(1..3)?)?, number(text.get(4..)?)?);
    if text.len() != 6 || text.get(3..4)? != ":" || hour > 23 || minute > 59 {
        return None;
    }
    Some(sign * (hour * 60 + minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T00:00:00.1Z", 100),
            ("1970-01-01T00:00:00.12Z", 120),
            ("1970-01-01T00:00:00.1239999999999999999999Z", 123),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T19:00:00-05:00", 0),
            ("1970-01-01T00:00:00-00:00", 0),
            ("1970-01-01T23:59:00+23:59", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2016-12-31T23:59:60.5Z", 1_483_228_799_500),
            ("2016-12-31T12:00:60Z", 1_483_185_659_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("0001-01-01T00:00:00+23:59", -62_135_683_140_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("9999-12-31T23:59:59-23:59", 253_402_387_139_000),
        ] {
            assert_eq!(parse(text), Some(Millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00,5Z",
            "1970-01-01T00:00:00Z ",
            " 1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00ZZ",
            "1970-01-01T00:00:00+00",
            "1970-01-01T00:00:00+0000",
            "1970-01-01T00:00:00+00:000",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+00:60",
            "1970-01-01T00:00:00+-1:00",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:61Z",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "+1970-01-01T00:00:00Z",
            "1970-1-01T00:00:00Z",
            "197O-01-01T00:00:00Z",
            "+197-01-01T00:00:00Z",
            "1970-01-01T+1:00:00Z",
            "1970-01-01T00:00:00[UTC]",
            "1970-01-01T00:00:00Z[UTC]",
            "１９７０-01-01T00:00:00Z",
            "1970-01-01T00:00:00.１Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
