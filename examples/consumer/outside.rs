//! Offsets kept outside Kafka, with what was made of the records: here how many there were.
//!
//! Each partition has a file `TOPIC-PARTITION.total` that holds `OFFSET COUNT`. Both change in one
//! rename, so that no crash and no rebalance counts a record twice or never. Whoever is assigned a
//! partition reads its file and seeks there; the offsets that Kafka keeps are not used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use clap::Args;
use millrace_client::consumer::{
    ConsumeError, Consumer, Fetched, RebalanceListener, TopicPartition,
};

use crate::read::names;

#[derive(Args)]
pub(crate) struct Options {
    /// The topic to read.
    #[arg(long, default_value = "orders")]
    topic: String,
    /// Where the files are; all members of the group need the same.
    #[arg(long, default_value = "totals")]
    folder: PathBuf,
}

/// What is known of a partition: the next offset, and how many records came before it.
#[derive(Clone, Copy, Default)]
struct Total {
    offset: i64,
    count: u64,
}

/// The partitions that are this member's at the moment.
type Totals = Arc<Mutex<BTreeMap<TopicPartition, Total>>>;

pub(crate) async fn run(mut consumer: Consumer, options: &Options, max_records: u64) -> Result<()> {
    let totals = Totals::default();
    consumer.set_listener(Box::new(Places {
        folder: options.folder.clone(),
        totals: Arc::clone(&totals),
    }));
    consumer.subscribe(&[&options.topic])?;
    let mut read = 0;
    while read < max_records {
        match consumer.poll(Duration::from_secs(1)).await {
            Ok(Some(batch)) => {
                read += batch.rows.len() as u64;
                count(&batch, &totals, &options.folder).await?;
            }
            Ok(None) => {}
            Err(ConsumeError::WokenUp) => break,
            Err(error) => return Err(error.into()),
        }
    }
    consumer.close(Duration::from_secs(5)).await?;
    Ok(())
}

/// Counts a batch, and keeps the count with the offset behind it.
async fn count(batch: &Fetched, totals: &Totals, folder: &Path) -> Result<()> {
    let partition = TopicPartition::new(Arc::clone(&batch.topic), batch.partition);
    let before = lock(totals).get(&partition).copied().unwrap_or_default();
    let total = Total {
        offset: batch.next_offset,
        count: before.count + batch.rows.len() as u64,
    };
    let (path, name) = (file(folder, &partition), partition.clone());
    tokio::task::spawn_blocking(move || store(&path, total))
        .await?
        .with_context(|| format!("cannot keep the total of {name}"))?;
    println!(
        "{partition}: {} records up to offset {}",
        total.count, total.offset
    );
    lock(totals).insert(partition, total);
    Ok(())
}

/// Takes up partitions where their files say.
struct Places {
    folder: PathBuf,
    totals: Totals,
}

#[async_trait]
impl RebalanceListener for Places {
    async fn assigned(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        println!("assigned {}", names(partitions));
        for partition in partitions {
            let path = file(&self.folder, partition);
            let loaded = tokio::task::spawn_blocking(move || load(&path)).await;
            let total = loaded.ok().flatten().unwrap_or_default();
            lock(&self.totals).insert(partition.clone(), total);
            if let Err(error) = consumer.seek(partition, total.offset) {
                println!("cannot go on with {partition}: {error}");
            }
        }
    }

    async fn revoked(&mut self, _: &mut Consumer, partitions: &[TopicPartition]) {
        println!("revoked {}", names(partitions));
        // Every batch is in its file already: the next owner finds it there.
        lock(&self.totals).retain(|partition, _| !partitions.contains(partition));
    }
}

fn file(folder: &Path, partition: &TopicPartition) -> PathBuf {
    folder.join(format!("{partition}.total"))
}

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn load(path: &Path) -> Option<Total> {
    let text = fs::read_to_string(path).ok()?;
    let (offset, count) = text.trim().split_once(' ')?;
    Some(Total {
        offset: offset.parse().ok()?,
        count: count.parse().ok()?,
    })
}

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn store(path: &Path, total: Total) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("new");
    fs::write(&fresh, format!("{} {}\n", total.offset, total.count))?;
    fs::rename(fresh, path)
}

fn lock(totals: &Totals) -> std::sync::MutexGuard<'_, BTreeMap<TopicPartition, Total>> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}
