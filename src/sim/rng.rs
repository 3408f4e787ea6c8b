//! Randomness of the world: one seeded stream of integers (xoshiro256++ of Blackman and Vigna 2018, seeded by
//! SplitMix64) and the few distributions that people need, in whole numbers, since a float's last bit may differ
//! from machine to machine and the same seed has to give the same bytes everywhere.

/// Mixes 64 bits: the finaliser of SplitMix64, a bijection.
#[inline]
pub const fn mix(value: u64) -> u64 {
    let z = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of random integers.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

/// One, in the fixed-point numbers of `Rng::exponential`.
pub const ONE: u64 = 1 << 16;

impl Rng {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Rng {
        let mut state = [0; 4];
        for (place, word) in state.iter_mut().enumerate() {
            *word = mix(seed.wrapping_add((place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        Rng { state }
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let shifted = b << 17;
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ shifted, d.rotate_left(45)];
        result
    }

    /// A number of `0..below`; `below` may not be 0. (The bias of the multiplication is below 2⁻³².)
    #[inline]
    pub fn below(&mut self, below: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(below)) >> 32) as u32
    }

    /// A number of `from..=to`.
    #[inline]
    pub fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.below(to - from + 1)
    }

    /// Whether something happens that happens `per_mille` times in a thousand.
    #[inline]
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < per_mille
    }

    /// Whether something happens that happens `per_million` times in a million.
    #[inline]
    pub fn rarely(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < per_million
    }

    /// Exponentially distributed with mean `ONE`: −ln u, the binary logarithm's fraction by a parabola
    /// (log2(1 + f) ≈ f + 0.343·f·(1 − f), off by less than 0.005).
    #[inline]
    pub fn exponential(&mut self) -> u64 {
        let bits = self.bits() | 1;
        let zeros = bits.leading_zeros();
        let fraction = ((bits << zeros) << 1) >> 48;
        let log = fraction + ((22_479 * ((fraction * (ONE - fraction)) >> 16)) >> 16);
        let minus_log2 = u64::from(zeros + 1) * ONE - log;
        (minus_log2 * 45_426) >> 16
    }

    /// A waiting time with this mean, exponentially distributed.
    #[inline]
    pub fn wait(&mut self, mean_ms: u32) -> u32 {
        ((u64::from(mean_ms) * self.exponential()) >> 16) as u32
    }

    /// How long a piece of work takes: Erlang with two phases, so that very short ones are rare.
    #[inline]
    pub fn work(&mut self, mean_ms: u32) -> u32 {
        ((u64::from(mean_ms) * (self.exponential() + self.exponential())) >> 17) as u32
    }

    /// A place of `0..count`, the low ones more often: three in ten alike, the others as the square of a
    /// uniform number, so that the first hundredth comes seven times as often as its share.
    #[inline]
    pub fn popular(&mut self, count: u32) -> u32 {
        let bits = self.bits();
        let uniform = bits >> 32;
        let place = if bits & 1_023 < 307 { uniform } else { (uniform * uniform) >> 32 };
        ((place * u64::from(count)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_stream() {
        let stream = |seed| {
            let mut rng = Rng::new(seed);
            (0..100).map(|_| rng.bits()).collect::<Vec<_>>()
        };
        assert_eq!(stream(7), stream(7));
        assert_ne!(stream(7), stream(8));
    }

    #[test]
    fn means_are_as_promised() {
        let mut rng = Rng::new(1);
        let mean =
            |draw: &mut dyn FnMut() -> u32| (0..100_000).map(|_| u64::from(draw())).sum::<u64>() / 100_000;
        assert!((9_800..10_200).contains(&mean(&mut || rng.wait(10_000))));
        assert!((9_800..10_200).contains(&mean(&mut || rng.work(10_000))));
        assert!((490..510).contains(&mean(&mut || rng.below(1_000))));
        assert!((95..105).contains(&mean(&mut || if rng.chance(100) { 1_000 } else { 0 })));
    }

    #[test]
    fn the_popular_come_more_often() {
        let mut rng = Rng::new(2);
        let first = (0..100_000).filter(|_| rng.popular(1_000_000) < 10_000).count();
        assert!((6_000..9_000).contains(&first), "{first}");
    }
}
