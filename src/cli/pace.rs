//! The pace of the log itself: an event is due as long after the start as its time lies behind the first one's, or
//! a multiple faster.

use crate::runtime::replay::Pace;
use crate::types::record::Record;
use memchr::memmem;
use std::num::NonZeroU32;
use std::str::FromStr;

/// `--speed`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum SpeedArgument {
    /// As fast as it goes.
    Max,
    /// So many times the log's own pace.
    Times(NonZeroU32),
}

/// So many times the log's own pace.
pub struct Speed {
    times: NonZeroU32,
    /// Of the first event, in milliseconds since 1970.
    first: Option<i64>,
    /// What was given last: a record without a time of its own goes with the one before it.
    last: u64,
}

impl FromStr for SpeedArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<SpeedArgument, &'static str> {
        match text {
            "max" => Ok(SpeedArgument::Max),
            _ => text.parse().map(SpeedArgument::Times).map_err(|_| "max, or a whole number above 0"),
        }
    }
}

impl Speed {
    /// `times` the log's pace.
    pub fn new(times: NonZeroU32) -> Speed {
        Speed { times, first: None, last: 0 }
    }
}

impl Pace for Speed {
    fn due(&mut self, record: &Record<'_>) -> Option<u64> {
        if let Some(at) = record.timestamp.map(|at| at.0).or_else(|| time(record.value)) {
            let since = at.saturating_sub(*self.first.get_or_insert(at)).max(0).unsigned_abs();
            self.last = self.last.max(since.saturating_mul(1_000_000) / u64::from(self.times.get()));
        }
        Some(self.last)
    }
}

/// The first member `time` in a line, read before it is decoded: good enough for a pace.
fn time(line: &[u8]) -> Option<i64> {
    const MEMBER: &[u8] = b"\"time\"";
    let rest = line[memmem::find(line, MEMBER)? + MEMBER.len()..].trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let text = &rest[..memchr::memchr(b'"', rest)?];
    let at: jiff::Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_as_their_times_say() {
        let mut speed = Speed::new(NonZeroU32::new(60).expect("not 0"));
        let lines: [(&[u8], u64); 6] = [
            (b"{}", 0),
            (br#"{"time":"2026-03-02T08:00:00Z"}"#, 0),
            (br#"{"time" : "2026-03-02T08:01:00Z"}"#, 1_000_000_000),
            (b"nonsense", 1_000_000_000),
            (br#"{"time":"2026-03-02T08:00:30Z"}"#, 1_000_000_000),
            (br#"{"time":"2026-03-02T08:00:00.060+00:00"}"#, 1_000_000_000),
        ];
        for (line, due) in lines {
            assert_eq!(speed.due(&Record::line(0, 0, line)), Some(due), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn speeds_of_the_command_line() {
        assert_eq!("max".parse(), Ok(SpeedArgument::Max));
        assert_eq!("60".parse(), Ok(SpeedArgument::Times(NonZeroU32::new(60).expect("not 0"))));
        assert!(["0", "-1", "fast", "", "1.5"].iter().all(|text| text.parse::<SpeedArgument>().is_err()));
    }
}
