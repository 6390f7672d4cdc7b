//! Log lines to ship: real ones where they are at hand, else generated ones of the same kind.

use std::{env, fs, path::PathBuf};

use crate::random::Random;

/// The systems whose logs are shipped.
pub const SYSTEMS: [&str; 8] = [
    "Android",
    "Apache",
    "HDFS",
    "Linux",
    "OpenSSH",
    "OpenStack",
    "Spark",
    "Zookeeper",
];

/// Names the folder of the Loghub samples, if they are not in the usual place beside the repository.
const VARIABLE: &str = "MILLRACE_LOGHUB";

/// The log of a system: the Loghub sample, or 2,000 lines like it.
pub fn log(system: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{system}.log"))).unwrap_or_else(|_| similar(system))
}

/// What a line-by-line comparison sees: lines without their ends. Text after the last line end is not a line yet.
pub fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    // What follows the last line end: nothing, or an unfinished line.
    lines.pop();
    lines
}

/// `count` numbered lines of `width` bytes, line end included, as a busy service writes them.
pub fn numbered(count: usize, width: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count * width);
    for number in 0..count {
        let start = bytes.len();
        bytes.extend_from_slice(format!("{number:012} ").as_bytes());
        bytes.resize(start + width - 1, b'a' + (number % 26) as u8);
        bytes.push(b'\n');
    }
    bytes
}

fn folder() -> PathBuf {
    match env::var_os(VARIABLE) {
        Some(folder) => folder.into(),
        None => crate::binary::repository().join("../shared/data/loghub"),
    }
}

/// Lines with what real logs have: CRLF, empty lines, long lines, text beyond ASCII, no end on the last.
fn similar(system: &str) -> Vec<u8> {
    let mut random = Random::new(system.bytes().map(u64::from).sum());
    let mut bytes = Vec::new();
    for number in 0..2000 {
        bytes.extend_from_slice(
            format!(
                "Jun {:02} 15:{:02}:17 {system}[{number}]: ",
                number % 30,
                number % 60
            )
            .as_bytes(),
        );
        for _ in 0..random.below(40) {
            let words = [
                "session",
                "opened",
                "größe",
                "0x7f",
                "päth=/vär/löг",
                "\t",
                "日本",
            ];
            bytes.extend_from_slice(words[random.below(words.len() as u64) as usize].as_bytes());
            bytes.push(b' ');
        }
        bytes.extend_from_slice(if random.below(50) == 0 {
            b"\r\n\r\n"
        } else {
            b"\r\n"
        });
    }
    bytes.extend_from_slice(b"cut off in the mid");
    bytes
}

#[cfg(test)]
mod tests {
    use super::{SYSTEMS, lines, numbered, similar};

    #[test]
    fn an_unfinished_line_is_none() {
        assert_eq!(lines(b"a\r\n\nb\nc"), [b"a".as_slice(), b"", b"b"]);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn generated_logs_differ_and_repeat() {
        assert_eq!(similar(SYSTEMS[0]), similar(SYSTEMS[0]));
        assert_ne!(similar(SYSTEMS[0]), similar(SYSTEMS[1]));
        assert!(lines(&similar(SYSTEMS[0])).len() >= 2000);
        assert_eq!(lines(&numbered(3, 100))[2].len(), 99);
    }
}
