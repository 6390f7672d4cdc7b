//! What the tests share.
#![allow(
    dead_code,
    reason = "each test file is a program of its own and uses what it needs"
)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use millrace_api::Properties;

pub(crate) fn properties(directory: &str, pairs: &[(&str, &str)]) -> Properties {
    millrace_testkit::properties(
        [("topics", "topic"), ("directory", directory)]
            .iter()
            .chain(pairs),
    )
}

/// All complete files, in the order of their paths.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(directory) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() == ".millrace" {
            continue;
        }
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// What a file holds, unpacked.
pub(crate) fn content(path: &Path) -> String {
    let file = fs::File::open(path).unwrap();
    let mut text = String::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => flate2::read::MultiGzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap(),
        Some("zst") => zstd::stream::read::Decoder::new(file)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap(),
        _ => { file }.read_to_string(&mut text).unwrap(),
    };
    text
}

/// The lines of all complete files, in the order of their paths.
pub(crate) fn lines(directory: &Path) -> Vec<String> {
    let texts: Vec<String> = files(directory).iter().map(|path| content(path)).collect();
    texts.concat().lines().map(str::to_owned).collect()
}

/// Names of temporary files.
pub(crate) fn temporaries(directory: &Path) -> Vec<String> {
    let folder = directory.join(".millrace/test");
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".part")).collect()
}
