//! Running hashes of input and output: xxh3-128, chained from epoch to epoch, so that the value after an epoch says
//! what all epochs so far held. They find lost, doubled and changed records; they are no protection against forgery.

use borsh::{BorshDeserialize, BorshSerialize};
use xxhash_rust::xxh3::Xxh3;

/// A running hash after some epoch; 0 before the first.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Digest(u128);

/// An epoch's part of a running hash.
pub struct Running(Xxh3);

impl Digest {
    /// The value.
    pub fn value(self) -> u128 {
        self.0
    }

    /// Begins with what was before.
    pub fn begin(self) -> Running {
        let mut hasher = Xxh3::new();
        hasher.update(&self.0.to_le_bytes());
        Running(hasher)
    }
}

impl Running {
    /// A number.
    #[inline]
    pub fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    /// Bytes, with their length.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    /// The running hash after this epoch.
    pub fn end(self) -> Digest {
        Digest(self.0.digest128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: Digest, parts: &[&[u8]]) -> Digest {
        let mut running = before.begin();
        parts.iter().for_each(|part| running.bytes(part));
        running.end()
    }

    #[test]
    fn depends_on_the_past_the_cut_and_the_order() {
        let none = Digest::default();
        let ab = of(none, &[b"a", b"b"]);
        assert_eq!(ab, of(none, &[b"a", b"b"]));
        for other in [of(none, &[b"ab"]), of(none, &[b"b", b"a"]), of(of(none, &[b"a"]), &[b"b"])] {
            assert_ne!(ab, other);
        }
    }
}
