#![allow(clippy::all)]
use millrace_storage::*;
use millrace_wire::{batch::*, clock, compression::Compression, pool::Pool, uuid::Uuid};
use std::time::Instant;
fn stat(what: &str) {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    let rss = s
        .lines()
        .find(|l| l.starts_with("VmRSS"))
        .unwrap()
        .to_string();
    println!(
        "{what}: {rss} fds {}",
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    );
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: i32 = args[2].parse().unwrap();
    let path: &std::path::Path = args[1].as_ref();
    let _ = std::fs::remove_dir_all(path);
    let open = || {
        let t = Instant::now();
        let r = DataDir::open(path, DataDirConfig::default(), clock::system()).unwrap();
        println!(
            "open {:?} clean {} scanned {}",
            t.elapsed(),
            r.1.clean,
            r.1.scanned_bytes
        );
        r.0
    };
    let dir = open();
    stat("start");
    let t = Instant::now();
    let logs: Vec<_> = (0..n)
        .map(|p| {
            dir.create_log("t", p, Uuid::ONE, LogConfig::default())
                .unwrap()
        })
        .collect();
    println!("create {n}: {:?}", t.elapsed());
    let mut b = BatchBuilder::new(Pool::global(), 100_000);
    b.append(1_763_000_000_000, None, Some(&[7; 1000]), Headers::NONE);
    let b = b
        .close(ProducerIdentity::NONE, Compression::None, None)
        .unwrap();
    for round in 0..3 {
        let t = Instant::now();
        let (tx, rx) = std::sync::mpsc::sync_channel(100_000);
        for log in &logs {
            let a = log.append(b.bytes(), 0, 1_763_000_000_000).unwrap();
            let tx = tx.clone();
            log.on_durable(
                a.last_offset + 1,
                Box::new(move |r| {
                    r.unwrap();
                    tx.send(()).unwrap();
                }),
            );
        }
        let appended = t.elapsed();
        for _ in &logs {
            rx.recv().unwrap();
        }
        println!(
            "round {round}: appended {appended:?} durable {:?}",
            t.elapsed()
        );
    }
    stat("written");
    drop(logs);
    let t = Instant::now();
    dir.close().unwrap();
    println!("close {:?}", t.elapsed());
    drop(dir);
    let dir = open();
    stat("clean");
    drop(dir);
    let dir = open();
    stat("unclean");
    dir.close().unwrap();
}
