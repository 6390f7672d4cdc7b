//! Generates the input: log-like lines of one exact length, the same for every run.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Lines of `line_bytes` bytes each, the newline included.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) line_bytes: usize,
    pub(crate) lines: u64,
}

impl Input {
    /// Writes the file of about `bytes` bytes unless it is there already, and syncs it, so that no measurement shares the
    /// disk with its writeback.
    pub(crate) fn prepare(dir: &Path, line_bytes: usize, bytes: u64) -> anyhow::Result<Self> {
        let lines = (bytes / line_bytes as u64).max(1);
        let path = dir.join(format!("input-{line_bytes}-{lines}.log"));
        let input = Self {
            path,
            line_bytes,
            lines,
        };
        let present = fs::metadata(&input.path).is_ok_and(|found| found.len() == input.bytes());
        if !present {
            input
                .write()
                .with_context(|| format!("cannot write the input {}", input.path.display()))?;
        }
        Ok(input)
    }

    /// Bytes of all lines, newlines included.
    pub(crate) fn bytes(&self) -> u64 {
        self.lines * self.line_bytes as u64
    }

    fn write(&self) -> anyhow::Result<()> {
        let mut file = File::create(&self.path)?;
        let mut lines = Lines::new(self.line_bytes);
        let mut block = Vec::with_capacity(1 << 20);
        for _ in 0..self.lines {
            lines.append_to(&mut block);
            if block.len() + self.line_bytes > block.capacity() {
                file.write_all(&block)?;
                block.clear();
            }
        }
        file.write_all(&block)?;
        file.sync_all()?;
        Ok(())
    }
}

/// About `bytes` of whole lines in memory, for jobs that start from records instead of a file.
pub(crate) fn block(line_bytes: usize, bytes: usize) -> Vec<u8> {
    let mut lines = Lines::new(line_bytes);
    let mut block = Vec::with_capacity(bytes + line_bytes);
    while block.len() < bytes {
        lines.append_to(&mut block);
    }
    block
}

/// A seeded generator of access-log lines; a random trace id keeps compression honest.
struct Lines {
    line_bytes: usize,
    number: u64,
    state: u64,
}

impl Lines {
    fn new(line_bytes: usize) -> Self {
        Self {
            line_bytes,
            number: 0,
            state: 0x5EED,
        }
    }

    fn append_to(&mut self, block: &mut Vec<u8>) {
        let start = block.len();
        let end = start + self.line_bytes - 1;
        while block.len() < end {
            self.append_event(block);
        }
        block.truncate(end);
        block.push(b'\n');
        self.number += 1;
    }

    fn append_event(&mut self, block: &mut Vec<u8>) {
        const PATHS: [&str; 4] = [
            "/api/orders",
            "/api/cart/items",
            "/health",
            "/static/app.js",
        ];
        let random = self.next();
        let path = PATHS[(random >> 60) as usize % PATHS.len()];
        let milliseconds = self.number % 86_400_000;
        let client = (random >> 8) as u8;
        let took = random % 900;
        let trace = self.next();
        write!(block, "2026-11-21T08:{:05}Z 10.0.3.{client} GET {path} 200 {took}ms trace={trace:016x} user=anna ", milliseconds % 60_000)
            .expect("writing to memory succeeds");
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_asked_length() {
        for line_bytes in [2, 40, 100, 1024] {
            let block = block(line_bytes, 10_000);
            assert!(block.chunks(line_bytes).all(|line| line.iter().position(|&byte| byte == b'\n') == Some(line_bytes - 1)));
        }
    }
}
