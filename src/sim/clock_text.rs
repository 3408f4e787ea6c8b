//! Instants as text, `YYYY-MM-DDTHH:MM:SS.mmmZ`, with the text of the current second kept: most lines of a log
//! share it with their neighbour.

use crate::types::Millis;

/// Characters of an instant.
pub const CHARS: usize = 24;

/// Writes instants.
pub struct ClockText {
    second: i64,
    text: [u8; CHARS],
}

impl ClockText {
    /// Has written nothing yet.
    pub fn new() -> ClockText {
        ClockText { second: i64::MIN, text: *b"0000-00-00T00:00:00.000Z" }
    }

    /// The text of an instant of the years 0 to 9999.
    #[inline]
    pub fn of(&mut self, at: Millis) -> [u8; CHARS] {
        let second = at.0.div_euclid(1_000);
        if second != self.second {
            self.second = second;
            self.text = text_of_second(second);
        }
        let mut text = self.text;
        digits(&mut text[20..23], at.0.rem_euclid(1_000));
        text
    }
}

impl Default for ClockText {
    fn default() -> Self {
        ClockText::new()
    }
}

/// Days to a date: H. Hinnant, "chrono-compatible low-level date algorithms" (2013), `civil_from_days`.
fn text_of_second(second: i64) -> [u8; CHARS] {
    let (days, rest) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], rest / 3_600);
    digits(&mut text[14..16], rest / 60 % 60);
    digits(&mut text[17..19], rest % 60);
    text
}

/// Writes a number right-aligned with leading zeros.
#[inline]
pub fn digits(into: &mut [u8], mut number: i64) {
    for place in into.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_jiff() {
        let mut clock = ClockText::new();
        for at in (0..4_000).map(|n| Millis(n * 1_234_567_891 % 4_000_000_000_000)) {
            let expected = jiff::Timestamp::from_millisecond(at.0).expect("within its range");
            let text = String::from_utf8(clock.of(at).to_vec()).expect("ASCII");
            assert_eq!(text, format!("{expected:.3}"));
        }
    }
}
