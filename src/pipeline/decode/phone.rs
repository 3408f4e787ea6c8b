//! Telephone numbers → E.164, as the library `phonenumber` has it. With a country's code the digits say it all. Without
//! one the library decides by the region's numbering plan, with regular expressions, and asks for memory. Where the plan
//! is plain, most numbers can be told without it.
//!
//! The library, given nothing but digits and punctuation, keeps the digits; takes the international prefix off, if they
//! begin with it; then the country's code, if they begin with that and are no number otherwise; then the national prefix;
//! and puts the country's code before the rest. So of digits that begin with none of the three it only puts the code before
//! them. Whether they do is known if the plan's prefixes are literal. They are in most plans; those that are not, and all
//! other spellings, are left to the library.

use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;

/// Digits of a number without country's code that are looked at here: fewer are too few for a call, more are left over.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=14;

/// How numbers without country's code are read.
pub struct Plan {
    region: Option<Id>,
    plain: Option<Plain>,
}

/// A plan whose prefixes are literal.
struct Plain {
    /// The country's code, with its plus sign.
    code: String,
    /// What a number that is told here does not begin with.
    prefixes: Vec<String>,
}

impl Plan {
    /// The plan of a region; with none the library is asked about every number without a country's code.
    pub fn new(region: Option<Id>) -> Plan {
        Plan { region, plain: region.and_then(Plain::of) }
    }

    /// Writes the E.164 form of a trimmed number; false if it has none.
    #[inline]
    pub fn normalise(&self, trimmed: &[u8], into: &mut Vec<u8>) -> bool {
        into.clear();
        if let Some((b'+', rest)) = trimmed.split_first() {
            if (7..=15).contains(&rest.len()) && rest[0] != b'0' && rest.iter().all(u8::is_ascii_digit) {
                into.extend_from_slice(trimmed);
                return true;
            }
            into.push(b'+');
            into.extend(rest.iter().filter(|b| !is_punctuation(**b)));
            let plain = into[1..].iter().all(u8::is_ascii_digit) && into.get(1) != Some(&b'0');
            if plain && (8..=16).contains(&into.len()) {
                return true;
            }
        } else if let Some(plain) = &self.plain
            && plain.normalise(trimmed, into)
        {
            return true;
        }
        into.clear();
        by_library(trimmed, self.region, into)
    }
}

impl Plain {
    /// `None`: the plan is not plain.
    fn of(region: Id) -> Option<Plain> {
        let plan = DATABASE.by_id(region.as_ref())?;
        let mut prefixes = vec![plan.country_code().to_string()];
        prefixes.extend(plan.national_prefix().map(str::to_owned));
        for pattern in [plan.international_prefix(), plan.national_prefix_for_parsing()].into_iter().flatten()
        {
            prefixes.extend(literals(pattern.as_str())?.map(str::to_owned));
        }
        Some(Plain { code: format!("+{}", plan.country_code()), prefixes })
    }

    /// Writes the E.164 form of digits and punctuation that begin with no prefix; false: ask the library.
    fn normalise(&self, trimmed: &[u8], into: &mut Vec<u8>) -> bool {
        into.extend_from_slice(self.code.as_bytes());
        into.extend(trimmed.iter().filter(|b| !is_punctuation(**b)));
        let digits = &into[self.code.len()..];
        DIGITS.contains(&digits.len())
            && digits[0] != b'0'
            && digits.iter().all(u8::is_ascii_digit)
            && !self.prefixes.iter().any(|prefix| digits.starts_with(prefix.as_bytes()))
    }
}

/// What people put between digits.
#[inline]
fn is_punctuation(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')')
}

/// The texts that a pattern stands for, if it is nothing but such texts.
fn literals(pattern: &str) -> Option<impl Iterator<Item = &str>> {
    let good = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    pattern.split('|').all(good).then(|| pattern.split('|'))
}

#[cold]
fn by_library(trimmed: &[u8], region: Option<Id>, into: &mut Vec<u8>) -> bool {
    let Ok(text) = std::str::from_utf8(trimmed) else { return false };
    let Ok(number) = phonenumber::parse(region, text) else { return false };
    let form = number.format().mode(phonenumber::Mode::E164).to_string();
    into.extend_from_slice(form.as_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::seeded::{Seeded, seeds};
    use proptest::prelude::*;

    /// All regions, with their plans.
    fn plans() -> Vec<(Id, Plan)> {
        let ids = DATABASE.iter().filter_map(|plan| plan.id().parse().ok());
        ids.map(|id| (id, Plan::new(Some(id)))).collect()
    }

    fn library(region: Id, text: &str) -> Option<String> {
        let mut form = Vec::new();
        by_library(text.as_bytes(), Some(region), &mut form).then(|| String::from_utf8(form).unwrap())
    }

    #[test]
    fn plain_plans_agree_with_the_library() {
        let plans = plans();
        let (mut random, mut told) = (Seeded(1), 0);
        for (region, plan) in plans.iter().filter(|(_, plan)| plan.plain.is_some()) {
            for _ in 0..100 * seeds(2) {
                let mut text = String::new();
                for _ in 0..random.below(17) {
                    text.push(char::from(b'0' + random.below(10) as u8));
                    if random.below(4) == 0 {
                        text.push_str(["-", ".", " ", "(", ")", ") ", " - "][random.below(7) as usize]);
                    }
                }
                let text = ["", "(", " "][random.below(3) as usize].to_owned() + &text;
                let text = text.trim();
                let mut form = Vec::new();
                if plan.plain.as_ref().unwrap().normalise(text.as_bytes(), &mut form) {
                    told += 1;
                    let form = String::from_utf8(form).unwrap();
                    assert_eq!(library(*region, text), Some(form), "{text:?} in {region:?}");
                }
            }
        }
        let plain = plans.iter().filter(|(_, plan)| plan.plain.is_some()).count();
        assert!(plain > plans.len() / 2, "{plain} of {} plans are plain", plans.len());
        assert!(told > 20 * plain, "{told} numbers were told");
    }

    #[test]
    fn the_usual_regions_are_plain() {
        for (region, text, form) in [
            (phonenumber::country::US, "(201) 555-0123", "+12015550123"),
            (phonenumber::country::DE, "30 1234567", "+49301234567"),
            (phonenumber::country::ES, "912 34 56 78", "+34912345678"),
        ] {
            let mut into = Vec::new();
            assert!(Plain::of(region).unwrap().normalise(text.as_bytes(), &mut into), "{text}");
            assert_eq!(into, form.as_bytes());
        }
        assert!(Plain::of(phonenumber::country::AR).is_none(), "Argentina's mobile numbers are rewritten");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The library must not panic: release builds abort.
        #[test]
        fn hostile_phone_numbers(value in "[+0-9０-９ A-Za-z();:=*#./x~,-]{0,24}|\\PC{0,12}|tel:[+0-9;=a-z-]{0,20}") {
            for region in [Some(phonenumber::country::DE), Some(phonenumber::country::US), Some(phonenumber::country::AR), None] {
                let (mut form, mut theirs) = (Vec::new(), Vec::new());
                let value = value.trim().as_bytes();
                let good = Plan::new(region).normalise(value, &mut form);
                let library = by_library(value, region, &mut theirs);
                if !value.starts_with(b"+") {
                    prop_assert_eq!((good, form), (library, theirs));
                }
            }
        }
    }
}
