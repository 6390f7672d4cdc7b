use proptest::prelude::*;

use super::*;

const LIMIT: usize = 4 << 20;

fn packed(codec: Compression, input: &[u8]) -> Bytes {
    let mut out = Pool::global().take(0);
    compress(codec, None, input, &mut out).unwrap();
    out.freeze()
}

fn unpacked(codec: Compression, input: &Bytes) -> Result<Bytes, CompressionError> {
    decompress(codec, input, LIMIT, Pool::global())
}

#[test]
fn names_and_numbers_are_kafkas() {
    let table: Vec<_> = Compression::ALL
        .iter()
        .map(|codec| (codec.id(), codec.name()))
        .collect();
    assert_eq!(
        table,
        [
            (0, "none"),
            (1, "gzip"),
            (2, "snappy"),
            (3, "lz4"),
            (4, "zstd")
        ]
    );
    assert_eq!(Compression::from_id(5), Err(CompressionError::Unknown(5)));
    assert_eq!(Compression::from_name("zstd"), Some(Compression::Zstd));
    assert_eq!(Compression::from_name("producer"), None);
}

#[test]
fn the_limit_is_exact_for_every_codec() {
    let input = vec![b'x'; 300_000];
    for codec in Compression::ALL {
        let packed = packed(codec, &input);
        let whole = decompress(codec, &packed, input.len(), Pool::global());
        assert_eq!(whole.as_deref(), Ok(&input[..]), "{codec}");
        let limit = input.len() - 1;
        let refused = decompress(codec, &packed, limit, Pool::global());
        assert_eq!(
            refused,
            Err(CompressionError::TooLarge { codec, limit }),
            "{codec}"
        );
    }
}

#[test]
fn cut_input_is_an_error() {
    let input: Vec<u8> = (0..100_000u32)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761)).to_be_bytes())
        .collect();
    for codec in &Compression::ALL[1..] {
        let packed = packed(*codec, &input);
        for len in [1, packed.len() / 2, packed.len() - 5] {
            assert!(
                unpacked(*codec, &packed.slice(..len)).is_err(),
                "{codec} cut to {len}"
            );
        }
    }
}

#[test]
fn lz4_blocks_are_independent_and_of_64_kib() {
    let packed = packed(Compression::Lz4, b"x");
    assert_eq!(packed[..4], 0x184D_2204u32.to_le_bytes());
    assert_eq!(
        packed[4], 0b0110_0000,
        "version 1, independent, no checksums, no size"
    );
    assert_eq!(packed[5], 0x40, "64 KiB");
}

#[test]
fn snappy_is_read_raw_and_framed_and_written_framed() {
    let raw = Bytes::from(
        snap::raw::Encoder::new()
            .compress_vec(b"hello hello hello")
            .unwrap(),
    );
    assert_eq!(
        unpacked(Compression::Snappy, &raw).unwrap(),
        &b"hello hello hello"[..]
    );
    let framed = packed(Compression::Snappy, b"hello");
    assert!(framed.starts_with(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"));
}

#[test]
fn a_block_that_promises_a_gigabyte_is_refused_without_the_memory() {
    let lie = Bytes::from_static(&[0x80, 0x80, 0x80, 0x80, 0x04, 0x00]);
    let refused = decompress(Compression::Snappy, &lie, 2 << 30, Pool::global());
    assert!(
        matches!(refused, Err(CompressionError::Corrupt { .. })),
        "{refused:?}"
    );
}

#[test]
fn gzip_members_are_joined() {
    let both = [
        packed(Compression::Gzip, b"first "),
        packed(Compression::Gzip, b"second"),
    ]
    .concat();
    assert_eq!(
        unpacked(Compression::Gzip, &Bytes::from(both)).unwrap(),
        &b"first second"[..]
    );
}

#[test]
fn frames_are_joined() {
    for codec in [Compression::Lz4, Compression::Zstd] {
        let both = [packed(codec, b"first "), packed(codec, b"second")].concat();
        assert_eq!(
            unpacked(codec, &Bytes::from(both)).unwrap(),
            &b"first second"[..],
            "{codec}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn round_trips(input in prop::collection::vec(0u8..16, 0..40_000)) {
        for codec in Compression::ALL {
            let packed = packed(codec, &input);
            prop_assert_eq!(unpacked(codec, &packed).unwrap(), &input[..]);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read_without_a_panic(input: Vec<u8>, at in 0usize..500, byte: u8) {
        for codec in Compression::ALL {
            drop(unpacked(codec, &Bytes::from(input.clone())));
            let mut damaged = packed(codec, &vec![7; 5_000]).to_vec();
            let at = at % damaged.len();
            damaged[at] = byte;
            drop(unpacked(codec, &Bytes::from(damaged)));
        }
    }
}
