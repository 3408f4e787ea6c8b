//! What the running service tells of itself over HTTP.

use crate::broker::broker;
use crate::checker::Metrics;
use crate::faults::{RULES, contact};
use crate::tenant::{Tenant, until};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Status and body.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].to_owned(), body.to_owned())
}

#[test]
fn a_running_service_tells_of_itself() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "metrics", RULES, "");
    let lines: Vec<_> = (0..50).map(contact).collect();
    tenant.load(lines.iter().map(|line| line.as_bytes()));
    let running = tenant.spawn();
    let mut address = String::new();
    until("the address", || {
        let log = tenant.log();
        let told = log.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        address = told.unwrap_or_default().to_owned();
        !address.is_empty()
    });
    let mut metrics = None;
    until("the metrics of all records", || {
        let (status, body) = get(&address, "/metrics");
        assert_eq!(status, "200");
        let read = Metrics::read(&body).unwrap();
        let all = ["trunkline_end_to_end_seconds_count{}", "trunkline_events_total{result=accepted}"]
            .iter()
            .all(|sample| read.value(sample) == Some(50.0));
        metrics = Some(read);
        all
    });
    let value = |sample: &str| metrics.as_ref().unwrap().value(sample).expect(sample);
    assert_eq!(value("trunkline_records_total{}"), 50.0);
    assert_eq!(value("trunkline_leading{}"), 1.0);
    assert!(metrics.as_ref().unwrap().value("trunkline_queue_waiting{division=sales,queue=sales}").is_some());
    assert_eq!(value("trunkline_stage_event_seconds_count{stage=decode}"), 50.0);
    assert!(value("trunkline_stage_event_seconds_count{stage=emit}") >= 50.0, "of emit: outputs");
    assert!(value("trunkline_outputs_total{stream=conversations}") >= 50.0);
    assert!(value("trunkline_commit_seconds_count{}") >= 2.0, "a claim and an epoch");
    assert!(value("trunkline_input_bytes_total{}") > 50.0 * 100.0);
    assert_eq!(get(&address, "/healthz").0, "200");
    assert_eq!(get(&address, "/readyz").0, "200");
    assert_eq!(running.terminate(), 0);
    assert!(TcpStream::connect(&address).is_err(), "the server ended with the service");
}
