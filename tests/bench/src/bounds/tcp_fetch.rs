//! Read and send / receive, check, decode: two threads, one loopback connection, one-way.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, anyhow};

use super::BLOCK;
use super::record_batch::{BatchDecoder, check, read_batch};
use crate::case::Sample;

/// Sends the log at `log` to a thread that looks at every value; `bytes` is what the lines measure.
pub(crate) fn run(log: &Path, bytes: u64) -> anyhow::Result<Sample> {
    let mut log = File::open(log).with_context(|| format!("cannot open {}", log.display()))?;
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on loopback")?;
    let mut socket =
        TcpStream::connect(listener.local_addr()?).context("cannot connect over loopback")?;
    let (peer, _) = listener.accept().context("cannot accept over loopback")?;
    let started = Instant::now();
    let records = thread::scope(|scope| {
        let consumer = scope.spawn(|| receive(peer));
        let mut block = vec![0; BLOCK];
        loop {
            let read = log.read(&mut block).context("cannot read the log")?;
            if read == 0 {
                break;
            }
            socket.write_all(&block[..read]).context("cannot send")?;
        }
        drop(socket);
        consumer
            .join()
            .map_err(|_| anyhow!("the receiving thread panicked"))?
    })?;
    Ok(Sample {
        bytes,
        records,
        elapsed: started.elapsed(),
    })
}

fn receive(mut socket: TcpStream) -> anyhow::Result<u64> {
    let (mut batch, mut decoder, mut records) = (Vec::new(), BatchDecoder::default(), 0);
    while read_batch(&mut socket, &mut batch)? {
        check(&batch)?;
        records += decoder.values(&batch, |value| {
            black_box(value);
        })?;
    }
    Ok(records)
}
