//! Keyed hashes of what comes from outside: identifiers, event ids, names. SipHash-1-3 with 128 bits of result
//! (Aumasson and Bernstein 2012; the `siphasher` crate's `sip128`), a key of its own for each purpose and each
//! identifier kind, all derived from the tenant's one secret key. Model and pipeline share this file, since ids are
//! founded from these hashes.

use siphasher::sip128::SipHasher13;

use crate::rules::Rules;
use crate::types::KindId;

/// The tenant's secret: 16 bytes. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey(pub [u8; 16]);

impl HashKey {
    /// Tells this key from another one, and says nothing else of it.
    pub fn fingerprint(&self) -> u128 {
        self.root().derive(b"fingerprint").hash(b"")
    }

    fn root(&self) -> SubKey {
        let half = |at: usize| u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes"));
        SubKey(half(0), half(8))
    }

    /// The key of `replay`, `reference` and `demo` where none is configured: public, so for tests and trials only.
    pub const PUBLIC: HashKey = HashKey(*b"trunkline public");
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(secret)")
    }
}

/// A key for one purpose. As secret as the one that it comes from: who has it can try out addresses and numbers.
#[derive(Copy, Clone)]
pub struct SubKey(u64, u64);

impl std::fmt::Debug for SubKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubKey(secret)")
    }
}

impl SubKey {
    /// Hash of `bytes` under this key.
    #[inline]
    pub fn hash(self, bytes: &[u8]) -> u128 {
        SipHasher13::new_with_keys(self.0, self.1).hash(bytes).as_u128()
    }

    /// The key that this key and a label give.
    #[inline]
    pub fn derive(self, label: &[u8]) -> SubKey {
        let hash = self.hash(label);
        SubKey(hash as u64, (hash >> 64) as u64)
    }
}

/// All keys of a tenant.
#[derive(Clone, Debug)]
pub struct Keys {
    identifiers: SubKey,
    kinds: Vec<SubKey>,
    events: SubKey,
    names: SubKey,
}

impl Keys {
    /// Derives the keys; those of identifiers depend on the names of the kinds, not on their places.
    pub fn new(key: &HashKey, rules: &Rules) -> Keys {
        let root = key.root();
        let identifiers = root.derive(b"identifier");
        Keys {
            identifiers,
            kinds: Keys::of_kinds(identifiers, rules),
            events: root.derive(b"event"),
            names: root.derive(b"name"),
        }
    }

    /// The same tenant's keys under other rules.
    pub fn under(&self, rules: &Rules) -> Keys {
        Keys { kinds: Keys::of_kinds(self.identifiers, rules), ..self.clone() }
    }

    fn of_kinds(identifiers: SubKey, rules: &Rules) -> Vec<SubKey> {
        rules.identity.kinds.iter().map(|kind| identifiers.derive(kind.name.as_bytes())).collect()
    }

    /// Hash of an identifier's normal form.
    #[inline]
    pub fn identifier(&self, kind: KindId, normal: &[u8]) -> u128 {
        self.kinds[kind.at()].hash(normal)
    }

    /// The key of one `source`: worth keeping while the source repeats.
    #[inline]
    pub fn source(&self, source: &[u8]) -> SubKey {
        self.events.derive(source)
    }

    /// Deduplication key of (`source`, `id`).
    #[inline]
    pub fn event(&self, source: &[u8], id: &[u8]) -> u128 {
        self.source(source).hash(id)
    }

    /// Hash of a name (agent, skill, language): never 0.
    #[inline]
    pub fn name(&self, name: &[u8]) -> u64 {
        ((self.names.hash(name) >> 64) as u64).max(1)
    }

    /// Hash of a thread: never 0.
    #[inline]
    pub fn thread(&self, thread: &[u8]) -> u128 {
        self.names.hash(thread).max(1)
    }
}

/// The 64 bits of a customer id that a founding hash gives: its first, most significant ones.
#[inline]
pub const fn founding_bits(hash: u128) -> u64 {
    (hash >> 64) as u64
}
