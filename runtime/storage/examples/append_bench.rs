//! Appends with several batches in flight, each waiting for its sync, against a plain loop that writes
//! the same bytes and never syncs.
//!
//! `append_bench [DIRECTORY] [MEGABYTES]`; the directory needs room for twice as much.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use bytes::Bytes;
use millrace_storage::{DataDir, DataDirConfig, Durability, Isolation, Log, LogConfig};
use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::clock;
use millrace_wire::compression::Compression;
use millrace_wire::crc::crc32c;
use millrace_wire::pool::Pool;
use millrace_wire::uuid::Uuid;

const ROUNDS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(
        arguments
            .next()
            .unwrap_or_else(|| "append-bench-data".into()),
    );
    let bytes = arguments.next().map_or(1 << 30, |megabytes| {
        megabytes.parse::<usize>().unwrap() << 20
    });
    for batch_bytes in [16 << 10, 512 << 10, 1 << 20] {
        let batch = batch(batch_bytes);
        let count = bytes / batch.len();
        for (what, durability, in_flight) in [
            ("plain", None, 0),
            ("page cache", Some(Durability::PageCache), 5),
            ("fsync, 5 in flight", Some(Durability::Fsync), 5),
            ("fsync, 10 in flight", Some(Durability::Fsync), 10),
        ] {
            let mut rates: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    let seconds = match durability {
                        None => plain(&dir, &batch, count),
                        Some(durability) => appends(&dir, &batch, count, durability, in_flight),
                    };
                    (batch.len() * count) as f64 / seconds / 1e6
                })
                .collect();
            rates.sort_by(f64::total_cmp);
            let (low, median, high) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
            println!(
                "{:>5} KiB  {what:<20} {median:>6.0} MB/s  ({low:.0} to {high:.0})",
                batch_bytes >> 10
            );
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

fn batch(bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Pool::global(), bytes);
    let value = [b'x'; 100];
    while builder.len() + 120 < bytes {
        builder.append(1_700_000_000_000, None, Some(&value), Headers::NONE);
    }
    builder
        .close(ProducerIdentity::NONE, Compression::None, None)
        .unwrap()
        .bytes()
        .clone()
}

fn plain(dir: &Path, batch: &Bytes, count: usize) -> f64 {
    std::fs::create_dir_all(dir).unwrap();
    let path = dir.join("plain");
    let file = File::create(&path).unwrap();
    let start = Instant::now();
    for index in 0..count {
        assert!(crc32c(&batch[21..]) != 0);
        file.write_all_at(batch, (index * batch.len()) as u64)
            .unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    seconds
}

/// Counts the batches in flight.
#[derive(Default)]
struct Flight {
    count: Mutex<usize>,
    landed: Condvar,
}

fn appends(
    dir: &Path,
    batch: &Bytes,
    count: usize,
    durability: Durability,
    in_flight: usize,
) -> f64 {
    let config = DataDirConfig {
        durability,
        ..DataDirConfig::default()
    };
    let (data_dir, _) = DataDir::open(dir, config, clock::system()).unwrap();
    let log_config = LogConfig {
        max_message_bytes: 8 << 20,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    };
    let log = data_dir
        .create_log("bench", 0, Uuid::ONE, log_config)
        .unwrap();
    let flight = Arc::new(Flight::default());
    let start = Instant::now();
    for _ in 0..count {
        drop(
            flight
                .landed
                .wait_while(flight.count.lock().unwrap(), |count| *count >= in_flight)
                .unwrap(),
        );
        append(&log, batch, &flight);
    }
    drop(
        flight
            .landed
            .wait_while(flight.count.lock().unwrap(), |count| *count > 0)
            .unwrap(),
    );
    let seconds = start.elapsed().as_secs_f64();
    assert!(
        log.read(0, 1 << 20, true, Isolation::ReadUncommitted)
            .unwrap()
            .len()
            >= batch.len()
    );
    data_dir.delete_log("bench", 0).unwrap();
    data_dir.remove_deleted();
    seconds
}

fn append(log: &Arc<Log>, batch: &Bytes, flight: &Arc<Flight>) {
    let appended = log
        .append(batch, log.leader_epoch(), 1_700_000_000_000)
        .unwrap();
    *flight.count.lock().unwrap() += 1;
    let flight = Arc::clone(flight);
    let landed = move |outcome: Result<(), _>| {
        outcome.unwrap();
        *flight.count.lock().unwrap() -= 1;
        flight.landed.notify_one();
    };
    log.on_durable(appended.last_offset + 1, Box::new(landed));
}
