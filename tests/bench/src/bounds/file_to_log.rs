//! Read, split, encode, checksum, append: one thread.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use super::record_batch::BatchEncoder;
use super::{BATCH, BLOCK};
use crate::case::{Codec, Sample};
use crate::input::Input;

/// Turns the lines of `input` into a log at `log`.
pub(crate) fn run(input: &Input, log: &Path, codec: Codec) -> anyhow::Result<Sample> {
    let mut lines =
        File::open(&input.path).with_context(|| format!("cannot open {}", input.path.display()))?;
    let mut log = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let started = Instant::now();
    let records = encode_lines(&mut lines, codec, |batch| log.write_all(batch))?;
    Ok(Sample {
        bytes: input.bytes(),
        records,
        elapsed: started.elapsed(),
    })
}

/// Reads `lines` block by block and hands each finished batch to `append`; returns the number of lines.
pub(crate) fn encode_lines(
    lines: &mut impl Read,
    codec: Codec,
    mut append: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> anyhow::Result<u64> {
    let mut encoder = BatchEncoder::new(codec, BATCH);
    let mut block = vec![0; 2 * BLOCK];
    let (mut kept, mut records) = (0, 0);
    loop {
        let read = lines
            .read(&mut block[kept..kept + BLOCK])
            .context("cannot read lines")?;
        if read == 0 {
            break;
        }
        let end = kept + read;
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &block[..end]) {
            if encoder.append(&block[start..newline]) {
                encoder.close(&mut append)?;
            }
            start = newline + 1;
            records += 1;
        }
        block.copy_within(start..end, 0);
        kept = end - start;
        anyhow::ensure!(kept <= BLOCK, "a line is longer than {BLOCK} bytes");
    }
    if !encoder.is_empty() {
        encoder.close(append)?;
    }
    Ok(records)
}
