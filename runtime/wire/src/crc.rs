//! CRC32C (Castagnoli), the checksum of record batches.

use crc_fast::{CrcAlgorithm, Digest};

/// The CRC32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    // The algorithm's result is 32 bits wide inside a 64-bit return value.
    crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// A checksum that grows with what it is of, so that bytes can be summed while they are in the cache.
#[derive(Debug, Clone, Copy)]
pub struct RunningCrc32c {
    digest: Digest,
}

impl RunningCrc32c {
    /// The checksum of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            digest: Digest::new(CrcAlgorithm::Crc32Iscsi),
        }
    }

    /// Takes in the bytes that follow.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// The checksum of `front` and, behind it, all that was taken in. Costs microseconds, whatever the length.
    #[must_use]
    pub fn behind(&self, front: &[u8]) -> u32 {
        let mut whole = Digest::new(CrcAlgorithm::Crc32Iscsi);
        whole.update(front);
        whole.combine(&self.digest);
        whole.finalize() as u32
    }
}

impl Default for RunningCrc32c {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_checksum_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| (n * 7 / 3) as u8).collect();
        for (front, cut) in [
            (0, 0),
            (0, 5),
            (40, 40),
            (40, 4096),
            (61, 99_999),
            (100_000, 100_000),
        ] {
            let mut running = RunningCrc32c::new();
            running.update(&bytes[front..cut]);
            running.update(&bytes[cut..]);
            assert_eq!(
                running.behind(&bytes[..front]),
                crc32c(&bytes),
                "{front} {cut}"
            );
        }
    }

    #[test]
    fn check_value_of_the_algorithm() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(b""), 0);
    }
}
