//! Reads a body: within its bounds in bytes and time, unpacked, with room reserved for all of it before it is read.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::{HeaderMap, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;

use super::answer::Refusal;
use super::gate::Gate;

/// Room is reserved in steps of this size where a client does not say how long its body is.
const STEP: usize = 16 * 1024;
/// What is read of a body that was refused, so that its sender hears why and may go on with the connection.
const DRAIN_BYTES_MAX: u64 = 64 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// A body, with the room that it has.
#[derive(Debug)]
pub(super) struct Arrived {
    /// As it was sent.
    pub(super) sent: Bytes,
    /// Unpacked; the same where it was not packed.
    pub(super) body: Bytes,
    pub(super) room: OwnedSemaphorePermit,
}

/// Reads a body of at most `max` bytes, packed and unpacked, within `timeout`.
///
/// # Errors
/// Why it cannot be taken.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    max: usize,
    timeout: Duration,
    gate: &Gate,
) -> Result<Arrived, Refusal> {
    let packing = Packing::of(headers)?;
    let length = body.size_hint().exact();
    let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if length.is_some_and(|length| length > max) {
        return Err(too_large(max));
    }
    let mut room = gate.reserve(length.unwrap_or(0))?;
    let reading = collect(body, length, max, gate, &mut room);
    let sent = tokio::time::timeout(timeout, reading).await.map_err(|_| {
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
    })??;
    let body = match packing {
        None => sent.clone(),
        Some(packing) => {
            let body = packing.unpack(&sent, max)?;
            room.merge(gate.reserve(body.len())?);
            body
        }
    };
    Ok(Arrived { sent, body, room })
}

async fn collect(
    mut body: Incoming,
    length: Option<usize>,
    max: usize,
    gate: &Gate,
    room: &mut OwnedSemaphorePermit,
) -> Result<Bytes, Refusal> {
    let mut reserved = length.unwrap_or(0);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::bad(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let size = bytes.len() + data.len();
        if size > max {
            return Err(too_large(max));
        }
        if size > reserved {
            let more = (size - reserved).max(STEP);
            room.merge(gate.reserve(more)?);
            reserved += more;
        }
        // Copied: what hyper hands out is a range of a larger buffer, which would wait with it.
        bytes.reserve(length.unwrap_or(size).saturating_sub(bytes.len()));
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// Reads on where a small body was refused, and lets go of it.
pub(super) async fn drain(mut body: Incoming) {
    let upper = body.size_hint().upper();
    if upper.is_none_or(|upper| upper > DRAIN_BYTES_MAX) {
        return;
    }
    let draining = async { while let Some(Ok(_)) = body.frame().await {} };
    // A client that is slower than that finds its connection closed.
    let _in_time = tokio::time::timeout(DRAIN_TIMEOUT, draining).await.is_ok();
}

fn too_large(max: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is larger than the {max} bytes of body.bytes.max"),
    )
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Deflate,
}

impl Packing {
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(encoding) = headers.get(header::CONTENT_ENCODING) else {
            return Ok(None);
        };
        let encoding = encoding.to_str().unwrap_or_default().trim();
        match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            other => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("the content encoding {other} is not known; send gzip, deflate or none"),
            )),
        }
    }

    fn unpack(self, packed: &[u8], max: usize) -> Result<Bytes, Refusal> {
        let bound = max as u64 + 1;
        let mut unpacked = Vec::new();
        let outcome = match self {
            Self::Gzip => GzDecoder::new(packed)
                .take(bound)
                .read_to_end(&mut unpacked),
            Self::Deflate => ZlibDecoder::new(packed)
                .take(bound)
                .read_to_end(&mut unpacked),
        };
        outcome.map_err(|error| Refusal::bad(format!("the body cannot be unpacked: {error}")))?;
        match unpacked.len() > max {
            true => Err(too_large(max)),
            false => Ok(unpacked.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&[b'x'; 10_000]).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(packed.len() < 200);
        let unpacked = Packing::Gzip.unpack(&packed, 10_000).unwrap();
        assert_eq!(unpacked.len(), 10_000);
        let refusal = Packing::Gzip.unpack(&packed, 9_999).unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
        let refusal = Packing::Deflate.unpack(&packed, 10_000).unwrap_err();
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
    }
}
