//! Record batches, format v2: a header of 61 bytes and records, compressed as one block.
//!
//! [`BatchBuilder`] encodes records straight into one pooled buffer; [`batches`] walks what a fetch
//! or a segment holds; [`Batch::decode`] gives rows of ranges into the batch's own bytes. Nothing
//! here allocates a record. All integers are big-endian, the layout is in [`header`].

mod decode;
mod encode;
mod error;
pub mod header;
mod headers;
mod iter;
mod rows;

pub use decode::Decoded;
pub use encode::{Append, BatchBuilder, ClosedBatch, ProducerIdentity, record_size};
pub use error::BatchError;
pub use header::{Attributes, BatchHeader, HEADER_LEN, TimestampType};
pub use headers::{Header, Headers, HeadersBuf, InvalidHeaders};
pub use iter::{Batch, Batches, batches};
pub use rows::{RecordRow, Span};

#[cfg(test)]
mod tests;
