//! Made-up messages for tests: every field that a version has is filled in, nulls and tagged fields among them.

use bytes::Bytes;

use crate::codec::Nullable;
use crate::error_code::ErrorCode;
use crate::records::Records;
use crate::uuid::Uuid;

/// A seeded source of values.
pub(crate) struct Sampler {
    state: u64,
}

impl Sampler {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 32) % bound
    }
}

/// A value of a field; `nullable` lets it be null where the type can be.
pub(crate) trait Sample: Sized {
    fn sample(sampler: &mut Sampler, version: i16, nullable: bool) -> Self;
}

macro_rules! scalar {
    ($($type:ty),*) => {$(
        impl Sample for $type {
            fn sample(sampler: &mut Sampler, _version: i16, _nullable: bool) -> Self {
                let bits = sampler.next();
                // Small numbers, the ends and anything between.
                match sampler.below(4) {
                    0 => (bits % 128) as $type,
                    1 => <$type>::MAX,
                    2 => -1,
                    _ => bits as $type,
                }
            }
        }
    )*};
}

scalar!(i8, i16, i32, i64);

impl Sample for bool {
    fn sample(sampler: &mut Sampler, _version: i16, _nullable: bool) -> Self {
        sampler.below(2) == 0
    }
}

impl Sample for ErrorCode {
    fn sample(sampler: &mut Sampler, _version: i16, _nullable: bool) -> Self {
        ErrorCode(sampler.below(120) as i16 - 1)
    }
}

impl Sample for Uuid {
    fn sample(sampler: &mut Sampler, _version: i16, _nullable: bool) -> Self {
        Uuid((u128::from(sampler.next()) << 64 | u128::from(sampler.next())).to_be_bytes())
    }
}

impl Sample for String {
    fn sample(sampler: &mut Sampler, _version: i16, _nullable: bool) -> Self {
        let length = match sampler.below(8) {
            0 => 0,
            1 => 130,
            length => length,
        };
        (0..length)
            .map(|_| ['a', 'Z', '-', '7', 'é'][sampler.below(5) as usize])
            .collect()
    }
}

impl Sample for Bytes {
    fn sample(sampler: &mut Sampler, _version: i16, _nullable: bool) -> Self {
        let length = [0, 1, 20, 200, 3000][sampler.below(5) as usize];
        (0..length).map(|_| sampler.next() as u8).collect()
    }
}

impl Sample for Records {
    fn sample(sampler: &mut Sampler, version: i16, nullable: bool) -> Self {
        Records::from(Bytes::sample(sampler, version, nullable))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(sampler: &mut Sampler, version: i16, _nullable: bool) -> Self {
        (0..sampler.below(4))
            .map(|_| T::sample(sampler, version, true))
            .collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(sampler: &mut Sampler, version: i16, nullable: bool) -> Self {
        let is_null = nullable && sampler.below(4) == 0;
        (!is_null).then(|| T::sample(sampler, version, nullable))
    }
}

impl<T: Sample> Sample for Nullable<T> {
    fn sample(sampler: &mut Sampler, version: i16, nullable: bool) -> Self {
        Nullable(Option::sample(sampler, version, nullable))
    }
}
