//! Checks of what producers and consumers do.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use rdkafka::{
    Message as _, Offset,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::RDKafkaErrorCode,
};
use tokio::time;

use crate::clients::{
    PATIENCE, at, create, grouped, read, reader, record, refused, send, send_numbers, unique,
};

pub(crate) async fn idempotent(server: &str) -> anyhow::Result<()> {
    let topic = unique("idempotent");
    create(server, &topic, 1, &[]).await?;
    let values: Vec<_> = (0..20_000).map(|number: i64| number.to_string()).collect();
    let records = values.iter().map(|value| record(&topic, value.as_bytes()));
    let settings = [("enable.idempotence", "true"), ("batch.size", "4000")];
    let answers = send(server, records, &settings).await?;
    ensure!(
        answers.iter().map(|answer| answer.offset).eq(0..20_000),
        "answers name other offsets"
    );
    let settings = [("isolation.level", "read_committed")];
    let reader = reader(server, &topic, Offset::Beginning, &settings)?;
    let read = read(&reader, values.len()).await?;
    for (value, record) in values.iter().zip(&read) {
        ensure!(
            record.payload() == Some(value.as_bytes()),
            "{value} became {record:?}"
        );
    }
    Ok(())
}

pub(crate) async fn large(server: &str) -> anyhow::Result<()> {
    const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
    let (topic, payload) = (unique("large"), noise(900_000));
    create(server, &topic, 1, &[]).await?;
    for codec in CODECS {
        send(
            server,
            [record(&topic, &payload)],
            &[("compression.codec", codec)],
        )
        .await?;
    }
    let settings = [("max.partition.fetch.bytes", "1000")];
    let reader = reader(server, &topic, Offset::Beginning, &settings)?;
    for record in read(&reader, CODECS.len()).await? {
        ensure!(
            record.payload() == Some(&payload),
            "other bytes came back at {}",
            record.offset()
        );
    }
    let more = noise(2_000_000);
    let result = send(
        server,
        [record(&topic, &more)],
        &[("message.max.bytes", "4000000")],
    );
    let code = result.await.map_err(|error| {
        error
            .rdkafka_error_code()
            .unwrap_or(RDKafkaErrorCode::Unknown)
    });
    refused(RDKafkaErrorCode::MessageSizeTooLarge, code)
}

pub(crate) async fn commit(server: &str) -> anyhow::Result<()> {
    let (topic, group) = (unique("commit"), unique("commit"));
    create(server, &topic, 1, &[]).await?;
    send_numbers(server, &topic, 10).await?;
    let join = || -> anyhow::Result<StreamConsumer> {
        let consumer: StreamConsumer = grouped(server, &group).create()?;
        consumer.subscribe(&[&topic])?;
        Ok(consumer)
    };
    let first = join()?;
    let records = read(&first, 4).await?;
    ensure!(records[0].offset() == 0, "not from the start");
    first.commit(&at(&topic, Offset::Offset(4))?, CommitMode::Sync)?;
    drop(first);
    let rest = read(&join()?, 6).await?;
    ensure!(
        rest[0].offset() == 4,
        "after the commit came {}",
        rest[0].offset()
    );
    Ok(())
}

pub(crate) async fn seek(server: &str) -> anyhow::Result<()> {
    let topic = unique("seek");
    create(server, &topic, 1, &[]).await?;
    let noon = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let records = (0..10).map(|second| record(&topic, b"value").timestamp(noon + second * 1000));
    send(server, records, &[]).await?;
    let reset = [("auto.offset.reset", "earliest")];
    let reader = reader(server, &topic, Offset::Offset(7), &reset)?;
    ensure!(read(&reader, 1).await?[0].offset() == 7, "not from 7");
    // Beyond the end the reset policy decides: from the start.
    let places = [
        (Offset::Offset(2), 2),
        (Offset::Beginning, 0),
        (Offset::Offset(9), 9),
        (Offset::OffsetTail(3), 7),
        (Offset::Offset(1000), 0),
    ];
    for (place, expected) in places {
        reader.seek(&topic, 0, place, PATIENCE)?;
        let found = read(&reader, 1).await?[0].offset();
        ensure!(found == expected, "{place:?} is {found}");
    }
    let ends = reader.fetch_watermarks(&topic, 0, PATIENCE)?;
    ensure!(ends == (0, 10), "the ends are {ends:?}");
    let times = at(&topic, Offset::Offset(noon + 4500))?;
    let found = reader.offsets_for_times(times, PATIENCE)?.elements()[0].offset();
    ensure!(found == Offset::Offset(5), "by time: {found:?}");
    Ok(())
}

pub(crate) async fn long_poll(server: &str) -> anyhow::Result<()> {
    let topic = unique("late");
    create(server, &topic, 1, &[]).await?;
    let settings = [("fetch.wait.max.ms", "5000")];
    let reader = reader(server, &topic, Offset::Beginning, &settings)?;
    let begun = Instant::now();
    let late = async {
        time::sleep(Duration::from_millis(1500)).await;
        send_numbers(server, &topic, 1).await
    };
    let (records, sent) = tokio::join!(read(&reader, 1), late);
    let waited = begun.elapsed();
    sent?;
    records?;
    let expected = Duration::from_millis(1400)..Duration::from_secs(4);
    ensure!(
        expected.contains(&waited),
        "the record came after {waited:?}"
    );
    Ok(())
}

/// Bytes that no codec makes smaller, the same each time.
fn noise(size: usize) -> Vec<u8> {
    let mut state = size as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..size).map(|_| next()).collect()
}
