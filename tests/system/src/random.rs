//! Random numbers that a seed repeats: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

/// A generator of pseudo-random numbers; not for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator that `seed` stands for.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }
}
