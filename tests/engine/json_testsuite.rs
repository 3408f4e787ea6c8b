//! JSONTestSuite (Nicolas Seriot, MIT), each file as a record between two good ones: what is not JSON is one reject,
//! what is JSON but no event of ours is one reject an element, and the neighbours are untouched. Skipped with a
//! message where the suite is absent.

use std::path::Path;

use trunkline::types::event::{Entry, Events};
use trunkline::types::record::Record;
use trunkline::types::{Millis, RejectReason};

use crate::decode::{GOOD, decoder};

#[test]
fn every_file_is_judged_and_harms_nobody() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = ["../shared/data", "../../shared/data"];
    let found = candidates.iter().map(|at| root.join(at).join("json_testsuite/JSONTestSuite.tar.zst"));
    let Some(path) = found.into_iter().find(|path| path.exists()) else {
        return println!("skipped: no ../shared/data/json_testsuite beside this folder");
    };
    let archive = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let files = files(&archive);
    let mut counts = [0; 3];
    for (path, value) in &files {
        let name = path.rsplit('/').next().unwrap();
        let kind = match name.split('_').next() {
            Some("y") => 0,
            Some("n") => 1,
            Some("i") => 2,
            _ => continue,
        };
        counts[kind] += 1;
        judge(name, value);
    }
    assert!(counts[0] >= 90 && counts[1] >= 180 && counts[2] >= 30, "files y, n, i: {counts:?}");
}

fn judge(name: &str, value: &[u8]) {
    let record = |offset, value| Record::kafka(0, offset, Millis(0), value);
    let mut events = Events::default();
    decoder().decode(&[record(0, GOOD), record(1, value), record(2, GOOD)], &mut events);
    assert_eq!(events.entries.first(), Some(&Entry::Event(0)), "{name}: the record before");
    assert_eq!(events.entries.last(), Some(&Entry::Event(1)), "{name}: the record behind");
    assert_eq!(events.rows.len(), 2, "{name}");
    let reasons: Vec<RejectReason> = events.rejected.iter().map(|r| r.reason).collect();
    if name.starts_with('n') {
        assert_eq!(reasons.len(), 1, "{name}: {reasons:?}");
        let structural = [RejectReason::InvalidJson, RejectReason::InvalidUtf8, RejectReason::TooLarge];
        assert!(structural.contains(&reasons[0]), "{name}: {reasons:?}");
    }
    if name.starts_with('y') {
        let parsed: serde_json::Value = serde_json::from_slice(value).unwrap();
        let expected = parsed.as_array().map_or(1, Vec::len);
        assert_eq!(reasons.len(), expected, "{name}: {reasons:?}");
        assert!(reasons.iter().all(|r| *r >= RejectReason::TooDeep), "{name}: {reasons:?}");
    }
}

/// The regular files of a tar archive (POSIX ustar): 512-byte headers with the name at 0, the size in octal at 124
/// and the kind at 156.
fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes.split(|b| *b == 0).next().unwrap()).trim().to_owned();
    let mut files = Vec::new();
    let mut at = 0;
    while at + 512 <= archive.len() && archive[at] != 0 {
        let header = &archive[at..at + 512];
        let size = usize::from_str_radix(&text(&header[124..136]), 8).unwrap();
        at += 512;
        if matches!(header[156], b'0' | 0) {
            files.push((text(&header[..100]), archive[at..at + size].to_vec()));
        }
        at += size.div_ceil(512) * 512;
    }
    files
}
