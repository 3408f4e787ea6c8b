//! When an epoch's records were made, for the latency from there to their acknowledged output. Records of one instant
//! mostly come one after another, so what is kept is a run each: 16 bytes a millisecond instead of 8 a record.

use crate::types::Millis;
use crate::types::record::Record;

/// Times of an epoch's records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Arrivals {
    /// Time and number of records, in entry order; records without a time are in none.
    pub runs: Vec<(Millis, u64)>,
    /// Number of records.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
}

impl Arrivals {
    /// Forgets all records.
    pub fn clear(&mut self) {
        self.runs.clear();
        (self.records, self.bytes) = (0, 0);
    }

    /// Notes the records of an epoch, and forgets those before.
    pub fn take(&mut self, records: &[Record<'_>]) {
        self.clear();
        self.records = records.len() as u64;
        for record in records {
            self.bytes += record.value.len() as u64;
            let Some(at) = record.timestamp else { continue };
            match self.runs.last_mut() {
                Some((last, count)) if *last == at => *count += 1,
                _ => self.runs.push((at, 1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_instant_are_one_run() {
        let record = |at| Record::kafka(0, 0, Millis(at), b"1234");
        let mut arrivals = Arrivals::default();
        arrivals.take(&[record(5), record(5), record(6), record(5)]);
        assert_eq!(arrivals.runs, [(Millis(5), 2), (Millis(6), 1), (Millis(5), 1)]);
        assert_eq!((arrivals.records, arrivals.bytes), (4, 16));
        arrivals.take(&[Record::line(0, 0, b"1")]);
        assert_eq!((arrivals.runs.len(), arrivals.bytes), (0, 1));
    }
}
