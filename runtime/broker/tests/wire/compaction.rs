//! Compacted topics as clients see them.

use std::time::{Duration, Instant};

use millrace_wire::batch::{ProducerIdentity, batches};
use millrace_wire::clock;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::pool::Pool;

use crate::support::{Client, TestBroker, batch_of, bytes_of};

const PATIENCE: Duration = Duration::from_secs(60);

/// Offsets, keys and values of all records of the partition.
async fn read_all(client: &mut Client, topic: &str) -> Vec<(i64, String, String)> {
    let mut all = Vec::new();
    let mut offset = 0;
    loop {
        let data = client.fetch(12, topic, offset, 0).await;
        assert_eq!(data.error_code, ErrorCode::NONE, "at offset {offset}");
        let bytes = bytes_of(&data);
        if bytes.is_empty() {
            return all;
        }
        for batch in batches(&bytes) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            offset = batch.header().next_offset();
            let decoded = batch.decode(1 << 20, Pool::global()).unwrap();
            let text = |span: millrace_wire::batch::Span| {
                String::from_utf8(span.of(&decoded.data).unwrap_or_default().to_vec()).unwrap()
            };
            let rows = decoded.rows.iter();
            all.extend(rows.map(|row| (row.offset, text(row.key), text(row.value))));
        }
    }
}

#[tokio::test]
async fn a_compacted_topic_keeps_the_last_value_of_each_key() {
    let broker = TestBroker::start(&[("log.cleaner.backoff.ms", "20")]).await;
    let mut client = broker.client().await;
    let configs = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.0"),
        ("segment.ms", "1"),
    ];
    client.create_topic("shop", 1, &configs).await;
    let now = clock::system().now_ms() - 1_000;
    for turn in 0..20_i64 {
        // Later than the segment is long: each batch begins the next one.
        let value = format!("value {turn}");
        let records = [(
            now + 10 * turn,
            Some(["a", "b"][turn as usize % 2]),
            &*value,
        )];
        let answer = client
            .produce(9, -1, "shop", batch_of(ProducerIdentity::NONE, &records))
            .await;
        assert_eq!(answer.error_code, ErrorCode::NONE);
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = read_all(&mut client, "shop").await;
        let last: Vec<_> = all.iter().rev().take(2).collect();
        assert_eq!(last[0], &(19, "b".to_owned(), "value 19".to_owned()));
        assert_eq!(last[1], &(18, "a".to_owned(), "value 18".to_owned()));
        // The active segment is never compacted, so one older value may stay beside the last ones.
        if all.len() <= 3 {
            break;
        }
        assert!(Instant::now() < deadline, "{all:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let data = client.fetch(12, "shop", 0, 0).await;
    assert_eq!((data.log_start_offset, data.high_watermark), (0, 20));
}
