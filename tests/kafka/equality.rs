//! A generated log through the service: every stream of output equals the model's, byte for byte, and an independent
//! client reads the same.

use crate::broker::{binary, broker};
use crate::tenant::{PARTITIONS, STREAMS, Tenant, expected, key_and_group, time_of};
use std::collections::BTreeMap;
use std::process::Command;

/// A log by `generate`, with the rules that it was made for.
pub fn generate(folder: &std::path::Path, events: u64, seed: u64) -> (Vec<u8>, String) {
    let log = folder.join("log.ndjson");
    let customers = (events / 10).clamp(100, 1_000_000).to_string();
    let agents = (events / 500).clamp(20, 20_000).to_string();
    let made = Command::new(binary())
        .args(["generate", "--profile", "omni", "--events", &events.to_string(), "--seed", &seed.to_string()])
        .args(["--customers", &customers, "--agents", &agents, "--out", log.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (std::fs::read(log).unwrap(), std::fs::read_to_string(folder.join("log.rules.toml")).unwrap())
}

/// Its lines; some of them are not UTF-8, as bad input is.
pub fn lines(log: &[u8]) -> Vec<&[u8]> {
    log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect()
}

/// Each record has the key, timestamp and header that it must have.
fn check_envelope(tenant: &Tenant, stream: usize, partition: i32) -> Vec<String> {
    let read = tenant.read(&format!("out.{}", STREAMS[stream]), partition);
    read.into_iter()
        .map(|record| {
            let line = String::from_utf8(record.value).unwrap();
            assert_eq!(record.key, key_and_group(stream, &line).0.as_bytes(), "{line}");
            assert_eq!(record.timestamp, time_of(&line).map(|time| time.max(1)), "{line}");
            assert_eq!(record.content_type.as_deref(), Some(&b"application/cloudevents+json"[..]));
            line
        })
        .collect()
}

/// Every output topic holds what the reference's files hold, in order, each output once.
pub fn check_equal(tenant: &Tenant, reference: &std::path::Path) -> usize {
    let mut outputs = 0;
    for (stream, name) in STREAMS.iter().enumerate() {
        for partition in 0..PARTITIONS[stream] {
            let mut got = BTreeMap::<String, Vec<String>>::new();
            for line in check_envelope(tenant, stream, partition) {
                got.entry(key_and_group(stream, &line).1).or_default().push(line);
                outputs += 1;
            }
            let expected = expected(reference, stream, partition);
            assert!(got == expected, "{name}[{partition}] differs from {}", reference.display());
        }
    }
    outputs
}

fn events() -> u64 {
    std::env::var("TRUNKLINE_KAFKA_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

#[test]
fn a_generated_log_gives_what_the_reference_gives() {
    let Some(broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), events(), 7);
    let tenant = Tenant::new(&broker, "equal", &rules, "");
    let loaded = tenant.load(lines(&log));
    let result = tenant.run_to_end();
    assert_eq!(result["records"], loaded as u64);
    let reference = tenant.reference("reference");
    let outputs = check_equal(&tenant, &reference);
    assert_eq!(result["sent"], outputs as u64);
    assert!(outputs as u64 > events() / 10, "{outputs} outputs of {loaded} events");
    let replay = tenant.reference("replay");
    for stream in STREAMS {
        let read = |folder: &std::path::Path| std::fs::read(folder.join(format!("{stream}.ndjson"))).unwrap();
        assert!(read(&reference) == read(&replay), "{stream}: the engine's replay differs from the model");
    }
    an_independent_client_reads_the_same(&tenant);
}

/// Kafka's own console consumer, another program in another language.
fn an_independent_client_reads_the_same(tenant: &Tenant) {
    let topic = tenant.topic("out.assignments");
    let mut ours: Vec<String> = Vec::new();
    for partition in 0..PARTITIONS[0] {
        let read = tenant.read("out.assignments", partition);
        ours.extend(read.into_iter().map(|record| String::from_utf8(record.value).unwrap()));
    }
    let count = ours.len().to_string();
    let consumed =
        tenant.broker.script(&["consume", &topic, "--max-messages", &count, "--timeout-ms", "60000"]);
    let text = String::from_utf8(consumed.stdout).unwrap();
    let mut theirs: Vec<String> = text.lines().map(String::from).collect();
    ours.sort();
    theirs.sort();
    assert!(
        !ours.is_empty() && ours == theirs,
        "{} records, the console consumer has {}",
        ours.len(),
        theirs.len()
    );
}
