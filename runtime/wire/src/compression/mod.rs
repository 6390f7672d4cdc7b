//! The codecs of record batches, one file each.
//!
//! Output goes into a pooled buffer; contexts that are dear to make are kept a thread. What comes
//! from a peer may expand to the caller's limit and no further, and memory grows only with what was
//! really produced.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

use bytes::Bytes;
use thiserror::Error;

use crate::pool::{Pool, PooledBuf};

/// A codec, by its number in a batch's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(i8)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None = 0,
    /// RFC 1952, one member or several.
    Gzip = 1,
    /// Raw snappy or xerial frames; written as xerial.
    Snappy = 2,
    /// LZ4 frames of independent 64 KiB blocks.
    Lz4 = 3,
    /// Zstandard frames.
    Zstd = 4,
}

impl Compression {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number in the attributes.
    #[must_use]
    pub const fn id(self) -> i8 {
        self as i8
    }

    /// The codec of a number.
    ///
    /// # Errors
    ///
    /// For numbers that stand for none.
    pub fn from_id(id: i8) -> Result<Self, CompressionError> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.id() == id)
            .ok_or(CompressionError::Unknown(id))
    }

    /// The name that Kafka's `compression.type` uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of a `compression.type`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Whether this build has the codec.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why bytes could not be packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// The attributes name a codec that does not exist.
    #[error("there is no compression codec {0}")]
    Unknown(i8),
    /// This build leaves the codec out.
    #[error("this build has no {0} codec")]
    NotBuiltIn(Compression),
    /// The result would pass the limit.
    #[error("{codec} data has more than {limit} bytes")]
    TooLarge {
        /// The codec in use.
        codec: Compression,
        /// The caller's bound.
        limit: usize,
    },
    /// The input is no such format, is cut off or does not match its checksums.
    #[error("{codec} data is corrupt: {detail}")]
    Corrupt {
        /// The codec in use.
        codec: Compression,
        /// What it said.
        detail: String,
    },
}

impl CompressionError {
    #[cfg_attr(
        not(feature = "gzip"),
        allow(dead_code, reason = "every codec may be left out")
    )]
    fn corrupt(codec: Compression, detail: &dyn std::fmt::Display) -> Self {
        Self::Corrupt {
            codec,
            detail: detail.to_string(),
        }
    }
}

/// Appends the packed form of `input` to `out`.
///
/// `level` is the codec's own scale; gzip and zstd have one, the others take none.
///
/// # Errors
///
/// Where the codec is not built in or refuses.
#[cfg_attr(not(any(feature = "gzip", feature = "zstd")), allow(unused_variables))]
pub fn compress(
    codec: Compression,
    level: Option<i32>,
    input: &[u8],
    out: &mut PooledBuf,
) -> Result<(), CompressionError> {
    match codec {
        Compression::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        #[cfg(feature = "gzip")]
        Compression::Gzip => gzip::compress(level, input, out),
        #[cfg(feature = "snappy")]
        Compression::Snappy => snappy::compress(input, out),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4::compress(input, out),
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::compress(level, input, out),
        #[allow(unreachable_patterns, reason = "reached where a feature is off")]
        codec => Err(CompressionError::NotBuiltIn(codec)),
    }
}

/// The unpacked form of `input`, in a buffer of `pool`.
///
/// # Errors
///
/// Where the codec is not built in, the input is corrupt, or its contents have more than `limit`
/// bytes.
pub fn decompress(
    codec: Compression,
    input: &Bytes,
    limit: usize,
    pool: &Pool,
) -> Result<Bytes, CompressionError> {
    if codec == Compression::None {
        return if input.len() > limit {
            Err(CompressionError::TooLarge { codec, limit })
        } else {
            Ok(input.clone())
        };
    }
    let guess = input.len().saturating_mul(4).min(limit);
    let mut out = Expansion {
        codec,
        buf: pool.take(guess),
        limit,
    };
    unpack(input, &mut out)?;
    Ok(out.buf.freeze())
}

#[cfg_attr(
    not(any(
        feature = "gzip",
        feature = "snappy",
        feature = "lz4",
        feature = "zstd"
    )),
    allow(unused_variables, reason = "every codec may be left out")
)]
fn unpack(input: &[u8], out: &mut Expansion) -> Result<(), CompressionError> {
    match out.codec {
        #[cfg(feature = "gzip")]
        Compression::Gzip => gzip::decompress(input, out),
        #[cfg(feature = "snappy")]
        Compression::Snappy => snappy::decompress(input, out),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4::decompress(input, out),
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::decompress(input, out),
        codec => Err(CompressionError::NotBuiltIn(codec)),
    }
}

/// The output of a decompression: grows by doubling with what is produced, up to the limit.
struct Expansion {
    codec: Compression,
    buf: PooledBuf,
    limit: usize,
}

#[cfg_attr(
    not(feature = "gzip"),
    allow(dead_code, reason = "every codec may be left out")
)]
impl Expansion {
    /// Room of at least one byte for the next piece.
    fn room(&mut self) -> Result<&mut [u8], CompressionError> {
        if self.buf.len() >= self.limit {
            return Err(self.too_large());
        }
        self.buf.reserve(1);
        let most = self.limit - self.buf.len();
        let spare = self.buf.spare();
        let len = spare.len().min(most);
        Ok(&mut spare[..len])
    }

    /// Room of exactly `len` bytes, whose contents are known to be coming.
    fn exact_room(&mut self, len: usize) -> Result<&mut [u8], CompressionError> {
        if len > self.limit - self.buf.len() {
            return Err(self.too_large());
        }
        self.buf.reserve(len);
        Ok(&mut self.buf.spare()[..len])
    }

    fn advance(&mut self, produced: usize) {
        self.buf.advance(produced);
    }

    /// Reads `from` to its end; one byte past the limit is an error.
    fn read_all(&mut self, from: &mut dyn std::io::Read) -> Result<(), CompressionError> {
        loop {
            if self.buf.len() >= self.limit {
                return match self.read_some(from, &mut [0])? {
                    0 => Ok(()),
                    _ => Err(self.too_large()),
                };
            }
            let codec = self.codec;
            let room = self.room()?;
            let produced = from
                .read(room)
                .map_err(|error| CompressionError::corrupt(codec, &error))?;
            if produced == 0 {
                return Ok(());
            }
            self.advance(produced);
        }
    }

    fn read_some(
        &self,
        from: &mut dyn std::io::Read,
        into: &mut [u8],
    ) -> Result<usize, CompressionError> {
        from.read(into)
            .map_err(|error| CompressionError::corrupt(self.codec, &error))
    }

    fn too_large(&self) -> CompressionError {
        CompressionError::TooLarge {
            codec: self.codec,
            limit: self.limit,
        }
    }
}

#[cfg(test)]
mod tests;
