//! Batches as a producer would send them.

use bytes::Bytes;
use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::compression::Compression;
use millrace_wire::pool::Pool;

/// A record of a test: time, key, value.
pub type TestRecord<'a> = (i64, Option<&'a [u8]>, Option<&'a [u8]>);

/// Room for every record of a test's batch.
const LIMIT: usize = 64 << 20;

/// One batch of these records from a producer without idempotence.
#[must_use]
pub fn batch(records: &[TestRecord<'_>], codec: Compression) -> Bytes {
    batch_from(ProducerIdentity::NONE, records, codec)
}

/// One batch of these records.
///
/// # Panics
///
/// Where the records are none a batch can hold.
#[must_use]
pub fn batch_from(
    identity: ProducerIdentity,
    records: &[TestRecord<'_>],
    codec: Compression,
) -> Bytes {
    let mut builder = BatchBuilder::new(Pool::global(), LIMIT);
    for &(timestamp, key, value) in records {
        builder.append(timestamp, key, value, Headers::NONE);
    }
    let closed = builder
        .close(identity, codec, None)
        .expect("the codecs are built in");
    closed.bytes().clone()
}

/// One uncompressed batch of values, all at the same time.
#[must_use]
pub fn value_batch(timestamp: i64, values: &[&[u8]]) -> Bytes {
    let records: Vec<_> = values
        .iter()
        .map(|value| (timestamp, None, Some(*value)))
        .collect();
    batch(&records, Compression::None)
}
