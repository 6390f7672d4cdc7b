//! Request and response headers, and whole messages from and to frames.
//!
//! A request header is `api_key i16, api_version i16, correlation_id i32, client_id`, followed by tagged
//! fields where the request's version is flexible; the client id keeps its `i16` length in both. A response
//! header is `correlation_id i32`, with tagged fields where the request's version is flexible, except for
//! ApiVersions.

use bytes::Bytes;

use crate::codec::{DecodeError, Decoder, EncodeError, Encoder};
use crate::frame::Frame;
use crate::messages::{ApiKey, Message, Request};

/// What precedes every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API is called; may be one that is not known here.
    pub api_key: i16,
    /// The version of the request that follows.
    pub api_version: i16,
    /// Chosen by the client, repeated in the answer.
    pub correlation_id: i32,
    /// The client's name for itself.
    pub client_id: Option<String>,
}

/// Reads a request header; the decoder then stands at the request's first field.
///
/// A key that is not known is read as if its versions were not flexible, so that it can be named in a log line.
///
/// # Errors
/// Bytes that are not a header.
pub fn decode_request_header(decoder: &mut Decoder) -> Result<RequestHeader, DecodeError> {
    let header = RequestHeader {
        api_key: decoder.get_i16()?,
        api_version: decoder.get_i16()?,
        correlation_id: decoder.get_i32()?,
        client_id: decoder.get_short_string()?,
    };
    if ApiKey::try_from(header.api_key).is_ok_and(|key| key.is_flexible(header.api_version)) {
        decoder.get_tagged(|_, _| Ok(false))?;
    }
    Ok(header)
}

/// Writes a request with its header.
///
/// # Errors
/// A version that is not spoken here, or a value that cannot be said in it.
pub fn encode_request<R: Request>(
    correlation_id: i32,
    client_id: Option<&str>,
    version: i16,
    request: &R,
) -> Result<Frame, EncodeError> {
    if !R::VERSIONS.contains(&version) {
        return Err(EncodeError::UnsupportedVersion {
            message: R::NAME,
            version,
        });
    }
    let mut encoder = Encoder::new();
    encoder.put_i16(R::KEY as i16);
    encoder.put_i16(version);
    encoder.put_i32(correlation_id);
    encoder.put_short_string(client_id)?;
    if R::is_flexible(version) {
        encoder.put_uvarint(0);
    }
    request.encode(&mut encoder, version)?;
    Ok(encoder.finish())
}

/// Reads the answer to a request of type `R`: its correlation id and its body.
///
/// # Errors
/// Bytes that are not such an answer.
pub fn decode_response<R: Request>(
    version: i16,
    bytes: Bytes,
) -> Result<(i32, R::Response), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let correlation_id = decoder.get_i32()?;
    if has_flexible_response_header(R::KEY, version) {
        decoder.get_tagged(|_, _| Ok(false))?;
    }
    Ok((correlation_id, R::Response::decode(&mut decoder, version)?))
}

/// Writes an answer with its header.
///
/// # Errors
/// A value that cannot be said in this version.
pub fn encode_response<M: Message>(
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    response: &M,
) -> Result<Frame, EncodeError> {
    let mut encoder = Encoder::new();
    encoder.put_i32(correlation_id);
    if has_flexible_response_header(key, version) {
        encoder.put_uvarint(0);
    }
    response.encode(&mut encoder, version)?;
    Ok(encoder.finish())
}

fn has_flexible_response_header(key: ApiKey, version: i16) -> bool {
    key != ApiKey::ApiVersions && key.is_flexible(version)
}
