//! The server that shows the readings, as a client sees it: over a socket, byte for byte. `checker` reads the metrics
//! back and shares no code with what wrote them.

mod checker;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use checker::Metrics;
use trunkline::observe::http::{Server, Shown};
use trunkline::pipeline::Stage;
use trunkline::rules::compile;
use trunkline::runtime::Gauges;
use trunkline::runtime::gauges::{Count, Level, Names, Phase, Series};
use trunkline::types::{Floor, Millis, RejectReason, Stream, Tally};

const RULES: &str = r#"
version = "http"
[identity.kinds.email]
rank = 1
form = "email"
[channels.chat]
[divisions.care]
[queues.help]
division = "care"
[queues."sales \"new\""]
division = "care"
[[routes]]
queue = "help"
"#;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn server(gauges: &Gauges, now: i64, token: Option<&str>) -> Server {
    let shown =
        Shown { gauges: gauges.clone(), now: Box::new(move || Millis(now)), token: token.map(str::to_owned) };
    Server::start("127.0.0.1:0".parse().unwrap(), shown).unwrap()
}

/// Sends these bytes and reads until the server ends the connection.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

fn request(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let text = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    exchange(address, text.as_bytes())
}

fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, "")
}

/// Readings of a short life.
fn lived() -> Gauges {
    let gauges = Gauges::default();
    let mut recorder = gauges.recorder();
    for n in 1..=100 {
        recorder.task(Stage::Route, n * 1_000_000, 1_000);
    }
    recorder.end_to_end(7_000_000, 900);
    recorder.end_to_end(90_000_000, 100);
    recorder.count(Count::Epochs, 3);
    recorder.count(Count::BytesIn, 4_096);
    recorder.outputs(Stream::Sla, 17);
    recorder.level(Level::EpochsInFlight, 2);
    recorder.record(Series::EpochRecords, 5, 2);
    recorder.record(Series::EpochRecords, 64, 1);
    recorder.publish(|readings| {
        let mut tally = Tally::new(2);
        (tally.events, tally.accepted, tally.duplicates) = (12, 9, 1);
        tally.rejected[RejectReason::BadTime as usize] = 2;
        tally.objectives[1][0].started = 4;
        tally.objectives[1][0].met = 3;
        readings.tally = tally;
        let rules = compile(RULES, "rules.toml").expect("these rules have no fault");
        readings.names = Arc::new(Names::of(&rules));
        readings.floor = Floor { waiting: vec![5, 6], agents: vec![[1, 2, 3, 4]] };
    });
    gauges.set_phase(Phase::Leading);
    gauges
}

#[test]
fn metrics_are_open_metrics_with_the_right_values() {
    let gauges = lived();
    let server = server(&gauges, 0, None);
    let answer = get(server.address(), "/metrics");
    assert_eq!(answer.status, 200);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(kind), "{}", answer.head);
    let metrics = Metrics::read(&answer.body).unwrap();
    for (sample, value) in [
        ("trunkline_events_total{result=accepted}", 9.0),
        ("trunkline_events_total{result=duplicate}", 1.0),
        ("trunkline_events_total{result=rejected}", 2.0),
        ("trunkline_rejected_total{reason=bad_time}", 2.0),
        ("trunkline_queue_waiting{division=care,queue=help}", 5.0),
        ("trunkline_queue_waiting{division=care,queue=sales \"new\"}", 6.0),
        ("trunkline_agents{division=care,state=not_responding}", 4.0),
        ("trunkline_epochs_total{}", 3.0),
        ("trunkline_input_bytes_total{}", 4_096.0),
        ("trunkline_outputs_total{stream=sla}", 17.0),
        ("trunkline_epochs_in_flight{}", 2.0),
        ("trunkline_leading{}", 1.0),
        ("trunkline_epoch_records_bucket{le=4.0}", 0.0),
        ("trunkline_epoch_records_bucket{le=16.0}", 2.0),
        ("trunkline_epoch_records_bucket{le=64.0}", 3.0),
        ("trunkline_stage_task_seconds_count{stage=route}", 100.0),
        ("trunkline_stage_event_seconds_count{stage=route}", 100_000.0),
        ("trunkline_stage_task_seconds_bucket{le=0.05,stage=route}", 50.0),
        ("trunkline_end_to_end_seconds_bucket{le=0.01}", 900.0),
        ("trunkline_end_to_end_seconds_bucket{le=+Inf}", 1_000.0),
    ] {
        assert_eq!(metrics.value(sample), Some(value), "{sample}");
    }
    for (sample, value) in [
        ("trunkline_stage_task_quantile_seconds{quantile=0.5,stage=route}", 0.05),
        ("trunkline_stage_task_quantile_seconds{quantile=0.99,stage=route}", 0.099),
        ("trunkline_stage_task_quantile_seconds{quantile=1,stage=route}", 0.1),
        ("trunkline_stage_event_quantile_seconds{quantile=0.9999,stage=route}", 0.000_1),
        ("trunkline_end_to_end_quantile_seconds{quantile=0.9}", 0.007),
        ("trunkline_end_to_end_quantile_seconds{quantile=0.95}", 0.09),
        ("trunkline_end_to_end_seconds_sum{}", 15.3),
    ] {
        let told = metrics.value(sample).expect(sample);
        assert!((told / value - 1.0).abs() < 0.001, "{sample}: {told} instead of {value}");
    }
    let nothing = Metrics::read(&get(self::server(&Gauges::default(), 0, None).address(), "/metrics").body);
    assert_eq!(nothing.unwrap().value("trunkline_leading{}"), Some(0.0), "nothing read yet is fine as well");
}

#[test]
fn who_accepts_plain_text_only_gets_the_older_form() {
    let server = server(&lived(), 0, None);
    let answer = request(server.address(), "GET", "/metrics", "Accept: text/plain\r\n");
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    assert!(answer.body.contains("# TYPE trunkline_events_total counter\n"));
    assert!(!answer.body.contains("# EOF") && !answer.body.contains("# UNIT"));
}

#[test]
fn a_histogram_can_be_taken_home() {
    let server = server(&lived(), 0, None);
    let answer = get(server.address(), "/histograms/end-to-end.hgrm");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-disposition: attachment; filename=\"end-to-end.hgrm\""));
    let rows: Vec<Vec<f64>> =
        answer.body.lines().filter(|line| !line.starts_with('#')).skip(2).map(numbers).collect();
    assert!(rows.windows(2).all(|pair| pair[0][..3] <= pair[1][..3]), "value, percentile and count ascend");
    let last = rows.last().unwrap();
    assert!((last[0] / 90_000.0 - 1.0).abs() < 0.001 && last[1] == 1.0 && last[2] == 1_000.0, "{last:?}");
    assert!(answer.body.contains("Total count    =         1000]"), "{}", answer.body);
    for name in Series::all().map(Series::name) {
        assert_eq!(get(server.address(), &format!("/histograms/{name}.hgrm")).status, 200, "{name}");
    }
}

fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().map(|word| word.parse().expect(line)).collect()
}

#[test]
fn health_is_the_engines() {
    let gauges = Gauges::default();
    let server = server(&gauges, 100_000, None);
    let states = || ["/healthz", "/readyz"].map(|path| get(server.address(), path).status);
    assert_eq!(states(), [200, 503], "starting");
    gauges.set_phase(Phase::Leading);
    gauges.recorder().beat(Millis(70_000));
    assert_eq!(states(), [200, 200], "leading");
    gauges.recorder().beat(Millis(69_999));
    assert_eq!(states(), [503, 200], "silent for more than 30 s");
    gauges.set_phase(Phase::Ended);
    assert_eq!(states(), [503, 503], "ended");
}

#[test]
fn bad_requests_are_told_as_such() {
    let server = server(&Gauges::default(), 0, None);
    let at = server.address();
    for path in
        ["/nonsense", "/histograms/nonsense.hgrm", "/histograms/route", "/histograms/", "/metrics/x", "//"]
    {
        assert_eq!(get(at, path).status, 404, "{path}");
    }
    let posted = request(at, "POST", "/metrics", "Content-Length: 0\r\n");
    assert_eq!(posted.status, 405);
    assert!(posted.head.contains("allow: get,head"), "{}", posted.head);
    let head = request(at, "HEAD", "/metrics", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for bytes in [&b"nonsense\r\n\r\n"[..], b"GET /metrics\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"]
    {
        assert_eq!(exchange(at, bytes).status, 400, "{}", String::from_utf8_lossy(bytes));
    }
    let long = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may end the connection before all of it is sent.
    let _ = stream.write_all(long.as_bytes());
    let mut start = [0; 12];
    let told = stream.read_exact(&mut start);
    assert!(told.is_err() || start == *b"HTTP/1.1 431", "{}", String::from_utf8_lossy(&start));
    assert_eq!(get(at, "/healthz").status, 200, "others are answered");
}

#[test]
fn a_token_is_asked_for_where_one_is_set() {
    let server = server(&Gauges::default(), 0, Some("secret"));
    let with = |header: &str| request(server.address(), "GET", "/healthz", header);
    let refused = with("");
    assert_eq!(refused.status, 401);
    assert!(refused.head.contains("www-authenticate: bearer"), "{}", refused.head);
    for header in ["Bearer secreT", "Bearer secret1", "Bearer ", "Bearer s", "secret", "Basic secret"] {
        assert_eq!(with(&format!("Authorization: {header}\r\n")).status, 401, "{header}");
    }
    assert_eq!(with("Authorization: Bearer secret\r\n").status, 200);
}

/// Clients that ask and never read, or never finish asking, hold connections and nothing else.
#[test]
fn slow_clients_stop_nobody() {
    let gauges = lived();
    let server = server(&gauges, 0, None);
    let slow: Vec<TcpStream> = (0..40)
        .map(|n| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let half = "GET /metrics HTTP/1.1\r\nHost: x\r\n";
            // Several requests at once, none of whose answers is ever read; or half a request.
            let text = if n % 2 == 0 { format!("{half}\r\n").repeat(200) } else { half.to_owned() };
            stream.set_nonblocking(true).unwrap();
            let _ = stream.write(text.as_bytes());
            stream
        })
        .collect();
    let mut recorder = gauges.recorder();
    for n in 0..1_000 {
        recorder.task(Stage::Emit, n, 1);
        recorder.publish(|readings| readings.tally.events = n);
    }
    for _ in 0..5 {
        let answer = get(server.address(), "/metrics");
        assert_eq!(
            Metrics::read(&answer.body).unwrap().value("trunkline_stage_task_seconds_count{stage=emit}"),
            Some(1_000.0)
        );
    }
    drop(slow);
}

#[test]
fn the_server_ends_cleanly_even_with_clients_there() {
    let server = server(&lived(), 0, None);
    let address = server.address();
    let idle = TcpStream::connect(address).unwrap();
    let mut asking = TcpStream::connect(address).unwrap();
    asking.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    asking.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut first = [0; 15];
    asking.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    drop(server);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    let mut rest = Vec::new();
    asking.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"# EOF\n"), "what was under way came to its end");
    let _ = idle.shutdown(Shutdown::Both);
    // The place is free again.
    let shown = Shown { gauges: Gauges::default(), now: Box::new(|| Millis(0)), token: None };
    let again = Arc::new(Server::start(address, shown).unwrap());
    assert_eq!(again.address(), address);
}
