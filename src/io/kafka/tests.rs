//! The doors on librdkafka's own mock cluster, in this process and without Java: batch consumption, the epoch topic
//! with its fence, and delivery reports by epoch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::settings::CLOCK_OFF_MAX;
use super::{
    EpochLogReader, EpochTopic, Hold, InputTopic, KafkaLease, KafkaSettings, KafkaSink, KafkaSource, Waker,
};
use crate::runtime::inbox::{Inbox, Limits, Selection};
use crate::runtime::outgoing::{Outgoing, Outlets, OutputRecord};
use crate::runtime::{Commit, Error, Lease, Sink, Source, Store};
use crate::types::lines::Output;
use crate::types::{DurationMs, Millis, Stream};

const PATIENCE: Duration = Duration::from_secs(60);

fn cluster() -> (MockCluster<'static, DefaultProducerContext>, KafkaSettings) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("in", 2, 1).unwrap();
    cluster.create_topic("epochs", 1, 1).unwrap();
    for stream in Stream::ALL {
        cluster.create_topic(&format!("out.{}", stream.word()), 3, 1).unwrap();
    }
    let settings = KafkaSettings {
        tenant: "t".into(),
        brokers: cluster.bootstrap_servers(),
        inputs: vec![InputTopic { topic: "in".into(), types: None }],
        output_prefix: "out".into(),
        epoch_topic: "epochs".into(),
        properties: BTreeMap::new(),
        // The mock broker appends at the same instant of 1970 for ever.
        clock_off_max: DurationMs(i64::MAX),
    };
    (cluster, settings)
}

fn produce(settings: &KafkaSettings, partition: i32, from: usize, count: usize) {
    let mut config = ClientConfig::new();
    let producer: BaseProducer = config.set("bootstrap.servers", &settings.brokers).create().unwrap();
    for at in from..from + count {
        let text = format!("value {at}");
        let header = |key, value| Header { key, value: Some(value) };
        let mut record = BaseRecord::<(), str>::to("in").partition(partition).timestamp(1_000 + at as i64);
        record = if at % 10 == 3 { record } else { record.payload(&text) };
        if at % 10 == 7 {
            let headers = OwnedHeaders::new().insert(header("other", "x")).insert(header("ce_id", "i"));
            record = record.headers(headers.insert(header("ce_specversion", "1.0")));
        }
        producer.send(record).map_err(|(e, _)| e).unwrap();
        producer.poll(Duration::ZERO);
    }
    producer.flush(PATIENCE).unwrap();
}

fn produce_to(settings: &KafkaSettings, topic: &str, text: &str) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().unwrap();
    producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload(text)).map_err(|(e, _)| e).unwrap();
    producer.flush(PATIENCE).unwrap();
}

fn source(settings: &KafkaSettings) -> KafkaSource {
    let (waker, woken) = Waker::pair().unwrap();
    KafkaSource::new(settings, waker, woken).unwrap()
}

/// Reads until both slots are at their end and hold so many records in all.
fn fill(source: &mut KafkaSource, inbox: &mut Inbox, ends: [u64; 2]) {
    let deadline = Instant::now() + PATIENCE;
    while (0..2).any(|slot| inbox.next(slot) < ends[slot]) {
        assert!(Instant::now() < deadline, "the records did not come");
        source.poll(Duration::from_millis(100), inbox).unwrap();
    }
}

#[test]
fn batches_hold_every_record_once_with_timestamp_and_headers() {
    let (_cluster, settings) = cluster();
    produce(&settings, 0, 0, 10_000);
    produce(&settings, 1, 0, 30);
    let mut source = source(&settings);
    let inputs = source.discover(&[]).unwrap();
    assert_eq!(inputs.len(), 2);
    let mut inbox = Inbox::new(1 << 20);
    inputs.iter().for_each(|input| inbox.add_slot(input.first));
    // From the middle of slot 0 on.
    source.open(&[(inputs[0].clone(), 4_000), (inputs[1].clone(), 0)]).unwrap();
    assert_eq!(source.ends().unwrap(), [10_000, 30]);
    fill(&mut source, &mut inbox, [10_000, 30]);
    let mut selection = Selection::default();
    let mut seen = [4_000, 0];
    while !inbox.is_empty() {
        inbox.select_recorded(&[(0, 10_000), (1, 30)], &mut selection).unwrap();
        inbox.records(&selection, |records| {
            for record in records {
                let at = record.offset as usize;
                assert_eq!(at, seen[record.partition as usize], "in order, without a gap");
                seen[record.partition as usize] += 1;
                assert_eq!(record.timestamp, Some(Millis(1_000 + at as i64)));
                let text = if at % 10 == 3 { String::new() } else { format!("value {at}") };
                assert_eq!(record.value, text.as_bytes());
                assert_eq!(record.binary.is_some(), at % 10 == 7);
                if let Some(binary) = record.binary {
                    assert_eq!(
                        (binary.specversion, binary.id, binary.source),
                        (&b"1.0"[..], Some(&b"i"[..]), None)
                    );
                }
            }
        });
        inbox.take(&selection);
    }
    assert_eq!(seen, [10_000, 30]);
}

/// A queue that is taken before the assignment stays taken: nothing goes through the consumer.
#[test]
fn no_start_misses_what_was_there_before() {
    let (_cluster, settings) = cluster();
    produce(&settings, 0, 0, 30);
    produce(&settings, 1, 0, 1);
    for start in 0..3 {
        let mut source = source(&settings);
        let inputs = source.discover(&[]).unwrap();
        let mut inbox = Inbox::new(1 << 20);
        inputs.iter().for_each(|input| inbox.add_slot(input.first));
        let slots: Vec<_> = inputs.into_iter().map(|input| (input, 0)).collect();
        source.open(&slots).unwrap();
        fill(&mut source, &mut inbox, [30, 1]);
        let mut selection = Selection::default();
        inbox.select(Limits { records: 100, bytes: 1 << 20 }, &mut selection);
        assert_eq!(selection.len(), 31, "start {start}");
    }
}

#[test]
fn a_full_slot_is_left_with_the_broker_and_new_records_end_the_wait() {
    let (_cluster, settings) = cluster();
    produce(&settings, 0, 0, 60_000);
    let mut source = source(&settings);
    let inputs = source.discover(&[]).unwrap();
    let mut inbox = Inbox::new(100_000);
    inputs.iter().for_each(|input| inbox.add_slot(input.first));
    let slots: Vec<_> = inputs.into_iter().map(|input| (input, 0)).collect();
    source.open(&slots).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut selection = Selection::default();
    let mut taken = 0;
    while taken < 60_000 {
        assert!(Instant::now() < deadline, "{taken} taken");
        source.poll(Duration::from_millis(100), &mut inbox).unwrap();
        assert!(inbox.next(0) - taken < 10_000, "the inbox is bounded");
        inbox.reached_end(1);
        inbox.select(Limits { records: 500, bytes: 1 << 20 }, &mut selection);
        inbox.take(&selection);
        taken = inbox.taken(0);
    }
    let settings = settings.clone();
    let later = std::thread::spawn(move || produce(&settings, 1, 0, 1));
    let started = Instant::now();
    while inbox.next(1) == 0 {
        source.poll(PATIENCE, &mut inbox).unwrap();
    }
    assert!(started.elapsed() < PATIENCE / 2, "the wait was cut short");
    later.join().unwrap();
}

fn append(topic: &mut EpochTopic, epoch: u64) -> Result<(), Error> {
    topic.append(Commit { epoch, record: format!("epoch {epoch}").into_bytes(), output: None })?;
    let deadline = Instant::now() + PATIENCE;
    while topic.recorded(Duration::from_millis(50))? < Some(epoch) {
        assert!(Instant::now() < deadline, "epoch {epoch} was not recorded");
    }
    Ok(())
}

/// What an epoch of these tests puts out.
fn output(epoch: u64) -> Arc<Outgoing> {
    let mut out = Output::new(1);
    for at in 0..50 {
        let text = format!(
            r#"{{"id":"t-d-{epoch}-{at}","subject":"c","time":"2026-11-21T09:00:00.000Z","data":{{}}}}"#
        );
        out.divisions[0].bytes.extend_from_slice(text.as_bytes());
        out.divisions[0].end(Stream::ALL[at % 5]);
    }
    Arc::new(Outlets::new([3; 6], vec!["d".into()]).route(&[out]).0)
}

fn commit(epoch: u64) -> Commit {
    Commit { epoch, record: format!("epoch {epoch}").into_bytes(), output: Some(output(epoch)) }
}

/// Hands in three epochs at once and waits until they are recorded.
fn commit_three(topic: &mut EpochTopic) -> Result<(), Error> {
    (0..3).try_for_each(|epoch| topic.append(commit(epoch)))?;
    let deadline = Instant::now() + PATIENCE;
    while topic.recorded(Duration::from_millis(50))? < Some(2) {
        assert!(Instant::now() < deadline, "epoch 2 was not recorded");
    }
    Ok(())
}

/// Each class of what a broker may answer in the course of a transaction, and what comes of it: it is tried again by
/// librdkafka, the producers are made anew and the epochs looked up or sent again, or this instance stops because another
/// one leads.
#[test]
fn whatever_the_broker_answers_epochs_are_recorded_or_the_instance_stops() {
    use RDKafkaApiKey as Api;
    use RDKafkaRespErr as Answer;
    let goes_on = [
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR__TRANSPORT),
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE),
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR_UNKNOWN),
        (Api::AddPartitionsToTxn, Answer::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS),
        (Api::AddPartitionsToTxn, Answer::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE),
        (Api::AddPartitionsToTxn, Answer::RD_KAFKA_RESP_ERR__TRANSPORT),
        (Api::Produce, Answer::RD_KAFKA_RESP_ERR__TRANSPORT),
        (Api::Produce, Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION),
        (Api::Produce, Answer::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
        (Api::Produce, Answer::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE),
        (Api::Produce, Answer::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID),
        // Fenced, but this instance holds the lease: the broker ended the transaction for its age.
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
        (Api::EndTxn, Answer::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Api::AddPartitionsToTxn, Answer::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Api::Produce, Answer::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
    ];
    for (api, answer) in goes_on {
        let (cluster, settings) = cluster();
        let mut topic = open(&settings);
        cluster.request_errors(api, &[answer]);
        let done = commit_three(&mut topic);
        assert!(done.is_ok(), "{api:?}, {answer:?}: {done:?}");
        let mut recorded = read_all(&mut EpochLogReader::open(&settings).unwrap());
        // The mock broker shows what was aborted, too.
        recorded.dedup();
        assert_eq!(recorded, ["epoch 0", "epoch 1", "epoch 2"], "{api:?}, {answer:?}");
    }
}

/// A record of somebody else in this instance's place: the other leads.
#[test]
fn a_foreign_record_at_the_tail_supersedes_this_instance() {
    let (cluster, settings) = cluster();
    let mut topic = open(&settings);
    append(&mut topic, 0).unwrap();
    produce_to(&settings, "epochs", "foreign");
    cluster.request_errors(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    let error = append(&mut topic, 1).expect_err("another instance leads");
    assert!(matches!(error, Error::Superseded(_)), "{error:?}");
    assert!(error.to_string().contains("another instance of tenant t"), "{error}");
}

/// Two instances ask for the lease of a real group, on the mock cluster's coordinator: one holds it until it gives it back,
/// and only the holder's topic lets itself be led.
#[test]
fn one_of_two_instances_holds_the_lease_until_it_gives_it_back() {
    let (_cluster, settings) = cluster();
    let mut leases = [KafkaLease::new(&settings).unwrap(), KafkaLease::new(&settings).unwrap()];
    assert!(!leases[0].holds(Duration::ZERO).unwrap(), "it was not asked for");
    leases[0].ask().unwrap();
    assert!(leases[0].holds(PATIENCE).unwrap());
    leases[1].ask().unwrap();
    let hold = leases[0].hold();
    let mut topic = EpochTopic::open(&settings, Waker::pair().unwrap().0, hold).unwrap();
    topic.lead().unwrap();
    append(&mut topic, 0).unwrap();
    let mut other = EpochTopic::open(&settings, Waker::pair().unwrap().0, leases[1].hold()).unwrap();
    assert!(!leases[1].holds(Duration::from_millis(1)).unwrap());
    assert!(matches!(other.lead(), Err(Error::Superseded(_))));
    drop(topic);
    leases[0].give_back();
    assert!(!leases[0].holds(Duration::ZERO).unwrap());
    assert!(leases[1].holds(PATIENCE).unwrap());
    other.lead().unwrap();
    assert_eq!(read_all(&mut other), ["epoch 0"]);
    append(&mut other, 1).unwrap();
}

/// Whose clock is not the broker's does not lead.
#[test]
fn a_clock_that_is_not_the_brokers_does_not_lead() {
    let (_cluster, settings) = cluster();
    let settings = KafkaSettings { clock_off_max: CLOCK_OFF_MAX, ..settings };
    let error = append(&mut open(&settings), 0).expect_err("the mock broker's clock stands still");
    assert!(matches!(error, Error::Door(_)) && error.to_string().contains("clock"), "{error}");
}

/// A reader that follows gives what is written later, too.
#[test]
fn the_epoch_topic_is_followed() {
    let (_cluster, settings) = cluster();
    let mut leader = open(&settings);
    append(&mut leader, 0).unwrap();
    let mut follower = EpochTopic::open(&settings, Waker::pair().unwrap().0, Hold::always()).unwrap();
    assert_eq!(read_all(&mut follower), ["epoch 0"]);
    for epoch in 1..4 {
        append(&mut leader, epoch).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut found = Vec::new();
        while found.is_empty() {
            assert!(Instant::now() < deadline, "epoch {epoch} was not seen");
            found = read_all(&mut follower);
        }
        assert_eq!(found, [format!("epoch {epoch}")]);
    }
}

/// A broker that answers nothing right for ever is given up on.
#[test]
fn a_transaction_that_never_ends_well_is_given_up() {
    let (cluster, settings) = cluster();
    let mut topic = open(&settings);
    let never = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE; 100];
    cluster.request_errors(RDKafkaApiKey::AddPartitionsToTxn, &never);
    let error = commit_three(&mut topic).expect_err("it never ends well").to_string();
    assert!(error.contains("epoch 0 could not be recorded in 5 tries"), "{error}");
}

fn open(settings: &KafkaSettings) -> EpochTopic {
    let mut topic = EpochTopic::open(settings, Waker::pair().unwrap().0, Hold::always()).unwrap();
    topic.lead().unwrap();
    topic
}

fn read_all(store: &mut impl Store) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(record) = store.read().unwrap() {
        all.push(String::from_utf8(record).unwrap());
    }
    all
}

#[test]
fn epochs_are_recorded_in_order_and_read_again() {
    let (_cluster, settings) = cluster();
    let mut topic = open(&settings);
    assert!(read_all(&mut topic).is_empty());
    for epoch in 0..20 {
        append(&mut topic, epoch).unwrap();
    }
    let expected: Vec<String> = (0..20).map(|epoch| format!("epoch {epoch}")).collect();
    assert_eq!(read_all(&mut EpochLogReader::open(&settings).unwrap()), expected);
    let mut again = open(&settings);
    assert_eq!(read_all(&mut again), expected);
    append(&mut again, 20).unwrap();
}

#[test]
fn outputs_are_told_apart_by_epoch() {
    let (_cluster, settings) = cluster();
    let mut sink = KafkaSink::new(&settings).unwrap();
    assert_eq!(sink.partitions().unwrap(), [3; 6]);
    assert_eq!(sink.unacknowledged(Duration::ZERO).unwrap(), None);
    for epoch in 5..8 {
        for at in 0..100_u32 {
            let value = format!("{epoch} {at}");
            let record = OutputRecord {
                stream: Stream::Sla,
                partition: at % 3,
                key: b"key",
                timestamp: Millis(i64::from(at)),
                value: value.as_bytes(),
            };
            sink.send(epoch, &record).unwrap();
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let mut last = 5;
    while let Some(epoch) = sink.unacknowledged(Duration::from_millis(5)).unwrap() {
        assert!((last..8).contains(&epoch) && Instant::now() < deadline);
        last = epoch;
    }
}
