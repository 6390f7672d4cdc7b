//! Kafka's own reader of log files, over every file of a data directory.
//!
//! The tool ends well whatever it finds: what is wrong it says among all else that it prints.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use crate::{kafka::java, output};

/// The files of a partition that the tool reads, and those that are text.
const READ: [&str; 5] = [".log", ".index", ".timeindex", ".snapshot", ".txnindex"];
const TEXT: [&str; 2] = ["leader-epoch-checkpoint", "partition.metadata"];

/// What it says of files that are not as they should be.
const COMPLAINTS: [&str; 10] = [
    "isvalid: false",
    "Mismatches in",
    "mismatch",
    "out of order",
    "not found in the log",
    "Non-consecutive offsets",
    "invalid bytes",
    "unknown file",
    "failed schema",
    "Exception",
];

/// Has the tool read all files below `logs`, whose broker has stopped; the kinds of files that were there.
///
/// `compacted` are topics in which offsets may be missing.
///
/// # Errors
/// What the tool complained of, or a file that is none of Kafka's.
pub(crate) fn check(logs: &Path, compacted: &[&str]) -> anyhow::Result<BTreeSet<&'static str>> {
    let files = files(logs)?;
    let named = |file: &PathBuf| file.display().to_string();
    let of_kind = |kinds: &[&str]| -> Vec<_> {
        let wanted = |file: &String| kinds.iter().any(|kind| file.ends_with(kind));
        files.iter().map(named).filter(wanted).collect()
    };
    run(&["--deep-iteration"], &of_kind(&READ), compacted)?;
    let indexes = of_kind(&[".index", ".timeindex"]);
    run(&["--index-sanity-check"], &indexes, compacted)?;
    let mut offsets = of_kind(&[".log"]);
    offsets.retain(|file| file.contains("/__consumer_offsets-"));
    run(&["--offsets-decoder"], &offsets, compacted)?;
    let found = |kind: &&str| files.iter().any(|file| named(file).ends_with(kind));
    Ok(READ.into_iter().filter(found).collect())
}

/// Runs the tool over files, if there are any, and looks for its complaints.
fn run(options: &[&str], files: &[String], compacted: &[&str]) -> anyhow::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let mut dump = java()?;
    dump.arg("kafka.tools.DumpLogSegments").args(options);
    dump.args(["--files", &files.join(",")]);
    let ended = output::run(&mut dump)?;
    let complains = |line: &&str| {
        COMPLAINTS.iter().any(|words| line.contains(words)) && !is_compaction(line, compacted)
    };
    let lines = || ended.stdout.lines().chain(ended.stderr.lines());
    let complaint = lines().find(complains);
    ensure!(complaint.is_none(), "{options:?}: {complaint:?}");
    ensure!(ended.well, "{options:?} ended badly\n{}", ended.stderr);
    let read = lines().filter(|line| line.starts_with("Dumping ")).count();
    ensure!(
        read == files.len(),
        "{options:?} read {read} of {} files",
        files.len()
    );
    Ok(())
}

/// Whether this is only said because records of a compacted topic are gone.
fn is_compaction(line: &str, compacted: &[&str]) -> bool {
    line.starts_with("Non-consecutive offsets in ")
        && compacted
            .iter()
            .any(|topic| line.contains(&format!("/{topic}-")))
}

/// All files in the folders of partitions.
fn files(logs: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in fs::read_dir(logs).with_context(|| format!("cannot read {}", logs.display()))? {
        let folder = folder?.path();
        // Apache Kafka's own metadata is a log, too, but of another kind.
        if !folder.is_dir() || folder.ends_with("__cluster_metadata-0") {
            continue;
        }
        for file in fs::read_dir(folder)? {
            let file = file?.path();
            // Not part of the log any more, and gone in a moment.
            if file.extension().is_some_and(|ending| ending == "deleted") {
                continue;
            }
            let is_known = READ
                .iter()
                .chain(&TEXT)
                .any(|kind| file.to_string_lossy().ends_with(kind));
            ensure!(is_known, "{} is no file of Kafka's", file.display());
            files.push(file);
        }
    }
    Ok(files)
}
