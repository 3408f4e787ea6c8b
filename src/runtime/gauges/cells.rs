//! A histogram with one writer and any number of readers, none of whom ever waits. The buckets are HdrHistogram's with
//! three significant digits and a lowest value of 1, so a reader makes a `Histogram` of it without a loss.
//!
//! ```text
//! row 0     0 … 1,023            in steps of 1
//! row 1     1,024 … 2,047        in steps of 1
//! row 2     2,048 … 4,095        in steps of 2
//! row n     2ⁿ⁺⁹ … 2ⁿ⁺¹⁰ − 1     in steps of 2ⁿ⁻¹
//! ```
//! A row of 1,024 counts (8 KiB) is made when its first value comes; after that nothing asks for memory. Since only one
//! thread writes, a count is read and written back by plain moves, without the bus lock of an atomic addition:
//! 1 to 2 ns a record. A reader may see a value in one row and not yet the one recorded before it in another; a sum
//! over rows is never torn within a count.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;

/// Counts of a row.
const ROW: usize = 1_024;
/// Rows: values up to 2⁴² − 1, in nanoseconds 73 minutes.
const ROWS: usize = 33;
/// Larger values count as this one.
const VALUE_MAX: u64 = (1 << (ROWS + 9)) - 1;
/// Significant decimal digits.
pub const DIGITS: u8 = 3;

type Row = [AtomicU64; ROW];

/// Counts by value.
#[derive(Debug)]
pub struct Cells {
    rows: [OnceLock<Box<Row>>; ROWS],
}

impl Default for Cells {
    fn default() -> Cells {
        Cells { rows: [const { OnceLock::new() }; ROWS] }
    }
}

impl Cells {
    /// Counts a value `count` times. One thread at a time calls this, or counts get lost.
    #[inline]
    pub fn record(&self, value: u64, count: u64) {
        let value = value.min(VALUE_MAX);
        let (row, place) = place_of(value);
        let row = self.rows[row].get_or_init(|| Box::new([const { AtomicU64::new(0) }; ROW]));
        add(&row[place], count);
    }

    /// Adds what was counted so far to a histogram of three digits that grows by itself.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        for (number, row) in self.rows.iter().enumerate() {
            for (place, count) in row.get().iter().flat_map(|row| row.iter()).enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let value = value_of(number, place).min(VALUE_MAX);
                    sum.record_n(value, count).expect("it grows to whatever value comes");
                }
            }
        }
    }
}

/// Adds to a count that only this thread writes.
#[inline]
pub fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// Row and place of a value up to `VALUE_MAX`.
#[inline]
fn place_of(value: u64) -> (usize, usize) {
    let row = (u64::BITS - 10 - (value | (ROW as u64 - 1)).leading_zeros()) as usize;
    (row, (value >> row.saturating_sub(1)) as usize % ROW)
}

/// The least value that is counted there.
fn value_of(row: usize, place: usize) -> u64 {
    match row {
        0 => place as u64,
        _ => ((ROW + place) as u64) << (row - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(cells: &Cells) -> Histogram<u64> {
        let mut sum = Histogram::new(DIGITS).unwrap();
        cells.add_to(&mut sum);
        sum
    }

    #[test]
    fn places_and_values_agree() {
        let steps = (0..ROWS).map(|row| 1_u64 << (row as u64 + 9));
        for value in (0..10_000).chain(steps.flat_map(|at| [at - 1, at, at + 1])).chain([VALUE_MAX]) {
            let (row, place) = place_of(value);
            let least = value_of(row, place);
            let step = 1 << row.saturating_sub(1);
            assert!(least <= value && value - least < step, "{value}: row {row}, place {place}, {least}");
        }
        assert_eq!(place_of(VALUE_MAX), (ROWS - 1, ROW - 1));
    }

    #[test]
    fn a_reader_gets_what_hdr_histogram_would_have_counted() {
        let (cells, mut expected) = (Cells::default(), Histogram::<u64>::new(DIGITS).unwrap());
        let mut value = 1_u64;
        for n in 0..5_000 {
            value = (value.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n) & VALUE_MAX;
            let value = value >> (n % 40);
            cells.record(value, n % 7 + 1);
            expected.record_n(value, n % 7 + 1).unwrap();
        }
        let read = histogram(&cells);
        assert_eq!(read.len(), expected.len());
        assert_eq!(read.max(), expected.max());
        for quantile in [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
            assert_eq!(read.value_at_quantile(quantile), expected.value_at_quantile(quantile), "{quantile}");
        }
    }

    #[test]
    fn values_beyond_the_greatest_count_as_it() {
        let cells = Cells::default();
        cells.record(u64::MAX, 2);
        let read = histogram(&cells);
        assert_eq!((read.max(), read.len()), (VALUE_MAX, 2));
    }
}
