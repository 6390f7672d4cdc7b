//! Encode and send / receive, check, append: two threads, one loopback connection, one-way.

use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, anyhow};

use super::record_batch::{BatchEncoder, check, count, read_batch, set_base_offset};
use super::{BATCH, BLOCK};
use crate::case::{Codec, Sample};
use crate::input;

/// Sends `lines` records made from memory to a thread that appends them to `log`.
pub(crate) fn run(
    line_bytes: usize,
    lines: u64,
    log: &Path,
    codec: Codec,
) -> anyhow::Result<Sample> {
    let block = input::block(line_bytes, BLOCK);
    let log = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on loopback")?;
    let socket =
        TcpStream::connect(listener.local_addr()?).context("cannot connect over loopback")?;
    let (peer, _) = listener.accept().context("cannot accept over loopback")?;
    let started = Instant::now();
    let records = thread::scope(|scope| {
        let broker = scope.spawn(|| receive(peer, log));
        send(socket, &block, line_bytes, lines, codec)?;
        broker
            .join()
            .map_err(|_| anyhow!("the receiving thread panicked"))?
    })?;
    Ok(Sample {
        bytes: lines * line_bytes as u64,
        records,
        elapsed: started.elapsed(),
    })
}

fn send(
    mut socket: TcpStream,
    block: &[u8],
    line_bytes: usize,
    lines: u64,
    codec: Codec,
) -> anyhow::Result<()> {
    let mut encoder = BatchEncoder::new(codec, BATCH);
    let values = block
        .chunks_exact(line_bytes)
        .map(|line| &line[..line_bytes - 1])
        .cycle();
    for value in values.take(lines as usize) {
        if encoder.append(value) {
            encoder.close(|batch| write_blocks(&mut socket, batch))?;
        }
    }
    if !encoder.is_empty() {
        encoder.close(|batch| write_blocks(&mut socket, batch))?;
    }
    Ok(())
}

fn write_blocks(socket: &mut TcpStream, batch: &[u8]) -> io::Result<()> {
    batch
        .chunks(BLOCK)
        .try_for_each(|block| socket.write_all(block))
}

fn receive(mut socket: TcpStream, mut log: File) -> anyhow::Result<u64> {
    let (mut batch, mut next_offset) = (Vec::new(), 0);
    while read_batch(&mut socket, &mut batch)? {
        check(&batch)?;
        set_base_offset(&mut batch, next_offset);
        next_offset += i64::from(count(&batch));
        log.write_all(&batch).context("cannot append to the log")?;
    }
    Ok(next_offset as u64)
}
