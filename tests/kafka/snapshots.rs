//! Starts that go on from a snapshot, on a real broker: nothing is replayed that is in it, nothing lost or repeated, and a
//! spoiled one is told and passed over.

use crate::broker::broker;
use crate::crashes::{check_nothing_lost, outputs};
use crate::equality::{generate, lines};
use crate::tenant::{Tenant, until};
use std::path::{Path, PathBuf};

const EVENTS: u64 = 8_000;

/// A tenant's snapshots, the oldest first.
fn snapshots(tenant: &Tenant) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(tenant.path("snapshots")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "snapshot"));
    files.sort();
    files
}

/// The epoch of a snapshot, by its name.
fn epoch(file: &Path) -> u64 {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap();
    name.rsplit('.').next().unwrap().parse().unwrap()
}

#[test]
fn a_start_goes_on_from_the_newest_snapshot_that_is_whole() {
    let Some(broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), EVENTS, 21);
    let tenant = Tenant::new(&broker, "restored", &rules, "epoch_max_events = 100");
    let lines = lines(&log);
    let parts: Vec<&[&[u8]]> = lines.chunks(lines.len().div_ceil(4)).collect();
    tenant.load(parts[0].iter().copied());
    let first = tenant.run_to_end();
    assert_eq!(first["snapshot"], serde_json::Value::Null);

    tenant.load(parts[1].iter().copied());
    let second = tenant.run_to_end();
    assert_eq!(second["snapshot"].as_u64(), Some(first["epochs"].as_u64().unwrap() - 1), "{second}");
    assert_eq!(second["epochs_replayed"], 0, "{second}");

    // The newest is spoiled: the one before it is taken, and what came later is replayed.
    let kept = snapshots(&tenant);
    let [.., older, newest] = &kept[..] else { panic!("both clean stops left one: {kept:?}") };
    let mut bytes = std::fs::read(newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(newest, bytes).unwrap();
    let (code, _, err) = tenant.tool(&["snapshot", "inspect", newest.to_str().unwrap()]);
    assert!(code == 1 && err.contains("checksum of block"), "{err}");
    tenant.load(parts[2].iter().copied());
    let (code, out, err) = tenant.run(&["run", "--stop-at-end", "--json"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("snapshot passed over") && err.contains("checksum of block"), "{err}");
    let third: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(third["snapshot"].as_u64(), Some(epoch(older)), "{third}");
    assert!(third["epochs_replayed"].as_u64().unwrap() > 0, "{third}");

    // None is there: the whole log is replayed, with the same result.
    for file in snapshots(&tenant) {
        std::fs::remove_file(file).unwrap();
    }
    tenant.load(parts[3].iter().copied());
    let fourth = tenant.run_to_end();
    assert_eq!(fourth["snapshot"], serde_json::Value::Null);
    assert!(fourth["epochs_replayed"].as_u64() > third["epochs_replayed"].as_u64(), "{fourth}");
    assert_eq!(check_nothing_lost(&tenant), 0);
}

#[test]
fn snapshots_are_taken_while_the_service_works_and_a_kill_goes_on_from_one() {
    let Some(broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), EVENTS, 22);
    let tenant = Tenant::new(&broker, "working", &rules, "epoch_max_events = 20");
    let lines = lines(&log);
    for part in lines.chunks(lines.len().div_ceil(4)) {
        let before = outputs(&tenant);
        let kept = if tenant.path("snapshots").exists() { snapshots(&tenant).pop() } else { None };
        let service = tenant.spawn();
        tenant.load(part.iter().copied());
        until("some output", || outputs(&tenant) > before + 100);
        until("a snapshot", || tenant.path("snapshots").exists() && snapshots(&tenant).pop() > kept);
        service.kill();
    }
    let last = tenant.run_to_end();
    assert!(last["snapshot"].as_u64().is_some(), "{last}");
    assert_eq!(check_nothing_lost(&tenant), 0);
    // What was taken beside the live engine is what an engine that stands still would have written.
    let newest = snapshots(&tenant).pop().unwrap();
    let (code, out, err) = tenant.tool(&["--json", "snapshot", "inspect", newest.to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["tenant"], "working");
    assert_eq!(told["events"].as_u64(), Some(lines.len() as u64), "{told}");
    assert!(told["customers"].as_u64() > Some(0) && told["memory_bytes"]["customers"].as_u64() > Some(0));
}
