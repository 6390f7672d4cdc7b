//! Bodies, compressed.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::config::Compression;

/// The level of zstd: its own default.
const ZSTD_LEVEL: i32 = 3;

/// `body`, compressed.
///
/// # Errors
/// When the codec fails.
pub(crate) fn compress(body: Bytes, how: Compression) -> io::Result<Bytes> {
    let level = flate2::Compression::default();
    Ok(match how {
        Compression::None => body,
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(&body)?;
            encoder.finish()?.into()
        }
        // The coding called deflate is the zlib format (RFC 9110, section 8.4.1.2).
        Compression::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(&body)?;
            encoder.finish()?.into()
        }
        Compression::Zstd => zstd::encode_all(body.as_ref(), ZSTD_LEVEL)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_was_compressed_comes_back() {
        let body = Bytes::from("record ".repeat(1_000));
        for how in [
            Compression::None,
            Compression::Gzip,
            Compression::Deflate,
            Compression::Zstd,
        ] {
            let sent = compress(body.clone(), how).unwrap();
            let mut back = Vec::new();
            match how {
                Compression::None => back.extend_from_slice(&sent),
                Compression::Gzip => drop(
                    flate2::read::GzDecoder::new(&*sent)
                        .read_to_end(&mut back)
                        .unwrap(),
                ),
                Compression::Deflate => drop(
                    flate2::read::ZlibDecoder::new(&*sent)
                        .read_to_end(&mut back)
                        .unwrap(),
                ),
                Compression::Zstd => back = zstd::decode_all(&*sent).unwrap(),
            }
            assert_eq!(back, body, "{how:?}");
            assert!(how == Compression::None || sent.len() < body.len() / 10);
        }
    }
}
