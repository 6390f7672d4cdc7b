//! Writes answers to a plain socket: bytes by one gathering write, file ranges by `sendfile`.

use std::io::{self, IoSlice};

use millrace_wire::frame::{FileRange, Frame, Segment};
use rustix::io::retry_on_intr;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::activity::Activity;

/// What one `sendfile` moves at most: more falls out of the processor's cache.
const FILE_PIECE_BYTES: usize = 256 * 1024;
const GATHER_MAX: usize = 64;

/// Writes an answer with its size in front.
pub(super) async fn write_frame(
    stream: &TcpStream,
    frame: &Frame,
    activity: &Activity,
) -> io::Result<()> {
    let size = i32::try_from(frame.len())
        .map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the answer is longer than its size can say",
            )
        })?
        .to_be_bytes();
    let mut pending: Vec<&[u8]> = vec![&size];
    for segment in frame.segments() {
        match segment {
            Segment::Bytes(bytes) => pending.push(bytes),
            Segment::File(range) => {
                write_bytes(stream, &mut pending, true, activity).await?;
                send_file(stream, range, activity).await?;
            }
        }
    }
    write_bytes(stream, &mut pending, false, activity).await
}

/// Writes all of `pending` and leaves it empty. `more` says that a file range follows, so that the kernel does
/// not send a short packet.
async fn write_bytes(
    stream: &TcpStream,
    pending: &mut Vec<&[u8]>,
    more: bool,
    activity: &Activity,
) -> io::Result<()> {
    let flags = if more {
        SendFlags::NOSIGNAL | SendFlags::MORE
    } else {
        SendFlags::NOSIGNAL
    };
    let mut slices: Vec<IoSlice<'_>> = pending.drain(..).map(IoSlice::new).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        let gathered = &rest[..rest.len().min(GATHER_MAX)];
        let written = stream
            .async_io(Interest::WRITABLE, || {
                let mut ancillary = SendAncillaryBuffer::default();
                Ok(retry_on_intr(|| {
                    rustix::net::sendmsg(stream, gathered, &mut ancillary, flags)
                })?)
            })
            .await?;
        activity.progress();
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

async fn send_file(stream: &TcpStream, range: &FileRange, activity: &Activity) -> io::Result<()> {
    let mut offset = range.offset;
    let end = range.offset + range.len as u64;
    while offset < end {
        let piece = usize::try_from(end - offset)
            .unwrap_or(FILE_PIECE_BYTES)
            .min(FILE_PIECE_BYTES);
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                Ok(retry_on_intr(|| {
                    rustix::fs::sendfile(stream, &range.file, Some(&mut offset), piece)
                })?)
            })
            .await?;
        if sent == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the segment file is shorter than its range",
            ));
        }
        activity.progress();
    }
    Ok(())
}
