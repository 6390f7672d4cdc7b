//! Compression of one file. What is finished and begun again is a further gzip member or zstd frame, which readers of
//! both formats read on into.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use crate::config::Compression;

const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// Compresses into memory, so that what cannot be written to the disk is kept for another try.
pub(crate) enum Codec {
    Plain,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(Encoder<'static, Vec<u8>>),
}

impl Codec {
    /// Begins a stream.
    pub(crate) fn new(compression: Compression, level: Option<i32>) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain,
            Compression::Gzip => {
                let level = level.and_then(|level| u32::try_from(level).ok());
                let level = flate2::Compression::new(level.unwrap_or(GZIP_LEVEL));
                Self::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Compression::Zstd => {
                let mut encoder = Encoder::new(Vec::new(), level.unwrap_or(ZSTD_LEVEL))?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Takes `input`; appends to `output` what has become of it and of input before.
    pub(crate) fn write(&mut self, input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain => output.extend_from_slice(input),
            Self::Gzip(encoder) => {
                encoder.write_all(input)?;
                output.append(encoder.get_mut());
            }
            Self::Zstd(encoder) => {
                encoder.write_all(input)?;
                output.append(encoder.get_mut());
            }
        }
        Ok(())
    }

    /// Ends the stream; appends to `output` what is left.
    pub(crate) fn finish(self, output: &mut Vec<u8>) -> io::Result<()> {
        let mut rest = match self {
            Self::Plain => return Ok(()),
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        output.append(&mut rest);
        Ok(())
    }
}
