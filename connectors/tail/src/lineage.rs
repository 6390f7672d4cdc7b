//! Which files are generations of one log, oldest first.
//!
//! `app.log.2` and `app.log-20261121` stand in one line with `app.log`, before it: a name that is another file's name with
//! a suffix is an older generation of that file. In the middle of a rotation there is no `app.log`: numbers, dates and what
//! compressed files end with are suffixes whether it is there or not. Within the line the time of the last write decides, and where that is
//! the same, the suffix: `.2` is older than `.1`, a date older than a later one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What parts of a name stand between.
const SEPARATORS: [char; 3] = ['.', '-', '_'];
/// Suffixes that are looked through at most.
const SUFFIXES_MAX: usize = 4;

/// For files that have just been found, each with its last write: pairs of a file and the one to be read before it, as
/// indexes.
pub(crate) fn order(found: &[(&Path, SystemTime)]) -> Vec<(usize, usize)> {
    let names: HashSet<&Path> = found.iter().map(|(path, _)| *path).collect();
    let mut lines: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    for (index, (path, _)) in found.iter().enumerate() {
        lines.entry(log_of(path, &names)).or_default().push(index);
    }
    let mut pairs = Vec::new();
    for (log, mut generations) in lines {
        generations.sort_by_key(|&index| {
            let (path, modified) = found[index];
            (path == log, modified, Reverse(number(path)), path)
        });
        pairs.extend(generations.windows(2).map(|pair| (pair[1], pair[0])));
    }
    pairs
}

/// The log that a file is a generation of: the shortest name that is left when suffixes are taken off, and is that of a file
/// or has lost nothing but suffixes of generations.
fn log_of(path: &Path, names: &HashSet<&Path>) -> PathBuf {
    let mut log = path;
    let mut rest = path;
    let mut plain = true;
    for _ in 0..SUFFIXES_MAX {
        let Some((shorter, suffix)) = without_suffix(rest) else {
            break;
        };
        rest = shorter;
        plain &= is_of_generation(suffix);
        if plain || names.contains(rest) {
            log = rest;
        }
    }
    log.to_owned()
}

/// Whether files may be generations of one log, whatever a rotation has made of its name: they are in one folder, and their
/// names begin alike up to the first separator.
pub(crate) fn may_be_one_log(one: &Path, other: &Path) -> bool {
    let stem = |path: &Path| {
        let name = path.file_name()?.to_string_lossy();
        let end = name
            .char_indices()
            .skip(1)
            .find(|(_, letter)| SEPARATORS.contains(letter));
        Some(name[..end.map_or(name.len(), |(end, _)| end)].to_owned())
    };
    one.parent() == other.parent() && stem(one) == stem(other)
}

/// Numbers of generations have few digits; with more, they are dates.
const NUMBER_MAX: u32 = 9999;

/// The number at the end of a generation's name, before the suffix of a compressed one; 0 where there is none.
fn number(path: &Path) -> u32 {
    let text = path.to_string_lossy();
    let mut suffixes = text.rsplit(SEPARATORS).take(2);
    suffixes
        .find_map(|suffix| suffix.parse().ok())
        .filter(|number| *number <= NUMBER_MAX)
        .unwrap_or(0)
}

/// Digits of a date without time.
const DATE_DIGITS: usize = 8;

/// Whether names of generations end so: `.1`, `-20261121`, `.gz`.
fn is_of_generation(suffix: &str) -> bool {
    let (separator, name) = suffix.split_at(1);
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = name.parse().is_ok_and(|number: u32| number <= NUMBER_MAX);
    match name {
        "gz" | "zst" | "zstd" | "bz2" | "xz" => separator == ".",
        _ => is_number && (separator == "." && is_short || name.len() >= DATE_DIGITS),
    }
}

/// A path without what follows its last separator, and that with the separator.
fn without_suffix(path: &Path) -> Option<(&Path, &str)> {
    let text = path.to_str()?;
    let name = text.rfind('/').map_or(0, |slash| slash + 1);
    let cut = text.rfind(SEPARATORS)?;
    (cut > name).then(|| (Path::new(&text[..cut]), &text[cut..]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ordered(found: &[(&str, u64)]) -> Vec<(String, String)> {
        let files: Vec<_> = found
            .iter()
            .map(|(path, seconds)| {
                (
                    Path::new(*path),
                    SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds),
                )
            })
            .collect();
        order(&files)
            .into_iter()
            .map(|(later, earlier)| (found[later].0.to_owned(), found[earlier].0.to_owned()))
            .collect()
    }

    fn pair(later: &str, earlier: &str) -> (String, String) {
        (later.to_owned(), earlier.to_owned())
    }

    #[test]
    fn generations_of_a_log() {
        let found = [
            ("/l/app.log", 30),
            ("/l/app.log.1", 20),
            ("/l/app.log.10", 5),
            ("/l/app.log.2", 10),
        ];
        assert_eq!(
            ordered(&found),
            [
                pair("/l/app.log.2", "/l/app.log.10"),
                pair("/l/app.log.1", "/l/app.log.2"),
                pair("/l/app.log", "/l/app.log.1"),
            ]
        );
        let dated = [
            ("/l/app.log-20261120", 10),
            ("/l/app.log", 10),
            ("/l/app.log-20261119", 10),
        ];
        assert_eq!(
            ordered(&dated),
            [
                pair("/l/app.log-20261120", "/l/app.log-20261119"),
                pair("/l/app.log", "/l/app.log-20261120")
            ]
        );
    }

    #[test]
    fn generations_in_the_middle_of_a_rotation() {
        let found = [("/l/app.log.1", 20), ("/l/app.log.2", 10)];
        assert_eq!(ordered(&found), [pair("/l/app.log.1", "/l/app.log.2")]);
        let dated = [
            ("/l/app.log-20261120", 20),
            ("/l/app.log-20261119.gz", 10),
            ("/l/app.log-1", 5),
        ];
        assert_eq!(
            ordered(&dated),
            [pair("/l/app.log-20261120", "/l/app.log-20261119.gz")]
        );
    }

    #[test]
    fn generations_of_one_moment_come_by_their_numbers() {
        let found = [
            ("/l/app.log.1", 10),
            ("/l/app.log", 10),
            ("/l/app.log.10.gz", 10),
            ("/l/app.log.9", 10),
        ];
        assert_eq!(
            ordered(&found),
            [
                pair("/l/app.log.9", "/l/app.log.10.gz"),
                pair("/l/app.log.1", "/l/app.log.9"),
                pair("/l/app.log", "/l/app.log.1"),
            ]
        );
    }

    #[test]
    fn files_that_have_nothing_to_do_with_one_another() {
        let found = [
            ("/l/a.log", 1),
            ("/l/b.log", 2),
            ("/m/a.log.1", 1),
            ("/l/a.logs.1", 1),
            (".x", 1),
        ];
        assert_eq!(ordered(&found), []);
    }

    #[test]
    fn files_that_may_be_of_one_log() {
        for (one, other, expected) in [
            ("/l/app.log", "/l/app.log.2.gz", true),
            ("/l/app.log", "/l/app-2026-11-21.log.gz", true),
            ("/l/app.log", "/l/apps.log.1.gz", false),
            ("/l/app.log", "/m/app.log.1.gz", false),
            ("/l/.app", "/l/.app.gz", true),
        ] {
            let is = may_be_one_log(Path::new(one), Path::new(other));
            assert_eq!(is, expected, "{one} {other}");
        }
    }
}
