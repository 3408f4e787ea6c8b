//! A record that holds several events is cut into them: an array, or lines. Nothing is decoded here.

use super::cursor::{Cursor, Nest};
use std::ops::Range;

/// Open containers to any depth: an array is split if it is JSON, however deep; the events in it are judged later.
#[derive(Default)]
struct Deep {
    kinds: Vec<u64>,
    depth: usize,
}

impl Nest for Deep {
    fn open(&mut self, object: bool) -> bool {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.kinds.len() {
            self.kinds.push(0);
        }
        self.kinds[word] = self.kinds[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
        true
    }

    fn close(&mut self) {
        self.depth -= 1;
    }

    fn object(&self) -> Option<bool> {
        let last = self.depth.checked_sub(1)?;
        Some(self.kinds[last / 64] >> (last % 64) & 1 == 1)
    }
}

/// The places of the elements of the array that fills `src[range]`, white space at its ends apart; false if that is
/// not JSON or not one array. `src` goes on behind the range as the cursor needs it.
pub fn elements(src: &[u8], range: Range<usize>, into: &mut Vec<Range<usize>>) -> bool {
    into.clear();
    read_elements(src, range, into).is_some()
}

fn read_elements(src: &[u8], range: Range<usize>, into: &mut Vec<Range<usize>>) -> Option<()> {
    let mut nest = Deep::default();
    let mut cursor = Cursor::new(src, range.start);
    cursor.expect(b'[')?;
    if cursor.token()? == b']' {
        cursor.at += 1;
        return ends(&cursor, src, range.end);
    }
    loop {
        cursor.token()?;
        let start = cursor.at;
        cursor.skip_in(&mut nest)?;
        into.push(start..cursor.at);
        let token = cursor.token()?;
        cursor.at += 1;
        match token {
            b',' => {}
            b']' => return ends(&cursor, src, range.end),
            _ => return None,
        }
    }
}

/// Whether `src[range]` is one JSON value of any depth, white space at its ends apart.
pub fn is_json(src: &[u8], range: Range<usize>) -> bool {
    let mut cursor = Cursor::new(src, range.start);
    cursor.skip_in(&mut Deep::default()).and_then(|()| ends(&cursor, src, range.end)).is_some()
}

/// Whether nothing but white space is left up to `end`.
fn ends(cursor: &Cursor<'_>, src: &[u8], end: usize) -> Option<()> {
    (cursor.at <= end && is_blank(&src[cursor.at..end])).then_some(())
}

/// Whether these bytes are white space by JSON, or none.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Whether the record is newline-packed: a line after the first begins with `{`.
pub fn is_packed(record: &[u8]) -> bool {
    memchr::memmem::find(record, b"\n{").is_some()
}
