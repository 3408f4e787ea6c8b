//! Vectors of the normal forms; those of addresses and numbers follow what large advertising platforms publish.

use super::*;
use crate::model::decode::fixtures::{CUSTOMER_ID, EMAIL, PHONE, TWITTER, rules};

const BYTES_MAX: usize = 256;

/// The normal form, `blocked` or `bad`.
fn form(kind: KindId, value: &str) -> String {
    match normalise(&rules(), kind, value, BYTES_MAX) {
        Normal::Form(form) => format!("={form}"),
        Normal::Blocked => "blocked".to_owned(),
        Normal::Bad => "bad".to_owned(),
    }
}

#[track_caller]
fn assert_forms(kind: KindId, cases: &[(&str, &str)]) {
    for (value, expected) in cases {
        assert_eq!(form(kind, value), *expected, "{value:?}");
    }
}

#[test]
fn opaque_values_are_trimmed_only() {
    assert_forms(
        CUSTOMER_ID,
        &[
            (" Ab 7\t", "=Ab 7"),
            ("\u{a0}7\u{2003}", "=7"),
            ("", "bad"),
            ("  ", "bad"),
            ("É", "=É"),
            ("@a", "=@a"),
        ],
    );
}

#[test]
fn handles_lose_one_at_sign_and_their_case() {
    assert_forms(
        TWITTER,
        &[
            ("@Ann_B", "=ann_b"),
            (" @ann ", "=ann"),
            ("@@ann", "=@ann"),
            ("ann@b", "=ann@b"),
            ("@", "bad"),
            ("MASSE", "=masse"),
            ("Maße", "=masse"),
            ("ΣΊΣΥΦΟΣ", "=σίσυφοσ"),
            ("@guest", "blocked"),
        ],
    );
}

#[test]
fn addresses_are_lower_case_and_folded_only_in_the_named_domains() {
    assert_forms(
        EMAIL,
        &[
            (" Ann.Lee@Example.COM ", "=ann.lee@example.com"),
            ("ann.lee+news@example.com", "=ann.lee+news@example.com"),
            ("Ann.Lee+news+x@GMail.com", "=annlee@gmail.com"),
            ("a.n.n@gmail.com", "=ann@gmail.com"),
            ("ann@mail.gmail.com", "=ann@mail.gmail.com"),
            ("a@b@c", "=a@b@c"),
            ("a.b@x@gmail.com", "=ab@x@gmail.com"),
            ("+news@gmail.com", "bad"),
            ("...@gmail.com", "bad"),
            ("e\u{301}@x.org", "=é@x.org"),
            ("É@x.org", "=é@x.org"),
            ("ann", "bad"),
            ("@x.org", "bad"),
            ("ann@", "bad"),
            ("an n@x.org", "bad"),
            ("ann\u{a0}b@x.org", "bad"),
            ("ann\u{7}@x.org", "bad"),
            ("TEST@Test.com", "blocked"),
        ],
    );
}

#[test]
fn numbers_are_e164() {
    assert_forms(
        PHONE,
        &[
            ("+4930123450", "=+4930123450"),
            (" +49 (30) 12-34.50 ", "=+4930123450"),
            ("030 123450", "=+4930123450"),
            ("(030) 12 34 50", "=+4930123450"),
            ("0049 30 123450", "=+4930123450"),
            ("+1234567", "=+1234567"),
            ("+123456789012345", "=+123456789012345"),
            ("+49", "bad"),
            ("call me", "bad"),
            ("+", "bad"),
            ("1", "bad"),
            ("", "bad"),
        ],
    );
}

#[test]
fn blocked_values_never_identify_and_are_never_bad() {
    for kind in [CUSTOMER_ID, EMAIL, PHONE, TWITTER] {
        for value in BLOCKED {
            assert_eq!(form(kind, value), "blocked", "{value}");
            assert_eq!(form(kind, &format!(" {}\n", value.to_uppercase())), "blocked", "{value}");
        }
        for value in ["0", "-", "000-00", "---", "void", "VOID ", "Straße"] {
            assert_eq!(form(kind, value), "blocked", "{value}");
        }
    }
    assert_forms(CUSTOMER_ID, &[("0a", "=0a"), ("-1-", "=-1-"), ("guests", "=guests"), ("00 00", "=00 00")]);
}

#[test]
fn the_normal_form_is_looked_at_again() {
    assert_forms(PHONE, &[("030 123456", "blocked")]);
    assert_forms(EMAIL, &[("A.+x@gmail.com", "blocked"), ("a.@example.com", "=a.@example.com")]);
    assert_forms(TWITTER, &[("@000", "blocked"), ("@Void", "blocked")]);
}

#[test]
fn longer_than_the_limit_is_bad_before_and_after() {
    let zeros = "0".repeat(BYTES_MAX);
    assert_eq!(form(CUSTOMER_ID, &zeros), "blocked");
    assert_eq!(form(CUSTOMER_ID, &format!("{zeros}0")), "bad", "even if it were blocked");
    assert_eq!(form(CUSTOMER_ID, &"x".repeat(BYTES_MAX)), format!("={}", "x".repeat(BYTES_MAX)));
    assert_eq!(form(CUSTOMER_ID, &format!("{} ", "x".repeat(BYTES_MAX))), "bad");
    // U+0390 has two bytes, its case fold six.
    assert_eq!(form(TWITTER, &"\u{390}".repeat(43)), "bad");
}
