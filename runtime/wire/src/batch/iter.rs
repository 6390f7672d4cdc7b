//! Walking the batches of a fetch answer or a segment.

use bytes::Bytes;

use crate::batch::header::ATTRIBUTES_AT;
use crate::batch::{BatchError, BatchHeader, HEADER_LEN};
use crate::crc::crc32c;

/// One whole batch: its parsed header and its bytes.
#[derive(Debug, Clone)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// Takes the batch at the start of `bytes`; what follows it is left out.
    ///
    /// # Errors
    ///
    /// Where the header does not parse or the batch is cut off. The checksum is not looked at.
    pub fn parse(bytes: &Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let needed = header.total_len();
        if bytes.len() < needed {
            return Err(BatchError::Truncated {
                have: bytes.len(),
                needed,
            });
        }
        Ok(Self {
            header,
            bytes: bytes.slice(..needed),
        })
    }

    /// The header as it was read.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records behind the header, compressed where the attributes say so.
    #[must_use]
    pub fn records(&self) -> Bytes {
        self.bytes.slice(HEADER_LEN..)
    }

    /// Compares the header's checksum with that of the bytes.
    ///
    /// # Errors
    ///
    /// Where they differ.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let actual = crc32c(&self.bytes[ATTRIBUTES_AT..]);
        if actual == self.header.crc {
            return Ok(());
        }
        let BatchHeader {
            base_offset,
            crc: declared,
            ..
        } = self.header;
        Err(BatchError::Crc {
            base_offset,
            declared,
            actual,
        })
    }
}

/// The whole batches in `bytes`, in order.
#[must_use]
pub fn batches(bytes: &Bytes) -> Batches {
    Batches {
        rest: bytes.clone(),
        failed: false,
    }
}

/// Iterator over whole batches. A batch cut off at the end finishes it without an error, since
/// fetch answers end so by rights; a header that cannot be is the last item.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
    failed: bool,
}

impl Batches {
    /// What lies behind the batches given out so far: empty, or a batch that is cut off or broken.
    #[must_use]
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        match Batch::parse(&self.rest) {
            Ok(batch) => {
                self.rest = self.rest.slice(batch.bytes.len()..);
                Some(Ok(batch))
            }
            Err(BatchError::Truncated { .. }) => None,
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
