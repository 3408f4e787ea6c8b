//! Instants as RFC 3339 text with milliseconds, in UTC. Dates of the last days seen are kept, because nearly all
//! times of a batch fall on one or two days: a time then costs a few divisions by constants and one copy. The
//! cache is a matter of speed only; it never changes the text.

use super::append::{Pen, TWO};
use crate::types::Millis;

/// Days kept; a power of two. Outputs name the present day, the next ones (due times) and days of earlier
/// contacts.
const DAYS_KEPT: usize = 16;
const DAY_MS: i64 = 86_400_000;

/// Formats instants; remembers the dates of some days.
pub struct Clockface {
    days: [Day; DAYS_KEPT],
}

/// `YYYY-MM-DDT` of one day. Only days of the years 0000 to 9999, whose date has this length, are kept.
#[derive(Copy, Clone)]
struct Day {
    /// Days since 1970-01-01.
    number: i64,
    date: [u8; 11],
}

impl Clockface {
    /// A face that knows no day yet.
    pub fn new() -> Clockface {
        let nothing = Day { number: i64::MIN, date: [b' '; 11] };
        Clockface { days: [nothing; DAYS_KEPT] }
    }

    /// Writes `YYYY-MM-DDTHH:MM:SS.mmmZ`. A year above 9999 has the digits that it needs, one below 0 a sign:
    /// RFC 3339 has no text for them, and no event can name them.
    #[inline]
    pub fn write<'a>(&mut self, pen: Pen<'a>, at: Millis) -> Pen<'a> {
        let number = at.0.div_euclid(DAY_MS);
        let ms = at.0.rem_euclid(DAY_MS) as u32;
        let slot = number as usize & (DAYS_KEPT - 1);
        let pen = if self.days[slot].number != number && !self.learn(number) {
            pen.bytes(far_date(number).as_bytes())
        } else {
            pen.put(&self.days[slot].date)
        };
        let (second, ms) = (ms / 1_000, ms % 1_000);
        let (minute, second) = (second / 60, second % 60);
        let [h1, h2] = TWO[(minute / 60) as usize];
        let [m1, m2] = TWO[(minute % 60) as usize];
        let [s1, s2] = TWO[second as usize];
        let [f1, f2] = TWO[(ms / 10) as usize];
        let f3 = b'0' + (ms % 10) as u8;
        pen.put(&[h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, b'Z'])
    }

    /// Keeps the date of a day; false if its year does not have four digits.
    #[cold]
    fn learn(&mut self, number: i64) -> bool {
        let (year, month, day) = civil(number);
        if !(0..=9_999).contains(&year) {
            return false;
        }
        let [y1, y2] = TWO[year as usize / 100];
        let [y3, y4] = TWO[year as usize % 100];
        let [m1, m2] = TWO[month as usize];
        let [d1, d2] = TWO[day as usize];
        let date = [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T'];
        self.days[number as usize & (DAYS_KEPT - 1)] = Day { number, date };
        true
    }
}

/// The date of a day outside the years 0000 to 9999.
#[cold]
fn far_date(number: i64) -> String {
    let (year, month, day) = civil(number);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}T", year.unsigned_abs())
}

/// Year, month (1 to 12) and day (1 to 31) of a day since 1970-01-01 in the proleptic Gregorian calendar, by
/// eras of 400 years that begin on 1 March (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(number: i64) -> (i64, u32, u32) {
    let shifted = number + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * from_march + 2) / 5 + 1) as u32;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(face: &mut Clockface, at: i64) -> String {
        let mut scratch = [0; 40];
        let left = face.write(Pen::new(&mut scratch), Millis(at)).left();
        String::from_utf8(scratch[..40 - left].to_vec()).expect("ASCII")
    }

    #[test]
    fn known_instants() {
        let face = &mut Clockface::new();
        for (at, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text(face, at), expected);
        }
        for extreme in [i64::MIN, i64::MAX] {
            assert!(text(face, extreme).ends_with('Z'), "no overflow at {extreme}");
        }
    }

    proptest! {
        /// The same as jiff's, in runs of near and far days, so that kept days are used and replaced.
        #[test]
        fn as_jiff_writes_them(
            start in -62_135_596_800_000_i64..=253_402_200_000_000,
            steps in prop::collection::vec((0_usize..4, -40_i64..40, 0..DAY_MS), 1..40),
        ) {
            let face = &mut Clockface::new();
            for (far, days, ms) in steps {
                let at = start + [1, 16, 365, 3_653][far] * days * DAY_MS + ms;
                let at = at.clamp(-62_135_596_800_000, 253_402_200_000_000);
                let expected = jiff::Timestamp::from_millisecond(at).expect("within jiff's range");
                prop_assert_eq!(text(face, at), format!("{expected:.3}"));
            }
        }
    }
}
