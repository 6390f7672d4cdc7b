//! What a chain costs: RegexRouter, InsertField and ReplaceField on JSON without a schema, from bytes to bytes, in one
//! thread.
//!
//! Times are the thread's own on a processor, which a busy machine disturbs least. The bound does the same to each
//! object with a JSON library, topic and all, and nothing around it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use millrace_api::{
    Cell, Column, Converter, ConverterKind, Records, Row, SinkBatch, SinkRun, Span, Transform,
};
use millrace_plugins::JsonConverter;
use millrace_testkit::properties;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value as Json};

use crate::case::{Case, Codec, Run, Sample};

/// Records of one batch, as a fetch brings them.
const BATCH: usize = 500;

/// Different records; the whole of them is gone through again and again.
const RECORDS: usize = 20_000;

const TOPIC: &str = "orders-eu";

const STEPS: [(&str, &[(&str, &str)]); 3] = [
    (
        "org.apache.kafka.connect.transforms.RegexRouter",
        &[("regex", "orders-(.*)"), ("replacement", "shop.$1")],
    ),
    (
        "org.apache.kafka.connect.transforms.InsertField$Value",
        &[("topic.field", "topic"), ("offset.field", "offset")],
    ),
    (
        "org.apache.kafka.connect.transforms.ReplaceField$Value",
        &[("exclude", "internal"), ("renames", "id:order")],
    ),
];

/// The case for records of about this many bytes, which together have so many.
pub(crate) fn case(line_bytes: usize, bytes: u64) -> Case {
    let values: Arc<[String]> = (0..RECORDS).map(|id| record(id, line_bytes)).collect();
    let size: usize = values.iter().map(String::len).sum();
    let rounds = (bytes / size as u64).max(1);
    let run = |once: fn(&[String], u64) -> anyhow::Result<Duration>| -> Run {
        let values = Arc::clone(&values);
        Box::new(move || {
            Ok(Sample {
                bytes: rounds * size as u64,
                records: rounds * RECORDS as u64,
                elapsed: once(&values, rounds)?,
            })
        })
    };
    Case {
        name: "chain",
        line_bytes,
        codec: Codec::Plain,
        bound: run(bound),
        millrace: Some(run(millrace)),
    }
}

/// An order, padded to the length asked for, if that is more.
fn record(id: usize, line_bytes: usize) -> String {
    let text = |pad: &str| {
        let (cents, node) = (id % 10_000, id % 7);
        format!(
            r#"{{"id":{id},"user":"u-{node}","total":{cents}.25,"paid":true,"items":3,"internal":"node-{node}","note":"{pad}"}}"#
        )
    };
    let missing = (line_bytes - 1).saturating_sub(text("").len());
    text(&"x".repeat(missing))
}

fn millrace(values: &[String], rounds: u64) -> anyhow::Result<Duration> {
    let (converter, steps) = (converter()?, steps()?);
    let batches: Vec<_> = values.chunks(BATCH).map(block).collect();
    let mut out = Vec::new();
    let started = processor_time();
    for _ in 0..rounds {
        for (block, rows) in &batches {
            pass(block, rows, &converter, &steps, &mut out)?;
        }
    }
    Ok(processor_time() - started)
}

/// The bytes of a batch, and the rows in it.
fn block(values: &[String]) -> (Bytes, Vec<Row>) {
    let mut block = Vec::new();
    let rows = (0..).zip(values).map(|(offset, value)| {
        let start = block.len() as u32;
        block.extend_from_slice(value.as_bytes());
        Row {
            key: Span::NULL,
            value: Span {
                block: 0,
                start,
                len: value.len() as u32,
            },
            headers: Span::EMPTY,
            timestamp: 1_700_000_000_000,
            mark: offset,
        }
    });
    let rows = rows.collect();
    (block.into(), rows)
}

/// Takes a batch from bytes to bytes, as the worker does.
fn pass(
    block: &Bytes,
    rows: &[Row],
    converter: &JsonConverter,
    steps: &[Box<dyn Transform>],
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let mut values = Vec::with_capacity(rows.len());
    for row in rows {
        let start = row.value.start as usize;
        let bytes = &block[start..start + row.value.len as usize];
        values.push(Converter::decode(converter, TOPIC, Some(bytes))?);
    }
    let mut batch = SinkBatch::new();
    batch.push_block(block.clone());
    batch.begin_run(SinkRun {
        end: 0,
        topic: TOPIC.into(),
        original_topic: None,
        partition: 0,
        log_append_time: false,
        key: Column::Null,
        value: Column::Owned(values),
        headers: None,
    });
    batch.extend(rows.iter().copied());
    let mut records = Records::from(batch);
    for step in steps {
        step.apply(&mut records);
    }
    if let Some(failed) = records.take_failed().pop() {
        return Err(failed.error.into());
    }
    out.clear();
    for row in records.into_sink().rows() {
        if let Cell::Value(datum) = row.value() {
            Converter::encode(converter, row.topic(), datum, out)?;
        }
    }
    Ok(())
}

fn converter() -> anyhow::Result<JsonConverter> {
    let mut converter = JsonConverter::default();
    let settings = properties(&[("schemas.enable", "false")]);
    Converter::configure(&mut converter, &settings, ConverterKind::Value)?;
    Ok(converter)
}

fn steps() -> anyhow::Result<Vec<Box<dyn Transform>>> {
    let step = |(class, settings): (&str, &[(&str, &str)])| {
        let mut all = millrace_plugins::transforms().iter();
        let plugin = all.find(|plugin| plugin.class == class);
        let plugin = plugin.with_context(|| format!("there is no transform {class}"))?;
        let mut transform = (plugin.create)();
        transform.configure(&properties(settings))?;
        Ok(transform)
    };
    STEPS.into_iter().map(step).collect()
}

fn bound(values: &[String], rounds: u64) -> anyhow::Result<Duration> {
    let mut out = Vec::new();
    let mut topic = String::new();
    let started = processor_time();
    for _ in 0..rounds {
        for values in values.chunks(BATCH) {
            out.clear();
            for (offset, value) in values.iter().enumerate() {
                topic.clear();
                topic.push_str("shop.");
                topic.push_str(TOPIC.trim_start_matches("orders-"));
                let mut object: Map<String, Json> = serde_json::from_str(value)?;
                object.insert("topic".to_owned(), topic.as_str().into());
                object.insert("offset".to_owned(), offset.into());
                object.remove("internal");
                let id = object.remove("id").ok_or_else(|| anyhow!("no id"))?;
                object.insert("order".to_owned(), id);
                serde_json::to_writer(&mut out, &object)?;
            }
        }
    }
    Ok(processor_time() - started)
}

/// The time that this thread has had on a processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_length_and_change_as_they_should() {
        let values = [record(7, 200)];
        assert_eq!(values[0].len(), 199);
        let (block, rows) = block(&values);
        let mut out = Vec::new();
        pass(
            &block,
            &rows,
            &converter().unwrap(),
            &steps().unwrap(),
            &mut out,
        )
        .unwrap();
        let changed: Json = serde_json::from_slice(&out).unwrap();
        assert_eq!(changed["order"], 7);
        assert_eq!(changed["topic"], "shop.eu");
        assert_eq!(changed["offset"], 0);
        assert!(changed.get("internal").is_none());
    }
}
