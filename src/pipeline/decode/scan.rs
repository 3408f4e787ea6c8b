//! Bytes looked at many at once: windows that need one check for 64 bytes, and 32 bytes asked in one step which of them
//! end or interrupt a JSON string, are not ASCII, are of some range. Thirty-two, since most strings of events are shorter: one
//! look finds their end without a branch. The only module of decode that may use `unsafe`, and for nothing but the
//! window and the vector load.
#![allow(unsafe_code)]

/// Bytes of a window; whoever makes a `Source` keeps so many readable bytes behind every record.
pub const WINDOW: usize = 64;
/// Bytes of one look.
pub const BLOCK: usize = 32;
/// Bytes of one vector.
const VECTOR: usize = 16;

/// Bytes that are read by window.
#[derive(Copy, Clone)]
pub struct Source<'a> {
    bytes: &'a [u8],
    /// Places at which a whole window begins.
    windows: usize,
}

impl<'a> Source<'a> {
    /// A source over these bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Source<'a> {
        Source { bytes, windows: (bytes.len() + 1).saturating_sub(WINDOW) }
    }

    /// All bytes.
    #[inline(always)]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The window that begins at a place; `None`: the bytes end before it does.
    #[inline(always)]
    pub fn window(self, at: usize) -> Option<&'a [u8; WINDOW]> {
        if at >= self.windows {
            return None;
        }
        // SAFETY: `at < len + 1 - WINDOW`, so the bytes from `at` to `at + WINDOW` lie within the slice, which lives for
        // `'a`; an array of bytes has the alignment of a byte.
        Some(unsafe { &*self.bytes.as_ptr().add(at).cast() })
    }
}

/// The first bytes of a window as a look takes them.
#[inline(always)]
pub fn block(window: &[u8; WINDOW]) -> &[u8; BLOCK] {
    window.first_chunk().expect("a block is shorter than a window")
}

/// What one look found; bit n stands for byte n.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Bytes that are `"`, `\` or below 0x20.
    pub special: u32,
    /// Bytes of 0x80 and above.
    pub high: u32,
}

/// Looks at a block for the end of a string.
#[inline(always)]
pub fn look(block: &[u8; BLOCK]) -> Found {
    let [low, high] = halves(block);
    let special = |v: Vector| v.is(b'"').or(v.is(b'\\')).or(v.at_most(0x1f));
    Found { special: bits(special(low), special(high)), high: bits(low, high) }
}

/// The bytes that are not those of a plain string: `"`, `\`, below 0x20, above 0x7f.
#[inline(always)]
pub fn not_plain(block: &[u8; BLOCK]) -> u32 {
    let [low, high] = halves(block);
    let found = |v: Vector| v.is(b'"').or(v.is(b'\\')).or(v.outside_ascii_from(0x20));
    bits(found(low), found(high))
}

/// The bytes that are not printable ASCII, or are a space.
#[inline(always)]
pub fn not_graphic(block: &[u8; BLOCK]) -> u32 {
    let [low, high] = halves(block);
    let found = |v: Vector| v.outside_ascii_from(0x21).or(v.is(0x7f));
    bits(found(low), found(high))
}

/// The bytes that are this one.
#[inline(always)]
pub fn equal(block: &[u8; BLOCK], byte: u8) -> u32 {
    let [low, high] = halves(block);
    bits(low.is(byte), high.is(byte))
}

/// The bytes from `least` to `least + more`.
#[inline(always)]
pub fn within(block: &[u8; BLOCK], least: u8, more: u8) -> u32 {
    let [low, high] = halves(block);
    bits(low.within(least, more), high.within(least, more))
}

/// How the bytes of a window of a text stand to words; bit n stands for byte n.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Texture {
    /// Letters of ASCII.
    pub letters: u64,
    /// What is or may be part of a word: letters, digits, `_`, and all that is not ASCII.
    pub parts: u64,
    /// What may join two parts between which it stands: `'`, `,`, `.`, `:`, `;`.
    pub marks: u64,
}

/// Looks at a window of a text for its words.
#[inline(always)]
pub fn texture(window: &[u8; WINDOW]) -> Texture {
    let mut found = Texture { letters: 0, parts: 0, marks: 0 };
    for at in (0..WINDOW).step_by(VECTOR) {
        let v = Vector::load(window[at..].first_chunk().expect("a window has whole vectors"));
        let letters = v.in_lower_case().within(b'a', 25);
        let parts = letters.or(v.within(b'0', 9)).or(v.is(b'_')).or(v);
        let marks = v.is(b'\'').or(v.is(b',')).or(v.is(b'.')).or(v.within(b':', 1));
        found.letters |= u64::from(letters.bits()) << at;
        found.parts |= u64::from(parts.bits()) << at;
        found.marks |= u64::from(marks.bits()) << at;
    }
    found
}

/// Eight bytes, as a little-endian word, from 16 hexadecimal digits in lower case, and whether they all are such digits.
#[inline(always)]
pub fn hex(text: &[u8; VECTOR]) -> (u64, bool) {
    let text = Vector::load(text);
    let (digit, letter) = (text.within(b'0', 9), text.within(b'a', 5));
    (text.nibbles(letter).pairs(), digit.or(letter).bits() == 0xffff)
}

#[inline(always)]
fn halves(block: &[u8; BLOCK]) -> [Vector; 2] {
    let low = Vector::load(block.first_chunk().expect("half of a block"));
    [low, Vector::load(block.last_chunk().expect("half of a block"))]
}

#[inline(always)]
fn bits(low: Vector, high: Vector) -> u32 {
    low.bits() | high.bits() << VECTOR
}

#[cfg(target_arch = "x86_64")]
use sse2::Vector;

#[cfg(not(target_arch = "x86_64"))]
use plain::Vector;

/// SSE2 belongs to every x86-64 processor.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use core::arch::x86_64::*;

    /// Intrinsics that take values and give values.
    macro_rules! values {
        ($call:expr) => {{
            // SAFETY: SSE2 belongs to every x86-64 processor, so the instructions exist; no memory is touched.
            unsafe { $call }
        }};
    }

    /// Sixteen bytes; a byte that answers yes is 0xff.
    #[derive(Copy, Clone)]
    pub struct Vector(__m128i);

    impl Vector {
        #[inline(always)]
        pub fn load(bytes: &[u8; super::VECTOR]) -> Vector {
            // SAFETY: the load needs no alignment and reads exactly the 16 bytes that the reference guarantees.
            Vector(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
        }

        #[inline(always)]
        pub fn is(self, byte: u8) -> Vector {
            Vector(values!(_mm_cmpeq_epi8(self.0, _mm_set1_epi8(byte as i8))))
        }

        #[inline(always)]
        pub fn at_most(self, byte: u8) -> Vector {
            Vector(values!(_mm_cmpeq_epi8(_mm_min_epu8(self.0, _mm_set1_epi8(byte as i8)), self.0)))
        }

        /// Below `least` or above 0x7f.
        #[inline(always)]
        pub fn outside_ascii_from(self, least: u8) -> Vector {
            Vector(values!(_mm_cmplt_epi8(self.0, _mm_set1_epi8(least as i8))))
        }

        /// From `least` to `least + more`.
        #[inline(always)]
        pub fn within(self, least: u8, more: u8) -> Vector {
            Vector(values!(_mm_sub_epi8(self.0, _mm_set1_epi8(least as i8)))).at_most(more)
        }

        #[inline(always)]
        pub fn or(self, other: Vector) -> Vector {
            Vector(values!(_mm_or_si128(self.0, other.0)))
        }

        /// Letters of ASCII in lower case; other bytes may become others, but no letters.
        #[inline(always)]
        pub fn in_lower_case(self) -> Vector {
            Vector(values!(_mm_or_si128(self.0, _mm_set1_epi8(0x20))))
        }

        /// The highest bit of each byte.
        #[inline(always)]
        pub fn bits(self) -> u32 {
            values!(_mm_movemask_epi8(self.0)) as u32
        }

        /// The value of each hexadecimal digit, given which are letters.
        #[inline(always)]
        pub fn nibbles(self, letters: Vector) -> Vector {
            Vector(values!({
                let nibbles = _mm_and_si128(self.0, _mm_set1_epi8(0x0f));
                _mm_add_epi8(nibbles, _mm_and_si128(letters.0, _mm_set1_epi8(9)))
            }))
        }

        /// Pairs of nibbles, the first one the higher, as 8 bytes.
        #[inline(always)]
        pub fn pairs(self) -> u64 {
            values!({
                let pairs = _mm_or_si128(_mm_slli_epi16::<4>(self.0), _mm_srli_epi16::<8>(self.0));
                let pairs = _mm_and_si128(pairs, _mm_set1_epi16(0xff));
                _mm_cvtsi128_si64(_mm_packus_epi16(pairs, pairs)) as u64
            })
        }
    }
}

/// The same byte by byte: the twin of the vector form, and its stand-in elsewhere.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[cfg_attr(target_arch = "x86_64", allow(dead_code))]
mod plain {
    /// Sixteen bytes; a byte that answers yes is 0xff.
    #[derive(Copy, Clone)]
    pub struct Vector([u8; super::VECTOR]);

    impl Vector {
        pub fn load(bytes: &[u8; super::VECTOR]) -> Vector {
            Vector(*bytes)
        }

        fn each(self, yes: impl Fn(u8) -> bool) -> Vector {
            Vector(self.0.map(|byte| if yes(byte) { 0xff } else { 0 }))
        }

        pub fn is(self, byte: u8) -> Vector {
            self.each(|b| b == byte)
        }

        pub fn at_most(self, byte: u8) -> Vector {
            self.each(|b| b <= byte)
        }

        /// Below `least` or above 0x7f.
        pub fn outside_ascii_from(self, least: u8) -> Vector {
            self.each(|b| b < least || b > 0x7f)
        }

        /// From `least` to `least + more`.
        pub fn within(self, least: u8, more: u8) -> Vector {
            self.each(|b| b.wrapping_sub(least) <= more)
        }

        pub fn or(self, other: Vector) -> Vector {
            Vector(std::array::from_fn(|at| self.0[at] | other.0[at]))
        }

        /// Letters of ASCII in lower case; other bytes may become others, but no letters.
        pub fn in_lower_case(self) -> Vector {
            Vector(self.0.map(|byte| byte | 0x20))
        }

        /// The highest bit of each byte.
        pub fn bits(self) -> u32 {
            (0..super::VECTOR).fold(0, |bits, at| bits | u32::from(self.0[at] >> 7) << at)
        }

        /// The value of each hexadecimal digit, given which are letters.
        pub fn nibbles(self, letters: Vector) -> Vector {
            Vector(std::array::from_fn(|at| (self.0[at] & 15).wrapping_add(letters.0[at] & 9)))
        }

        /// Pairs of nibbles, the first one the higher, as 8 bytes.
        pub fn pairs(self) -> u64 {
            u64::from_le_bytes(std::array::from_fn(|at| self.0[2 * at] << 4 | self.0[2 * at + 1]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_with_the_bytes() {
        let bytes: Vec<u8> = (0..100).collect();
        let source = Source::new(&bytes);
        for at in 0..=100 {
            let expected = bytes.get(at..at + WINDOW);
            assert_eq!(source.window(at).map(|window| &window[..]), expected, "at {at}");
        }
        assert_eq!(Source::new(&bytes[..WINDOW - 1]).window(0), None);
        assert_eq!(source.window(usize::MAX), None);
    }

    #[test]
    fn every_byte_at_every_place() {
        for place in 0..BLOCK {
            for byte in 0..=u8::MAX {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                let bit = |yes: bool| u32::from(yes) << place;
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                let found = Found { special: bit(special), high: bit(byte >= 0x80) };
                assert_eq!(look(&block), found, "byte {byte:#x} at {place}");
                assert_eq!(not_plain(&block), bit(special || byte >= 0x80));
                assert_eq!(not_graphic(&block), bit(!byte.is_ascii_graphic()));
                assert_eq!(within(&block, b'0', 9), bit(byte.is_ascii_digit()));
                assert_eq!(equal(&block, b'@'), bit(byte == b'@'));
            }
        }
    }

    #[test]
    fn every_byte_of_a_text() {
        for place in 0..WINDOW {
            for byte in 0..=u8::MAX {
                let mut window = [b'a'; WINDOW];
                window[place] = byte;
                let bit = |yes: bool| u64::from(yes) << place;
                let others = !(1_u64 << place);
                let is_part = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
                let found = texture(&window);
                assert_eq!(found.letters, others | bit(byte.is_ascii_alphabetic()));
                assert_eq!(found.parts, others | bit(is_part));
                assert_eq!(found.marks, bit(b"',.:;".contains(&byte)));
            }
        }
    }

    #[test]
    fn vectors_are_their_plain_twins() {
        for byte in 0..=u8::MAX {
            let bytes = std::array::from_fn(|at| byte.wrapping_add(17 * at as u8));
            let (fast, twin) = (Vector::load(&bytes), plain::Vector::load(&bytes));
            assert_eq!(fast.is(b'"').bits(), twin.is(b'"').bits());
            assert_eq!(fast.at_most(0x1f).bits(), twin.at_most(0x1f).bits());
            assert_eq!(fast.outside_ascii_from(0x21).bits(), twin.outside_ascii_from(0x21).bits());
            assert_eq!(fast.within(b'a', 5).bits(), twin.within(b'a', 5).bits());
            assert_eq!(fast.or(fast.is(byte)).bits(), twin.or(twin.is(byte)).bits());
            assert_eq!(fast.in_lower_case().is(b'z').bits(), twin.in_lower_case().is(b'z').bits());
        }
    }

    #[test]
    fn hexadecimal_digits() {
        for byte in 0..=u8::MAX {
            for place in 0..VECTOR {
                let mut text = *b"0123456789abcdef";
                text[place] = byte;
                let good = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let (bytes, all) = hex(&text);
                assert_eq!(all, good, "byte {byte:#x} at {place}");
                if good {
                    let number = u64::from_str_radix(std::str::from_utf8(&text).unwrap(), 16).unwrap();
                    assert_eq!(bytes, number.swap_bytes());
                    let twin = plain::Vector::load(&text);
                    assert_eq!(twin.nibbles(twin.within(b'a', 5)).pairs(), bytes);
                }
            }
        }
    }
}
