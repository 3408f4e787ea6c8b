//! RFC 3339 to milliseconds: the usual form `YYYY-MM-DDTHH:MM:SS.mmmZ` by fixed places with the last minute and the
//! last date remembered, every other form step by step. A leap second counts as the second before it, digits of the
//! fraction after the third are cut off.

use crate::types::Millis;

/// Bytes of the usual form.
pub const USUAL: usize = 24;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// The date and the minute that were read last: logs hardly ever change the one, and seldom the other.
#[derive(Debug, Default)]
pub struct LastDate {
    /// The last date and its first millisecond.
    text: [u8; 10],
    start: i64,
    /// `YYYY-MM-DDTHH:MM` of the last minute, all 0 before the first one, and its first millisecond.
    minute: [u8; 16],
    minute_start: i64,
}

impl LastDate {
    /// The instant that a text of RFC 3339 names; `None` for any other text.
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Option<Millis> {
        if let Ok(usual) = <&[u8; USUAL]>::try_from(text) {
            if let Some(millis) = self.in_last_minute(usual) {
                return Some(millis);
            }
            if usual[..10] == self.text
                && let Some(in_day) = usual_time(usual)
            {
                self.minute.copy_from_slice(&usual[..16]);
                self.minute_start = self.start + in_day / MINUTE_MS * MINUTE_MS;
                return Some(Millis(self.start + in_day));
            }
        }
        self.parse_any(text)
    }

    /// The instant that the usual form names, if it is in the last minute.
    #[inline(always)]
    pub fn in_last_minute(&self, text: &[u8; USUAL]) -> Option<Millis> {
        let (minute, rest) = text.split_first_chunk::<16>()?;
        let in_minute = seconds(*rest.first_chunk()?)?;
        (*minute == self.minute).then_some(Millis(self.minute_start + in_minute))
    }

    #[cold]
    fn parse_any(&mut self, text: &[u8]) -> Option<Millis> {
        let date: [u8; 10] = *text.first_chunk()?;
        let start = days(&date)? * DAY_MS;
        let in_day = time(&text[10..])?;
        (self.text, self.start) = (date, start);
        Some(Millis(start + in_day))
    }
}

/// Milliseconds of the minute of `:SS.mmmZ`, second 60 excluded.
#[inline(always)]
fn seconds(text: [u8; 8]) -> Option<i64> {
    // What is left of each byte when the form is taken off: a digit's value, or 0 of a mark. The sum reaches the highest
    // bit of a byte that is more than 9, or more than 0; the lowest such byte gets no carry, as those below are good.
    const FORM: u64 = u64::from_le_bytes(*b":00.000Z");
    const ROOM: u64 = u64::from_le_bytes([0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76, 0x76, 0x7f]);
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let left = u64::from_le_bytes(text) ^ FORM;
    let wrong = (left.wrapping_add(ROOM) | left) & HIGHEST;
    let digit = |place: u32| (left >> (8 * place) & 0xff) as u32;
    let second = digit(1) * 10 + digit(2);
    let milli = digit(4) * 100 + digit(5) * 10 + digit(6);
    (wrong == 0 && second < 60).then_some(i64::from(second * 1_000 + milli))
}

/// Milliseconds of the day of `THH:MM:SS.mmmZ` at its usual place; `None` for any other form.
#[inline]
fn usual_time(text: &[u8; USUAL]) -> Option<i64> {
    let marks = [text[10], text[13], text[16], text[19], text[23]] == *b"T::.Z";
    let mut wrong = 0;
    let mut digit = |at: usize| {
        let digit = text[at].wrapping_sub(b'0');
        wrong |= u32::from(digit > 9);
        u32::from(digit)
    };
    let hour = digit(11) * 10 + digit(12);
    let minute = digit(14) * 10 + digit(15);
    let second = digit(17) * 10 + digit(18);
    let milli = digit(20) * 100 + digit(21) * 10 + digit(22);
    let good = marks && wrong == 0 && hour < 24 && minute < 60 && second < 60;
    good.then(|| i64::from(((hour * 60 + minute) * 60 + second) * 1_000 + milli))
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn days(date: &[u8; 10]) -> Option<i64> {
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year < 1 || !(1..=12).contains(&month) || !(1..=last).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day last; the rest is the length of whole years and months
    // (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let from_march = (month + 9) % 12;
    let year = year - i64::from(month <= 2);
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    Some(365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

/// Milliseconds from the start of the date, in UTC, of `Thh:mm:ss[.f+](Z|±hh:mm)`.
fn time(text: &[u8]) -> Option<i64> {
    let (head, tail) = text.split_at_checked(9)?;
    if !head[0].eq_ignore_ascii_case(&b'T') || head[3] != b':' || head[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&head[1..3])?, number(&head[4..6])?, number(&head[7..])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (millis, zone) = match tail {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            let shown = number(&rest[..digits.min(3)])?;
            (shown * [100, 10, 1][digits.min(3) - 1], &rest[digits..])
        }
        _ => (0, tail),
    };
    let offset = match zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -60_000 } else { 60_000 }
        }
        _ => return None,
    };
    Some(((hour * 60 + minute) * 60 + second.min(59)) * 1_000 + millis - offset)
}

/// A number of nothing but decimal digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<i64> {
        LastDate::default().parse(text.as_bytes()).map(|t| t.0)
    }

    #[test]
    fn forms() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00.5z", 500),
            ("1970-01-01T00:00:00.123999Z", 123),
            ("1970-01-01T00:00:00.9+00:00", 900),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1969-12-31T23:00:00-01:30", 1_800_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("2016-12-31T23:59:60.250Z", 1_483_228_799_250),
            ("2024-02-29T00:00:00.000Z", 1_709_164_800_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("0001-01-01T00:00:00+23:59", -62_135_596_800_000 - 86_340_000),
            ("9999-12-31T23:59:59.999-23:59", 253_402_300_799_999 + 86_340_000),
        ] {
            assert_eq!(read(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:61Z",
            "1970-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-04-31T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "-001-01-01T00:00:00Z",
            "12970-01-01T00:00:00Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+00:60",
            "1970-01-01T00:00:00+0000",
            "1970-01-01T00:00:00ZZ",
            "1970-01-01T00:00:00Z ",
            "1970-01-01T0a:00:00.000Z",
            "1970-01-01T00:00:00.00aZ",
            "1970-01-01T00:00:00,000Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        /// With one date remembered from text to text, as in a log.
        #[test]
        fn agrees_with_jiff(millis in -62_000_000_000_000i64..253_000_000_000_000, step in 0i64..200_000_000,
                            offset in -23i64 * 60..23 * 60, digits in 0usize..=6) {
            let mut last = LastDate::default();
            for at in [millis, millis + step % DAY_MS, millis + step] {
                let stamp = jiff::Timestamp::from_millisecond(at).unwrap();
                let usual = format!("{stamp:.3}");
                prop_assert_eq!(last.parse(usual.as_bytes()), Some(Millis(at)), "{}", usual);
                let zone = jiff::tz::Offset::from_seconds(offset as i32 * 60).unwrap().to_time_zone();
                let local = stamp.to_zoned(zone).datetime();
                if !(1..=9999).contains(&local.year()) {
                    continue;
                }
                let sign = if offset < 0 { '-' } else { '+' };
                let text = format!("{local:.digits$}{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
                let jiffs: jiff::Timestamp = text.parse().unwrap();
                prop_assert_eq!(last.parse(text.as_bytes()), Some(Millis(jiffs.as_millisecond())), "{}", text);
            }
        }

        #[test]
        fn a_changed_byte_is_judged_as_jiff_judges_it(at in 0i64..4_000_000_000_000, place in 0usize..24, byte in 0x20u8..0x7f) {
            let mut text = format!("{:.3}", jiff::Timestamp::from_millisecond(at).unwrap()).into_bytes();
            let mut last = LastDate::default();
            prop_assert!(last.parse(&text).is_some());
            text[place] = byte;
            let text = String::from_utf8(text).unwrap();
            let theirs = text.parse::<jiff::Timestamp>().ok().map(|t| Millis(t.as_millisecond()));
            // jiff takes more than RFC 3339: a space or an underscore for T, a comma, years before 1, second 60
            // at any minute, an offset without minutes or of 24 and more hours.
            if let Some(ours) = last.parse(text.as_bytes()) {
                prop_assert_eq!(Some(ours), theirs, "{}", text);
            }
        }
    }
}
