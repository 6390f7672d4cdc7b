#![allow(clippy::all)]
use millrace_storage::*;
use millrace_wire::{batch::*, clock, compression::Compression, pool::Pool, uuid::Uuid};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (dir, rec) = DataDir::open(
        args[2].as_ref(),
        DataDirConfig {
            node_id: 1,
            log_defaults: LogConfig::default(),
            ..Default::default()
        },
        clock::system(),
    )
    .unwrap();
    println!("{rec:?} epoch {}", dir.leader_epoch());
    if args[1] == "write" {
        let log = dir
            .create_log(
                "shop",
                0,
                Uuid::random().unwrap(),
                LogConfig {
                    segment_bytes: 200_000,
                    ..Default::default()
                },
            )
            .unwrap();
        let mut seq = 0;
        for i in 0..400i64 {
            let codec = Compression::ALL[(i % 5) as usize];
            let mut b = BatchBuilder::new(Pool::global(), 100_000);
            let n = 1 + i % 40;
            for r in 0..n {
                b.append(
                    1_763_000_000_000 + i * 1000 + r,
                    Some(format!("k{r}").as_bytes()),
                    Some(&vec![b'v'; (i * 7 % 300) as usize]),
                    Headers::NONE,
                );
            }
            let id = if i % 2 == 0 {
                let s = seq;
                seq += n as i32;
                ProducerIdentity {
                    producer_id: 7,
                    epoch: 0,
                    base_sequence: s,
                    transactional: false,
                }
            } else {
                ProducerIdentity::NONE
            };
            let b = b.close(id, codec, None).unwrap();
            log.append(b.bytes(), log.leader_epoch(), clock::system().now_ms())
                .unwrap();
        }
    }
    for log in dir.logs() {
        let mut offset = log.log_start_offset();
        let mut n = 0;
        loop {
            let r = log
                .read(offset, 1 << 20, true, Isolation::ReadUncommitted)
                .unwrap();
            let Some(f) = r.records else { break };
            let mut buf = vec![0; f.len];
            f.read_into(&mut buf).unwrap();
            for b in batches(&buf.into()) {
                let b = b.unwrap();
                b.check_crc().unwrap();
                n += b.decode(1 << 30, Pool::global()).unwrap().rows.len();
                offset = b.header().next_offset();
            }
        }
        if log.log_end_offset() > 0 {
            println!(
                "{log:?} id {} records {n} segs {} max {:?} epoch {:?}",
                log.topic_id(),
                log.segment_count(),
                log.offset_of_max_timestamp(Isolation::ReadUncommitted),
                log.latest_epoch()
            );
        }
    }
    println!("{} logs", dir.logs().len());
    if args.get(3).is_none() {
        dir.close().unwrap();
    }
}
