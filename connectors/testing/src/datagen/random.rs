//! Numbers that look random and follow from where they stand.

/// The random numbers of one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Random(u64);

impl Random {
    /// Those of record `number` of a stream.
    pub(super) fn of(stream: u64, number: i64) -> Self {
        Self(mix(stream ^ mix(number as u64)))
    }

    /// The next number (SplitMix64, Steele, Lea and Flood 2014).
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 up to, not including, `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 up to, not including, 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `choices`, the first ones more often: each is half as likely as the one before it.
    pub(super) fn mostly_first<T: Copy>(&mut self, choices: &[T]) -> T {
        let place = self.bits().trailing_zeros() as usize;
        choices[place % choices.len()]
    }

    /// One of `choices`.
    pub(super) fn any<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Which of a number of keys a record falls on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    count: f64,
    skew: f64,
}

impl Keys {
    pub(super) fn new(count: i32, skew: f64) -> Self {
        Self {
            count: f64::from(count),
            skew,
        }
    }

    /// A key from 0; with a skew the low ones come more often, by the inverse of a bounded Pareto distribution.
    pub(super) fn pick(&self, random: &mut Random) -> u64 {
        let unit = random.unit();
        if self.skew == 0.0 {
            return (unit * self.count) as u64;
        }
        let behind = self.count + 1.0;
        let rank = if (self.skew - 1.0).abs() < 1e-9 {
            behind.powf(unit)
        } else {
            let flat = 1.0 - self.skew;
            ((behind.powf(flat) - 1.0) * unit + 1.0).powf(1.0 / flat)
        };
        (rank.min(self.count) as u64).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_its_own_numbers() {
        let mut first = Random::of(7, 41);
        let mut again = Random::of(7, 41);
        assert_eq!(first.bits(), again.bits());
        assert_ne!(Random::of(7, 42).bits(), Random::of(7, 41).bits());
        assert_ne!(Random::of(8, 41).bits(), Random::of(7, 41).bits());
    }

    #[test]
    fn skew_decides_how_busy_the_first_key_is() {
        for (skew, least, most) in [(0.0, 50, 150), (1.0, 1_200, 1_800), (2.0, 4_500, 5_500)] {
            let keys = Keys::new(100, skew);
            let picked: Vec<u64> = (0..10_000)
                .map(|number| keys.pick(&mut Random::of(1, number)))
                .collect();
            assert!(picked.iter().all(|key| *key < 100));
            let first = picked.iter().filter(|key| **key == 0).count();
            assert!((least..=most).contains(&first), "skew {skew}: {first}");
        }
    }
}
