//! Opening a partition: what its journal says is done, torn files are thrown away, and the task becomes its owner.

use std::collections::BTreeMap;
use std::path::Path;

use millrace_api::TopicPartition;

use crate::failure::Failure;
use crate::journal::{Journal, Journals};
use crate::names;

/// Where a partition goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// From this offset; none where nothing was ever committed.
    pub(crate) next: Option<i64>,
    /// Folders that have their records up to this offset, behind `next`.
    pub(crate) ahead: BTreeMap<String, i64>,
}

/// Opens partitions for the task `owner`.
pub(crate) fn open(
    journals: &Journals,
    owner: &str,
    layout: &str,
    partitions: &[TopicPartition],
) -> Result<Vec<(TopicPartition, Recovered)>, Failure> {
    journals.prepare()?;
    let _lock = journals.lock()?;
    let temporaries = journals.temporaries()?;
    let mut opened = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let name = names::partition(&partition.topic, partition.partition);
        let journal = journals.read(&name)?.unwrap_or_default();
        journals.move_files(&journal.moves)?;
        let prefix = format!("{name}+");
        for torn in temporaries.iter().filter(|file| file.starts_with(&prefix)) {
            journals.delete(torn)?;
        }
        let recovered = recover(partition, journal, layout);
        let journal = Journal {
            owner: owner.to_owned(),
            layout: layout.to_owned(),
            next: recovered.next,
            ahead: recovered.ahead.clone(),
            moves: Vec::new(),
        };
        journals.write(&name, &journal)?;
        opened.push((partition.clone(), recovered));
    }
    Ok(opened)
}

fn recover(partition: &TopicPartition, journal: Journal, layout: &str) -> Recovered {
    if !journal.ahead.is_empty() && journal.layout != layout {
        log::warn!(
            "the path of files was changed while those of {partition} were not complete; up to {} of its records may come \
             twice",
            journal
                .ahead
                .values()
                .max()
                .unwrap_or(&0)
                .saturating_sub(journal.next.unwrap_or(0))
                .saturating_add(1)
        );
        return Recovered {
            next: journal.next,
            ahead: BTreeMap::new(),
        };
    }
    Recovered {
        next: journal.next,
        ahead: journal.ahead,
    }
}

/// Sets the offsets of a connector that does not run; none forgets what was committed.
pub(crate) fn alter(
    directory: &Path,
    connector: &str,
    layout: &str,
    offsets: &BTreeMap<TopicPartition, Option<i64>>,
) -> Result<(), Failure> {
    let journals = Journals::new(directory, connector);
    journals.prepare()?;
    let _lock = journals.lock()?;
    for (partition, offset) in offsets {
        let name = names::partition(&partition.topic, partition.partition);
        let journal = journals.read(&name)?.unwrap_or_default();
        journals.move_files(&journal.moves)?;
        let altered = Journal {
            layout: layout.to_owned(),
            next: *offset,
            ..Journal::default()
        };
        journals.write(&name, &altered)?;
    }
    Ok(())
}
