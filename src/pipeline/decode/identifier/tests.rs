//! Normal forms by table, and phone numbers that nobody would dial.

use super::*;
use proptest::prelude::*;

fn normaliser() -> Normaliser {
    Normaliser {
        forms: vec![
            Kind::Opaque,
            Kind::Handle,
            Kind::Email(vec!["gmail.com".to_owned()]),
            Kind::Phone(Plan::new(Some(phonenumber::country::DE))),
        ],
        blocked: Names::new(BLOCKED.into_iter().chain(["strasse", "+15550000000"])),
        lengths: u64::MAX,
        scratch: Vec::new(),
        lower: [0; BLOCK],
        limit: 256,
    }
}

#[track_caller]
fn form(kind: u8, value: &str, expected: Option<&str>) {
    let mut normaliser = normaliser();
    let expected = expected.map_or(Normal::Bad, |text| Normal::Form(text.as_bytes()));
    assert_eq!(normaliser.normalise(KindId(kind), value.as_bytes()), expected, "{value:?}");
}

#[test]
fn forms() {
    form(0, " \u{b}A b\u{a0}", Some("A b"));
    form(0, "\t", None);
    form(1, " @@Nick ", Some("@nick"));
    form(1, "@STRAẞE1", Some("strasse1"));
    form(1, "@", None);
    form(2, "A.b+c@X.org", Some("a.b+c@x.org"));
    form(2, "A.b+c@Gmail.com", Some("ab@gmail.com"));
    form(2, "@a@gmail.com", Some("@a@gmail.com"));
    form(2, "...@gmail.com", None);
    form(2, "E\u{301}@x.org", Some("\u{e9}@x.org"));
    for bad in ["a", "@b", "a@", "a b@c", "a\u{2003}b@c", "a\u{85}b@c", "a\u{7f}@c", ""] {
        form(2, bad, None);
    }
    form(3, "+49 (30) 12-34.567", Some("+49301234567"));
    form(3, "030 1234567", Some("+49301234567"));
    form(3, "+1234567", Some("+1234567"));
    form(3, "+123456789012345", Some("+123456789012345"));
    form(3, "nobody", None);
}

#[test]
fn blocked_values_in_any_notation() {
    for kind in 0..4 {
        for value in ["0", "--", "0-0", " NULL\n", "Test@Test.com", "\u{a0}Straße", "GUEST"] {
            let normal = normaliser().normalise(KindId(kind), value.as_bytes()) == Normal::Blocked;
            assert!(normal, "{value:?} of kind {kind}");
        }
    }
    for (kind, value) in [(1, "@Guest"), (1, "@000"), (3, "+1 555 000 0000")] {
        assert_eq!(normaliser().normalise(KindId(kind), value.as_bytes()), Normal::Blocked, "{value:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A short value is judged as any other.
    #[test]
    fn short_values(value in "[@+0-]?[a-c0-9A-C@.+ -]{0,4}(@gmail.com|@GMail.com|[0-9]{0,14}|\\PC{0,3}|guest|strasse){0,2}") {
        let mut block = [b'"'; BLOCK];
        let length = value.len().min(BLOCK);
        block[..length].copy_from_slice(&value.as_bytes()[..length]);
        for kind in (0..4).map(KindId) {
            let (mut short, mut any) = (normaliser(), normaliser());
            if let Some(normal) = short.normalise_short(kind, &block, length) {
                prop_assert_eq!(normal, any.normalise(kind, &block[..length]), "{:?} of {:?}", kind, value);
            }
        }
    }
}
