//! Times the record path on one core: encode with checksum, and checksum with decode.
//!
//! `cargo run --release -p millrace-wire --example batch_timing`

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement by hand"
)]

use std::hint::black_box;
use std::time::Instant;

use millrace_wire::batch::{Append, BatchBuilder, Headers, ProducerIdentity, batches};
use millrace_wire::compression::Compression;
use millrace_wire::pool::Pool;

fn main() {
    println!("value  records  codec    encode ns  decode ns");
    for codec in Compression::ALL {
        for (value_len, count) in [
            (100, 160),
            (100, 5_000),
            (200, 80),
            (200, 5_000),
            (1_000, 500),
        ] {
            time(value_len, count, codec);
        }
    }
}

fn time(value_len: usize, count: usize, codec: Compression) {
    let pool = Pool::global();
    let lines: Vec<u8> = (0..value_len * count)
        .map(|i| b"GET /orders/4711 200 "[i * i % 20])
        .collect();
    let rounds = if codec == Compression::None {
        2_000_000
    } else {
        200_000
    } / count;
    let mut rows = Vec::new();
    let (mut encode, mut decode) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(build(&lines, value_len, codec));
        }
        encode.push(start.elapsed());
        let bytes = build(&lines, value_len, codec);
        let start = Instant::now();
        for _ in 0..rounds {
            let batch = batches(&bytes).next().unwrap().unwrap();
            batch.check_crc().unwrap();
            black_box(batch.decode_into(&mut rows, 64 << 20, pool).unwrap());
        }
        decode.push(start.elapsed());
    }
    encode.sort();
    decode.sort();
    let ns = |times: &[std::time::Duration]| times[3].as_nanos() as f64 / (rounds * count) as f64;
    println!(
        "{value_len:5}  {count:7}  {codec:7}  {:9.1}  {:9.1}",
        ns(&encode),
        ns(&decode)
    );
}

fn build(lines: &[u8], value_len: usize, codec: Compression) -> bytes::Bytes {
    let mut builder = BatchBuilder::new(Pool::global(), 4 << 20);
    for line in lines.chunks_exact(value_len) {
        let outcome = builder.append(
            1_700_000_000_000,
            None,
            Some(black_box(line)),
            Headers::NONE,
        );
        assert_eq!(outcome, Append::Added);
    }
    builder
        .close(ProducerIdentity::NONE, codec, None)
        .unwrap()
        .bytes()
        .clone()
}
