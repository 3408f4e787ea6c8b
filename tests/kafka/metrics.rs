//! What the running service tells of itself over HTTP.

use crate::broker::broker;
use crate::checker::Metrics;
use crate::faults::{RULES, contact};
use crate::tenant::{PARTITIONS, STREAMS, Tenant, until};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Status and body.
pub fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].to_owned(), body.to_owned())
}

/// Where a running service listens.
pub fn address(tenant: &Tenant) -> String {
    let mut address = String::new();
    until("the address", || {
        let log = tenant.log();
        let told = log.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        address = told.unwrap_or_default().to_owned();
        !address.is_empty()
    });
    address
}

#[test]
fn nothing_plain_is_shown_logged_saved_or_put_out() {
    const NEEDLES: [&str; 3] = ["needle.mail", "needle of a text", "needle-source"];
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "needles", RULES, "");
    let line = |id: usize, email: &str| {
        contact(id)
            .replace(&format!("c{id}@x.org"), email)
            .replace("/t", "needle-source")
            .replace("\"channel\":\"chat\"", "\"channel\":\"chat\",\"text\":\"needle of a text\"")
    };
    // The second is refused: it is no address.
    let lines = [line(1, "Needle.Mail@x.org"), line(2, "needle.mail"), line(3, "Needle.Mail@x.org")];
    assert!(lines.iter().all(|line| line.contains("needle-source") && line.contains("needle of a text")));
    tenant.load(lines.iter().map(|line| line.as_bytes()));
    let running = tenant.spawn();
    let address = address(&tenant);
    let mut shown = String::new();
    until("the metrics of all records", || {
        shown = get(&address, "/metrics").1;
        let read = Metrics::read(&shown).unwrap();
        read.value("trunkline_end_to_end_seconds_count{}") == Some(3.0)
    });
    shown += &get(&address, "/histograms/end-to-end.hgrm").1;
    assert_eq!(running.terminate(), 0);
    let mut places = vec![("metrics".to_owned(), shown.into_bytes())];
    places.push(("log".to_owned(), tenant.log().into_bytes()));
    for file in std::fs::read_dir(tenant.path("snapshots")).unwrap() {
        let path = file.unwrap().path();
        places.push((path.display().to_string(), std::fs::read(path).unwrap()));
    }
    assert!(places.len() > 2, "there is a snapshot");
    let mut outputs = 0;
    for (stream, partitions) in STREAMS.iter().zip(PARTITIONS) {
        for partition in 0..partitions {
            let records = tenant.read(&format!("out.{stream}"), partition);
            outputs += records.len();
            places.extend(records.into_iter().map(|record| ((*stream).to_owned(), record.value)));
        }
    }
    places.extend(tenant.read("epochs", 0).into_iter().map(|record| ("epochs".to_owned(), record.value)));
    assert!(outputs >= 2, "a conversation, and a reject");
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let found = NEEDLES.iter().find(|needle| text.contains(*needle));
        assert_eq!(found, None, "in {place}");
    }
}

#[test]
fn a_running_service_tells_of_itself() {
    let Some(broker) = broker() else { return };
    let tenant = Tenant::new(&broker, "metrics", RULES, "");
    let lines: Vec<_> = (0..50).map(contact).collect();
    tenant.load(lines.iter().map(|line| line.as_bytes()));
    let running = tenant.spawn();
    let address = address(&tenant);
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
