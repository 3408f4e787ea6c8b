//! Looks at 16 bytes at once: which of them end or interrupt a JSON string, which are not ASCII. Sixteen, since the
//! strings of events are short: wider vectors measured slower. The only module of decode that may use `unsafe`, and
//! for nothing but the vector load.
#![allow(unsafe_code)]

/// Bytes of one look; whoever calls keeps so many readable bytes behind every record.
pub const BLOCK: usize = 16;

/// What one look found; bit n stands for byte n.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Bytes that are `"`, `\` or below 0x20.
    pub special: u32,
    /// Bytes of 0x80 and above.
    pub high: u32,
}

/// Looks at a block.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn look(block: &[u8; BLOCK]) -> Found {
    use core::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    // SAFETY: SSE2 belongs to every x86-64 processor, so the instructions exist. The load needs no alignment and
    // reads exactly the 16 bytes that the reference guarantees.
    unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let escape = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        let special = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, escape), control));
        Found { special: special as u32, high: _mm_movemask_epi8(bytes) as u32 }
    }
}

/// Looks at a block.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn look(block: &[u8; BLOCK]) -> Found {
    look_plainly(block)
}

/// The same byte by byte: the twin of the vector form, and its stand-in elsewhere.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn look_plainly(block: &[u8; BLOCK]) -> Found {
    let mut found = Found { special: 0, high: 0 };
    for (place, byte) in block.iter().enumerate() {
        found.special |= u32::from(matches!(byte, b'"' | b'\\' | 0..0x20)) << place;
        found.high |= u32::from(*byte >= 0x80) << place;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for place in 0..BLOCK {
            for byte in 0..=u8::MAX {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                assert_eq!(look(&block), look_plainly(&block), "byte {byte:#x} at {place}");
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(look(&block).special, u32::from(special) << place);
            }
        }
    }
}
