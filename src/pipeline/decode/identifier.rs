//! Identifiers in their normal form, by the kind's form, and the values that never identify. Plain ASCII, which is
//! nearly all there is, is done in place without allocating; the rest goes through the Unicode libraries.

use unicode_normalization::UnicodeNormalization;

use super::names::Names;
use super::phone::Plan;
use super::scan::{self, BLOCK};
use crate::rules::{Form, Rules};
use crate::types::KindId;

/// Values that never identify in any tenant, besides those of nothing but `0` and `-`.
const BLOCKED: [&str; 11] = [
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

/// What became of a value.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Normal<'a> {
    /// It never identifies anybody.
    Blocked,
    /// It does not normalise, or is too long.
    Bad,
    /// The normal form.
    Form(&'a [u8]),
}

/// Normalises values by the rules.
pub struct Normaliser {
    forms: Vec<Kind>,
    blocked: Names,
    /// Bit n: a blocked value has n bytes (63: or more). Most values need no further look.
    lengths: u64,
    scratch: Vec<u8>,
    /// A short value in lower case.
    lower: [u8; BLOCK],
    limit: usize,
}

enum Kind {
    Opaque,
    Handle,
    Email(Vec<String>),
    Phone(Plan),
}

impl Normaliser {
    /// For the kinds and blocked values of the rules; `limit` bounds a value and its normal form in bytes.
    pub fn new(rules: &Rules, limit: usize) -> Normaliser {
        let forms = rules.identity.kinds.iter().map(|kind| match &kind.form {
            Form::Opaque => Kind::Opaque,
            Form::Handle => Kind::Handle,
            Form::Email { fold_domains } => Kind::Email(fold_domains.clone()),
            Form::Phone { region } => {
                let region = region.parse().ok();
                // The library builds its numbering plans at the first number that it sees, which takes a tenth of a
                // second: better now than under load.
                let _ = phonenumber::parse(region, "2015550123");
                Kind::Phone(Plan::new(region))
            }
        });
        let blocked: Vec<&str> =
            BLOCKED.into_iter().chain(rules.identity.blocked.iter().map(String::as_str)).collect();
        Normaliser {
            forms: forms.collect(),
            lengths: blocked.iter().fold(0, |bits, value| bits | 1 << value.len().min(63)),
            blocked: Names::new(blocked),
            scratch: Vec::with_capacity(4 * limit),
            lower: [0; BLOCK],
            limit,
        }
    }

    /// The normal form of the value of `length` bytes that begins `block`, if it has a usual shape: graphic ASCII, and of
    /// the kind's form as most values are. What `normalise` says of it; `None`: ask `normalise`.
    #[inline(always)]
    pub fn normalise_short<'a>(
        &'a mut self,
        kind: KindId,
        block: &'a [u8; BLOCK],
        length: usize,
    ) -> Option<Normal<'a>> {
        if length == 0 || length > BLOCK.min(self.limit) {
            return None;
        }
        let kept = u32::MAX >> (BLOCK - length);
        if scan::not_graphic(block) & kept != 0 {
            return None;
        }
        self.lower = *block;
        self.lower.make_ascii_lowercase();
        let (value, lower) = (&block[..length], &self.lower[..length]);
        if is_blocked(&self.blocked, self.lengths, lower) {
            return Some(Normal::Blocked);
        }
        match &self.forms[kind.at()] {
            Kind::Opaque => Some(Normal::Form(value)),
            Kind::Handle => match lower.strip_prefix(b"@") {
                None => Some(Normal::Form(lower)),
                Some([]) => Some(Normal::Bad),
                Some(name) if is_blocked(&self.blocked, self.lengths, name) => Some(Normal::Blocked),
                Some(name) => Some(Normal::Form(name)),
            },
            Kind::Email(fold_domains) => {
                let signs = scan::equal(block, b'@') & kept;
                let at = signs.checked_ilog2()? as usize;
                let domain = &lower[at + 1..];
                let usual =
                    at > 0 && !domain.is_empty() && !fold_domains.iter().any(|d| d.as_bytes() == domain);
                usual.then_some(Normal::Form(lower))
            }
            Kind::Phone(_) => {
                let digits = scan::within(block, b'0', 9) & kept == kept & !1;
                let usual = digits && (8..=16).contains(&length) && value[0] == b'+' && value[1] != b'0';
                usual.then_some(Normal::Form(value))
            }
        }
    }

    /// The normal form of a value (UTF-8, or it is `Bad`).
    #[inline]
    pub fn normalise(&mut self, kind: KindId, value: &[u8]) -> Normal<'_> {
        if value.len() > self.limit {
            return Normal::Bad;
        }
        if !value.is_ascii() {
            return self.normalise_unicode(kind, value);
        }
        let trimmed = trim(value);
        self.scratch.clear();
        self.scratch.extend_from_slice(trimmed);
        self.scratch.make_ascii_lowercase();
        if is_blocked(&self.blocked, self.lengths, &self.scratch) {
            return Normal::Blocked;
        }
        let good = match &self.forms[kind.at()] {
            Kind::Opaque => {
                self.scratch.copy_from_slice(trimmed);
                true
            }
            Kind::Handle => {
                drop_at_sign(&mut self.scratch);
                true
            }
            Kind::Email(fold_domains) => {
                !self.scratch.iter().any(|b| *b <= b' ' || *b == 0x7f)
                    && email(&mut self.scratch, fold_domains)
            }
            Kind::Phone(plan) => plan.normalise(trimmed, &mut self.scratch),
        };
        self.judge(good)
    }

    #[cold]
    fn normalise_unicode(&mut self, kind: KindId, value: &[u8]) -> Normal<'_> {
        let Ok(value) = std::str::from_utf8(value) else { return Normal::Bad };
        let trimmed = value.trim();
        let folded = caseless::default_case_fold_str(trimmed);
        if is_blocked(&self.blocked, self.lengths, folded.as_bytes()) {
            return Normal::Blocked;
        }
        self.scratch.clear();
        let good = match &self.forms[kind.at()] {
            Kind::Opaque => {
                self.scratch.extend_from_slice(trimmed.as_bytes());
                true
            }
            Kind::Handle => {
                let name = trimmed.strip_prefix('@').unwrap_or(trimmed);
                self.scratch.extend_from_slice(caseless::default_case_fold_str(name).as_bytes());
                true
            }
            Kind::Email(fold_domains) => {
                let lower = trimmed.nfc().collect::<String>().to_lowercase();
                self.scratch.extend_from_slice(lower.as_bytes());
                !lower.chars().any(|c| c.is_whitespace() || c.is_control())
                    && email(&mut self.scratch, fold_domains)
            }
            Kind::Phone(plan) => plan.normalise(trimmed.as_bytes(), &mut self.scratch),
        };
        self.judge(good)
    }

    /// The form in the scratch space, unless it is empty, too long, or one that never identifies.
    #[inline]
    fn judge(&self, good: bool) -> Normal<'_> {
        let form = self.scratch.as_slice();
        if !good || form.is_empty() || form.len() > self.limit {
            return Normal::Bad;
        }
        if self.blocked_form(form) { Normal::Blocked } else { Normal::Form(form) }
    }

    #[inline]
    fn blocked_form(&self, form: &[u8]) -> bool {
        if form.is_ascii() && !form.iter().any(u8::is_ascii_uppercase) {
            return is_blocked(&self.blocked, self.lengths, form);
        }
        // An opaque form keeps its case; but then it is the trimmed value, which has been asked already.
        if form.is_ascii() {
            return false;
        }
        let text = std::str::from_utf8(form).expect("a normal form is UTF-8");
        is_blocked(&self.blocked, self.lengths, caseless::default_case_fold_str(text).as_bytes())
    }
}

/// Whether a case-folded value never identifies.
#[inline]
fn is_blocked(blocked: &Names, lengths: u64, folded: &[u8]) -> bool {
    let nothing =
        matches!(folded.first(), Some(b'0' | b'-')) && folded.iter().all(|b| matches!(b, b'0' | b'-'));
    nothing || (lengths >> folded.len().min(63) & 1 == 1 && blocked.find(folded).is_some())
}

/// ASCII without the white space at its ends, as `str::trim` sees it.
#[inline]
fn trim(value: &[u8]) -> &[u8] {
    let space = |b: &u8| matches!(b, b' ' | 0x09..=0x0d);
    let start = value.iter().take_while(|b| space(b)).count();
    let tail = value[start..].iter().rev().take_while(|b| space(b)).count();
    &value[start..value.len() - tail]
}

fn drop_at_sign(handle: &mut Vec<u8>) {
    if handle.first() == Some(&b'@') {
        handle.remove(0);
    }
}

/// Checks an address in lower case, without white space or controls, and folds it in the named domains.
fn email(address: &mut Vec<u8>, fold_domains: &[String]) -> bool {
    let Some(at) = memchr::memrchr(b'@', address) else { return false };
    if at == 0 || at + 1 == address.len() {
        return false;
    }
    if !fold_domains.iter().any(|domain| domain.as_bytes() == &address[at + 1..]) {
        return true;
    }
    let tag = memchr::memchr(b'+', &address[..at]).unwrap_or(at);
    let mut kept = 0;
    for from in 0..tag {
        if address[from] != b'.' {
            address[kept] = address[from];
            kept += 1;
        }
    }
    let domain = address.len() - at;
    address.copy_within(at.., kept);
    address.truncate(kept + domain);
    kept > 0
}

#[cfg(test)]
mod tests;
