//! JSON for the model's decoder: the grammar by `serde_json`, and one level of a value at a time with the order of
//! members, repeated members and the text of numbers kept, all of which `serde_json::Value` loses. Speed does not
//! matter: every value is looked at again from its bytes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One level of a value.
#[derive(Debug)]
pub enum Shape<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// The text of a number.
    Number(&'a str),
    /// A string, unescaped.
    Text(String),
    /// The elements.
    Array(Vec<&'a RawValue>),
    /// The members in the order of the bytes, repeated ones too, names unescaped.
    Object(Vec<(String, &'a RawValue)>),
}

/// Not JSON by RFC 8259, or with a surrogate that stands alone.
#[derive(Debug, PartialEq, Eq)]
pub struct NotJson;

/// Reads the whole of `text` as one JSON value and returns how deep arrays and objects are nested in it (0: neither).
/// The nesting is not limited here.
pub fn check(text: &str) -> Result<usize, NotJson> {
    // Ignoring a value is a loop in `serde_json`, not a recursion: it checks the grammar at any depth. What it does
    // not look at is whether surrogates come in pairs.
    let _: IgnoredAny = serde_json::from_str(text).map_err(|_| NotJson)?;
    let bytes = text.as_bytes();
    let (mut depth, mut depth_max): (usize, usize) = (0, 0);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at);
                let _: String = serde_json::from_str(&text[at..end]).map_err(|_| NotJson)?;
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        depth_max = depth_max.max(depth);
        at += 1;
    }
    Ok(depth_max)
}

/// The value as text: a whole document of which `check` has said that it is JSON.
pub fn raw(text: &str) -> &RawValue {
    serde_json::from_str(text).expect("the grammar has been checked")
}

/// One level of a value that `check` has seen.
pub fn shape(raw: &RawValue) -> Shape<'_> {
    let text = raw.get();
    match text.as_bytes()[0] {
        b'n' => Shape::Null,
        b't' => Shape::Bool(true),
        b'f' => Shape::Bool(false),
        b'"' => Shape::Text(serde_json::from_str(text).expect("strings have been checked")),
        b'[' => Shape::Array(serde_json::from_str(text).expect("the grammar has been checked")),
        b'{' => {
            let Members(members) = serde_json::from_str(text).expect("the grammar has been checked");
            Shape::Object(members)
        }
        _ => Shape::Number(text),
    }
}

/// Just behind the closing quote of the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry::<String, &'de RawValue>()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_and_depth() {
        for (text, depth) in [
            ("1", 0),
            (" \t\r\n-0.5e+3 ", 0),
            (r#""[[[{""#, 0),
            (r#""\"[\\""#, 0),
            ("[]", 1),
            (r#"{"a":[{"b":1}],"c":{}}"#, 3),
            (r#""\ud83d\ude00""#, 0),
            ("1e999", 0),
            ("123456789012345678901234567890", 0),
        ] {
            assert_eq!(check(text), Ok(depth), "{text}");
        }
    }

    #[test]
    fn what_is_not_json() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "- 1",
            "nul",
            "NaN",
            "'a'",
            r#""\x""#,
            r#""\u12g4""#,
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\u0041""#,
            r#"{"\ud800":1}"#,
            r#"[[["\udfff"]]]"#,
            "\"a\tb\"",
            "\"a\nb\"",
            "\u{feff}{}",
            "{} {}",
            "1 x",
            "// c\n1",
        ] {
            assert_eq!(check(text), Err(NotJson), "{text:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_levels() {
        const LEVELS: usize = 100_000;
        let open = "[".repeat(LEVELS);
        let close = "]".repeat(LEVELS);
        assert_eq!(check(&format!("{open}{close}")), Ok(LEVELS));
        assert_eq!(check(&format!("{open}{close}]")), Err(NotJson));
        assert_eq!(check(&open), Err(NotJson));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(LEVELS), "}".repeat(LEVELS));
        assert_eq!(check(&objects), Ok(LEVELS));
        assert_eq!(check(&format!(r#"{open}"\ud800"{close}"#)), Err(NotJson));
    }

    #[test]
    fn members_keep_order_and_repetition_and_numbers_their_text() {
        let Shape::Object(members) = shape(raw(r#" {"b":1.0,"\u0061":[2 ,"x"],"b":null} "#)) else {
            panic!("an object")
        };
        let texts: Vec<(&str, &str)> = members.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
        assert_eq!(texts, [("b", "1.0"), ("a", r#"[2 ,"x"]"#), ("b", "null")]);
        assert!(matches!(shape(members[0].1), Shape::Number("1.0")));
        let Shape::Array(elements) = shape(members[1].1) else { panic!("an array") };
        assert!(matches!(shape(elements[1]), Shape::Text(text) if text == "x"));
    }

    /// The JSON test suite by Nicolas Seriot: `y_` is JSON, `n_` is not, `i_` is free.
    #[test]
    fn json_test_suite() {
        let archive =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/json_testsuite/JSONTestSuite.tar.zst");
        let Ok(packed) = std::fs::read(archive) else {
            eprintln!("skipped: the JSON test suite is not there");
            return;
        };
        let mut seen = 0;
        for (name, bytes) in untar(&zstd::decode_all(packed.as_slice()).unwrap()) {
            let verdict = std::str::from_utf8(&bytes).is_ok_and(|text| check(text).is_ok());
            match name.rsplit('/').next().unwrap() {
                file if file.starts_with("y_") => assert!(verdict, "{file}"),
                file if file.starts_with("n_") => assert!(!verdict, "{file}"),
                _ => continue,
            }
            seen += 1;
        }
        assert!(seen > 200, "the suite has more than 200 such files, found {seen}");
    }

    /// The plain files of a tar archive: name and content.
    fn untar(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
        let text = |field: &[u8]| {
            let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
            String::from_utf8(field[..end].to_vec()).unwrap()
        };
        let mut files = Vec::new();
        let mut at = 0;
        while at + 512 <= archive.len() && archive[at] != 0 {
            let header = &archive[at..at + 512];
            let size = usize::from_str_radix(text(&header[124..136]).trim(), 8).unwrap();
            if matches!(header[156], b'0' | 0) {
                files.push((text(&header[..100]), archive[at + 512..at + 512 + size].to_vec()));
            }
            at += 512 + size.div_ceil(512) * 512;
        }
        files
    }
}
