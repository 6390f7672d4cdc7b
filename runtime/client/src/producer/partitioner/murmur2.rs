//! The hash by which Kafka's Java client gives keys to partitions: MurmurHash2 with a fixed seed.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The hash of Kafka's Java client.
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    let mut hash = SEED ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        word = word.wrapping_mul(M);
        word ^= word >> R;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (at, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_java_client() {
        let table: &[(&[u8], i32)] = &[
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in table {
            assert_eq!(
                murmur2(key).cast_signed(),
                *hash,
                "{}",
                String::from_utf8_lossy(key)
            );
        }
    }

    /// A key of each length, with bytes above 127 too.
    #[test]
    fn keys_of_every_length_hash_as_in_java() {
        let hashes = [
            275_646_681,
            -1_229_348_525,
            1_838_288_643,
            -634_483_370,
            106_769_816,
            347_634_407,
            1_119_162_683,
            -563_312_760,
            135_166_404,
            -1_554_976_469,
            -784_100_633,
            1_956_092_031,
            437_551_147,
            738_980_415,
            -977_120_361,
            -1_207_267_206,
            -802_100_783,
            -2_068_842_901,
            780_921_451,
            2_116_880_017,
            -106_879_489,
            747_563_056,
            -1_333_667_784,
            -481_698_793,
            -1_378_925_385,
            -850_328_808,
            -88_731_696,
            -2_112_349_611,
            -1_240_141_865,
            -524_481_701,
            -1_991_090_778,
            -187_935_129,
            -289_546_294,
            -1_692_477_605,
            346_846_502,
            -268_783_083,
            -1_875_660_971,
            -680_000_821,
            -1_843_326_922,
            -1_246_981_162,
        ];
        for (length, hash) in hashes.into_iter().enumerate() {
            let key: Vec<u8> = (0..length)
                .map(|at| (length * 31 + at * 151 + 7) as u8)
                .collect();
            assert_eq!(murmur2(&key).cast_signed(), hash, "{length} bytes");
        }
    }
}
