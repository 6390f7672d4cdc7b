//! Read, check, decode, write: one thread.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use super::BLOCK;
use super::record_batch::{BatchDecoder, check, read_batch};
use crate::case::Sample;

/// Turns the log at `log` into lines at `output`; `bytes` is what the lines measure.
pub(crate) fn run(log: &Path, output: &Path, bytes: u64) -> anyhow::Result<Sample> {
    let mut log = File::open(log).with_context(|| format!("cannot open {}", log.display()))?;
    let output =
        File::create(output).with_context(|| format!("cannot create {}", output.display()))?;
    let started = Instant::now();
    let records = decode_to(&mut log, output)?;
    Ok(Sample {
        bytes,
        records,
        elapsed: started.elapsed(),
    })
}

/// Decodes every batch of `log` and writes the values as lines; returns how many there were.
pub(crate) fn decode_to(log: &mut impl Read, output: File) -> anyhow::Result<u64> {
    let mut lines = LineWriter::new(output);
    let (mut batch, mut decoder, mut records) = (Vec::new(), BatchDecoder::default(), 0);
    while read_batch(log, &mut batch)? {
        check(&batch)?;
        records += lines.write_batch(&mut decoder, &batch)?;
    }
    lines.finish()?;
    Ok(records)
}

/// Joins values with newlines into writes of one block.
struct LineWriter {
    output: File,
    buffer: Vec<u8>,
    failed: std::io::Result<()>,
}

impl LineWriter {
    fn new(output: File) -> Self {
        Self {
            output,
            buffer: Vec::with_capacity(2 * BLOCK),
            failed: Ok(()),
        }
    }

    fn write_batch(&mut self, decoder: &mut BatchDecoder, batch: &[u8]) -> anyhow::Result<u64> {
        let records = decoder.values(batch, |value| {
            self.buffer.extend_from_slice(value);
            self.buffer.push(b'\n');
            if self.buffer.len() >= BLOCK {
                self.flush();
            }
        })?;
        std::mem::replace(&mut self.failed, Ok(())).context("cannot write lines")?;
        Ok(records)
    }

    fn flush(&mut self) {
        if let Err(failure) = self.output.write_all(&self.buffer) {
            self.failed = Err(failure);
        }
        self.buffer.clear();
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.flush();
        self.failed.context("cannot write lines")
    }
}
