//! Random numbers for the tests of this layer: splitmix64 from a seed, so that a failure repeats. Not for the engine.

/// A stream of numbers that its seed determines.
pub(crate) struct Seeded(pub u64);

impl Seeded {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }
}

/// Spreads the bits of a number over all 64.
pub(crate) fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many seeds a random test runs: what `TRUNKLINE_SEEDS` said when the tests were built, else `default`.
pub(crate) fn seeds(default: u64) -> u64 {
    option_env!("TRUNKLINE_SEEDS").and_then(|text| text.parse().ok()).unwrap_or(default)
}
