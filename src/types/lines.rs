//! Output as bytes: rendered events one after another, each with the stream that it belongs to. What emit fills
//! and the doors write; kept between batches so that its memory is reused.

use crate::types::Stream;

/// Rendered output events in decision order. An event is one JSON object without line end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lines {
    /// The events, one right after another.
    pub bytes: Vec<u8>,
    /// Of each event its stream and the end of its bytes (the next one begins there).
    pub ends: Vec<(Stream, u32)>,
}

/// What one batch put out, by where it goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Output {
    /// Rejects, in entry order.
    pub rejected: Lines,
    /// `customer.*` and `identity.*`, in entry order.
    pub identity: Lines,
    /// By `DivisionId`: a division's decisions in decision order.
    pub divisions: Vec<Lines>,
}

impl Lines {
    /// Ends the event whose bytes were appended since the last one.
    ///
    /// # Panics
    /// If the lines of one batch exceed 4 GiB: batches are bounded far below.
    #[inline]
    pub fn end(&mut self, stream: Stream) {
        self.end_after(0, stream);
    }

    /// The same when the last `waiting` bytes are still to be appended.
    #[inline]
    pub fn end_after(&mut self, waiting: usize, stream: Stream) {
        let end = u32::try_from(self.bytes.len() + waiting).expect("a batch's output is bounded");
        self.ends.push((stream, end));
    }

    /// Events with their streams, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Stream, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |(stream, end)| {
            let line = &self.bytes[start..*end as usize];
            start = *end as usize;
            (*stream, line)
        })
    }

    /// Appends other events.
    pub fn append(&mut self, other: &Lines) {
        let start = u32::try_from(self.bytes.len()).expect("a batch's output is bounded");
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|(stream, end)| (*stream, start + end)));
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets the events, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

impl Output {
    /// Empty output of a tenant with so many divisions.
    pub fn new(divisions: usize) -> Output {
        Output { divisions: vec![Lines::default(); divisions], ..Output::default() }
    }

    /// Forgets the events, keeps the memory.
    pub fn clear(&mut self) {
        self.rejected.clear();
        self.identity.clear();
        self.divisions.iter_mut().for_each(Lines::clear);
    }

    /// Whether nothing was put out.
    pub fn is_empty(&self) -> bool {
        self.rejected.is_empty() && self.identity.is_empty() && self.divisions.iter().all(Lines::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_with_their_streams() {
        let mut lines = Lines::default();
        lines.bytes.extend_from_slice(b"{}");
        lines.end(Stream::Sla);
        lines.end(Stream::Replies);
        lines.bytes.extend_from_slice(b"{\"a\":1}");
        lines.end(Stream::Sla);
        let all: Vec<_> = lines.iter().collect();
        assert_eq!(all, [(Stream::Sla, &b"{}"[..]), (Stream::Replies, b""), (Stream::Sla, b"{\"a\":1}")]);
        lines.clear();
        assert!(lines.is_empty() && lines.iter().next().is_none());
    }
}
