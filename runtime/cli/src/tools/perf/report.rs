//! What a test of a producer prints: Kafka's lines, or JSON.

use serde_json::{Value, json};

use super::{
    MEGABYTE,
    latency::{Counts, Summary},
};

/// How far the last seconds came.
pub(super) fn window_line(counts: &Counts, record_bytes: f64, seconds: f64) -> String {
    let rate = counts.records as f64 / seconds;
    format!(
        "{} records sent, {rate:.1} records/sec ({:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.\n",
        counts.records,
        rate * record_bytes / MEGABYTE,
        counts.average_ms(),
        counts.max_ms(),
    )
}

/// How the test went; `what` says of which records.
pub(super) fn summary_line(
    summary: &Summary,
    record_bytes: f64,
    seconds: f64,
    what: &str,
) -> String {
    let counts = &summary.counts;
    let [p50, p95, p99, p999] = summary.percentiles;
    let rate = counts.records as f64 / seconds;
    format!(
        "{}{what} records sent, {rate:.1} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, \
         {p50} ms 50th, {p95} ms 95th, {p99} ms 99th, {p999} ms 99.9th.\n",
        counts.records,
        rate * record_bytes / MEGABYTE,
        counts.average_ms(),
        counts.max_ms(),
    )
}

/// The same as an object.
pub(super) fn document(summary: &Summary, record_bytes: f64, seconds: f64) -> Value {
    let counts = &summary.counts;
    let [p50, p95, p99, p999] = summary.percentiles;
    let rate = counts.records as f64 / seconds;
    json!({
        "records": counts.records,
        "recordsPerSecond": rate,
        "megabytesPerSecond": rate * record_bytes / MEGABYTE,
        "latencyMs": {
            "avg": counts.average_ms(),
            "max": counts.max_ms(),
            "p50": p50,
            "p95": p95,
            "p99": p99,
            "p99.9": p999,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{Counts, MEGABYTE, window_line};

    #[test]
    fn bytes_are_those_of_the_records_that_are_counted() {
        let mut counts = Counts::default();
        counts.records = 20;
        assert!(
            window_line(&counts, MEGABYTE / 2.0, 5.0)
                .starts_with("20 records sent, 4.0 records/sec (2.00 MB/sec), ")
        );
    }
}
