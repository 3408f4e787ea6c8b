//! One epoch's output on its way out: which partition, which key, in which order, with which running hash. Within an
//! epoch one partition holds rejects, then identity outputs in entry order, then divisions by
//! name, those that a change of rules added behind them; partition =
//! xxh3-64 of the key modulo the pinned number of partitions. The key is the division, the customer or the position.
//!
//! It is kept until its epoch is recorded and sent, so that the same bytes can be sent again.

use borsh::{BorshDeserialize, BorshSerialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::runtime::digest::{Digest, Running};
use crate::types::lines::{Lines, Output};
use crate::types::{Millis, Stream};

/// An output as a sink sends it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct OutputRecord<'a> {
    /// Names the topic.
    pub stream: Stream,
    /// Of that topic.
    pub partition: u32,
    /// Division, customer or position.
    pub key: &'a [u8],
    /// Logical time of the decision.
    pub timestamp: Millis,
    /// The CloudEvent.
    pub value: &'a [u8],
}

/// Count and running hash of one output partition after an epoch.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct PartitionTotal {
    /// Names the topic.
    pub stream: Stream,
    /// Of that topic.
    pub partition: u32,
    /// Records of this epoch.
    pub count: u64,
    /// Running hash of all records so far.
    pub hash: u128,
}

#[derive(Debug)]
struct Row {
    stream: Stream,
    partition: u32,
    timestamp: Millis,
    key_end: usize,
    value_end: usize,
}

/// One epoch's output; key and value of each record stand one after the other in `bytes`.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

/// Running hashes of all output partitions.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Outlets {
    /// By `Stream as usize`.
    partitions: [u32; 6],
    digests: Vec<Vec<Digest>>,
    divisions: Vec<String>,
}

impl Outgoing {
    /// The records, in the order in which they are sent.
    pub fn records(&self) -> impl Iterator<Item = OutputRecord<'_>> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let key = &self.bytes[start..row.key_end];
            let value = &self.bytes[row.key_end..row.value_end];
            start = row.value_end;
            OutputRecord {
                stream: row.stream,
                partition: row.partition,
                key,
                timestamp: row.timestamp,
                value,
            }
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Outlets {
    /// For topics with so many partitions (by `Stream as usize`, none 0) and divisions of these names, in order.
    pub fn new(partitions: [u32; 6], divisions: Vec<String>) -> Outlets {
        assert!(partitions.iter().all(|n| *n > 0), "a topic has at least one partition");
        let digests = partitions.iter().map(|n| vec![Digest::default(); *n as usize]).collect();
        Outlets { partitions, digests, divisions }
    }

    /// Numbers of partitions, by `Stream as usize`.
    pub fn partitions(&self) -> [u32; 6] {
        self.partitions
    }

    /// Names of the divisions, in order.
    pub fn divisions(&self) -> &[String] {
        &self.divisions
    }

    /// Divisions may have been added at the end.
    pub fn widen(&mut self, divisions: Vec<String>) {
        assert!(divisions.starts_with(&self.divisions), "outputs of a division are numbered for ever");
        self.divisions = divisions;
    }

    /// Gives an epoch's output its partitions and keys, and moves the running hashes on. The totals are those of the
    /// partitions that got something, by (stream, partition).
    pub fn route(&mut self, epoch: &[Output]) -> (Outgoing, Vec<PartitionTotal>) {
        let mut outgoing = Outgoing::default();
        for (_, line) in epoch.iter().flat_map(|output| output.rejected.iter()) {
            outgoing.add(&self.partitions, Stream::Rejected, position_of(line), line);
        }
        for (stream, line) in epoch.iter().flat_map(|output| output.identity.iter()) {
            outgoing.add(&self.partitions, stream, customer_of(line), line);
        }
        // Those that a change of rules added have the last numbers and any name.
        let mut by_name: Vec<(usize, &String)> = self.divisions.iter().enumerate().collect();
        by_name.sort_unstable_by_key(|(_, name)| *name);
        for (at, name) in by_name {
            for lines in epoch.iter().filter_map(|output| output.divisions.get(at)) {
                outgoing.add_division(&self.partitions, name.as_bytes(), lines);
            }
        }
        let totals = self.count(&outgoing);
        (outgoing, totals)
    }

    fn count(&mut self, outgoing: &Outgoing) -> Vec<PartitionTotal> {
        let mut running: Vec<Vec<Option<(u64, Running)>>> =
            self.digests.iter().map(|digests| digests.iter().map(|_| None).collect()).collect();
        for record in outgoing.records() {
            let (stream, partition) = (record.stream as usize, record.partition as usize);
            let (count, digest) = running[stream][partition]
                .get_or_insert_with(|| (0, self.digests[stream][partition].begin()));
            *count += 1;
            digest.bytes(record.key);
            digest.number(record.timestamp.0 as u64);
            digest.bytes(record.value);
        }
        let mut totals = Vec::new();
        for (stream, partitions) in Stream::ALL.iter().zip(running) {
            for (partition, running) in partitions.into_iter().enumerate() {
                if let Some((count, running)) = running {
                    let digest = running.end();
                    self.digests[*stream as usize][partition] = digest;
                    let partition = partition as u32;
                    totals.push(PartitionTotal { stream: *stream, partition, count, hash: digest.value() });
                }
            }
        }
        totals
    }
}

impl Outgoing {
    fn add(&mut self, partitions: &[u32; 6], stream: Stream, key: &[u8], line: &[u8]) {
        let partition = partition_of(key, partitions[stream as usize]);
        self.push(stream, partition, key, line);
    }

    fn add_division(&mut self, partitions: &[u32; 6], name: &[u8], lines: &Lines) {
        let of_stream = partitions.map(|n| partition_of(name, n));
        for (stream, line) in lines.iter() {
            self.push(stream, of_stream[stream as usize], name, line);
        }
    }

    fn push(&mut self, stream: Stream, partition: u32, key: &[u8], line: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(line);
        let value_end = self.bytes.len();
        self.rows.push(Row { stream, partition, timestamp: time_of(line), key_end, value_end });
    }
}

/// The output partition of a key.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (xxh3_64(key) % u64::from(partitions)) as u32
}

/// The customer of an identity output: its `subject`. What names none (an erasure that means several) goes by the position
/// of its event.
pub fn customer_of(line: &[u8]) -> &[u8] {
    let subject = b"\"subject\":\"";
    if memchr::memmem::find(line, subject).is_some() {
        member(line, subject)
    } else {
        member(line, b"\"cause\":\"")
    }
}

/// The position of a reject: its `id`.
pub fn position_of(line: &[u8]) -> &[u8] {
    member(line, b"\"id\":\"")
}

/// Text of the first member of this name. The engine's own lines carry the envelope first, in a fixed order, and a
/// quote within a text is escaped, so the first place found is the member; ids, customers and times need no escapes.
fn member<'a>(line: &'a [u8], name: &[u8]) -> &'a [u8] {
    let start = memchr::memmem::find(line, name).expect("every output carries this member") + name.len();
    let len = memchr::memchr(b'"', &line[start..]).expect("a text ends");
    &line[start..start + len]
}

/// Logical time of an output: its `time`, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
fn time_of(line: &[u8]) -> Millis {
    let text = member(line, b"\"time\":\"");
    assert_eq!(text.len(), 24, "an output's time has one form");
    let number = |from: usize, to: usize| {
        text[from..to].iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    };
    let days = days_from_civil(number(0, 4), number(5, 7), number(8, 10));
    let seconds = days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
    Millis(seconds * 1_000 + number(20, 23))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(subject: &str, time: &str, n: u32) -> Vec<u8> {
        format!(
            r#"{{"specversion":"1.0","id":"t-d-{n}","source":"/trunkline/t/d\"subject\":\"x","type":"a","subject":"{subject}","time":"{time}","data":{{"time":"x"}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn envelope_members_are_found() {
        let line = line("C1", "2026-11-21T09:00:00.123Z", 7);
        assert_eq!(customer_of(&line), b"C1");
        assert_eq!(customer_of(br#"{"id":"t-identity-1","cause":"0:7:1","data":{}}"#), b"0:7:1");
        assert_eq!(position_of(&line), b"t-d-7");
        assert_eq!(time_of(&line), Millis(1_795_251_600_123));
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29T00:00:00.000Z", 951_782_400_000),
            ("0001-01-01T00:00:00.000Z", -62_135_596_800_000),
        ] {
            assert_eq!(time_of(&self::line("C", text, 1)), Millis(millis), "{text}");
        }
    }

    #[test]
    fn divisions_come_by_name_whenever_they_were_added() {
        let mut outlets = Outlets::new([1; 6], vec!["beta".into()]);
        outlets.widen(vec!["beta".into(), "alpha".into()]);
        let mut output = Output::new(2);
        for (lines, n) in output.divisions.iter_mut().zip([1, 2]) {
            lines.bytes.extend_from_slice(&line("C1", "2026-11-21T09:00:00.000Z", n));
            lines.end(Stream::Sla);
        }
        let (outgoing, _) = outlets.route(std::slice::from_ref(&output));
        let keys: Vec<_> = outgoing.records().map(|record| record.key.to_vec()).collect();
        assert_eq!(keys, [b"alpha".to_vec(), b"beta".to_vec()]);
    }

    #[test]
    fn a_partition_holds_rejects_then_identity_then_divisions() {
        let mut output = Output::new(2);
        let put = |lines: &mut Lines, stream, n| {
            lines.bytes.extend_from_slice(&line("C1", "2026-11-21T09:00:00.000Z", n));
            lines.end(stream);
        };
        put(&mut output.divisions[1], Stream::Assignments, 4);
        put(&mut output.divisions[0], Stream::Sla, 3);
        put(&mut output.identity, Stream::Customers, 2);
        put(&mut output.rejected, Stream::Rejected, 1);
        let mut outlets = Outlets::new([1; 6], vec!["alpha".into(), "beta".into()]);
        let (outgoing, totals) = outlets.route(std::slice::from_ref(&output));
        let order: Vec<_> = outgoing.records().map(|r| (r.stream, r.key.to_vec())).collect();
        let expected: [(Stream, &[u8]); 4] = [
            (Stream::Rejected, b"t-d-1"),
            (Stream::Customers, b"C1"),
            (Stream::Sla, b"alpha"),
            (Stream::Assignments, b"beta"),
        ];
        assert_eq!(order, expected.map(|(stream, key)| (stream, key.to_vec())));
        assert_eq!(totals.len(), 4);
        assert!(totals.iter().all(|total| total.count == 1));
        let before: Vec<_> = totals.iter().map(|total| total.hash).collect();
        let (_, totals) = outlets.route(&[output]);
        assert!(totals.iter().zip(before).all(|(total, before)| total.hash != before), "hashes run on");
    }
}
