//! One configuration run by Kafka Connect on Apache Kafka and by Millrace: what becomes of the same records.
//!
//! Every case is one connector ([`case`]), made by REST on both workers, which run all of them at a time. Compared are the
//! answers to its validation and creation, the states of its tasks with the causes of their failures, the records in its
//! topics (dead letters too) with their keys, values and headers to the byte, the lines that it wrote to a file, and what
//! it printed. A difference is either named in the case with its reason, or a failure; and a named one that is no longer
//! there is a failure, too.

mod case;
mod seen;
mod side;
mod topics;

use std::thread;

use anyhow::{Context as _, anyhow, ensure};

use self::case::Case;
use self::seen::{Difference, Seen};
use self::side::Side;

/// Runs all cases, or those whose name has a part that was asked for.
pub(crate) fn run(parts: &[String]) -> anyhow::Result<()> {
    let (records, mut cases) = (case::records()?, case::all()?);
    cases.retain(|case| parts.is_empty() || parts.iter().any(|part| case.name.contains(part)));
    ensure!(!cases.is_empty(), "no case is named so");
    let (java, ours) = thread::scope(|scope| {
        let run = |start: fn() -> anyhow::Result<Side>| {
            let (records, cases) = (&records, &cases);
            scope.spawn(move || start()?.run(records, cases))
        };
        let (java, ours) = (run(Side::java), run(Side::millrace));
        let panicked = |_| Err(anyhow!("a side panicked"));
        anyhow::Ok((
            java.join().unwrap_or_else(panicked).context("Java")?,
            ours.join().unwrap_or_else(panicked).context("Millrace")?,
        ))
    })?;
    let mut wrong = 0;
    for ((case, java), ours) in cases.iter().zip(&java).zip(&ours) {
        wrong += usize::from(!check(case, java, ours));
    }
    let lines: usize = java.iter().map(|seen| seen.lines.len()).sum();
    println!(
        "pipeline: {} cases, {lines} lines, {wrong} with differences",
        cases.len()
    );
    ensure!(wrong == 0, "see above");
    Ok(())
}

/// Prints how a case differs. True if that is only as it says itself.
fn check(case: &Case, java: &Seen, ours: &Seen) -> bool {
    let differences = seen::compare(case, java, ours);
    let (named, unnamed): (Vec<_>, Vec<_>) = differences
        .iter()
        .partition(|difference| case.differs.iter().any(|(what, _)| difference.has(what)));
    for (what, why) in &case.differs {
        let is_there = |difference: &&Difference| difference.has(what);
        match named.iter().copied().find(is_there) {
            Some(_) => println!("{}: differs in {what}: {why}", case.name),
            None => println!("{}: no longer differs in {what}", case.name),
        }
    }
    let stale = case
        .differs
        .iter()
        .any(|(what, _)| !named.iter().any(|difference| difference.has(what)));
    for difference in &unnamed {
        let line = |line: &Option<String>| line.clone().unwrap_or_else(|| "nothing".to_owned());
        println!(
            "{}:\n  Java {}\n  ours {}",
            case.name,
            line(&difference.java),
            line(&difference.ours)
        );
    }
    unnamed.is_empty() && !stale
}
