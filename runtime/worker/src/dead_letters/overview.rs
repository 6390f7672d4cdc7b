//! Which queues there are, and how many letters they hold.

use std::sync::Arc;

use millrace_client::Topic;
use serde_json::{Value, json};

use super::journal::{Entries, Journal};
use super::scan::Scan;
use super::{DeadLetterError, DeadLetterQueues, Letter};

/// A queue and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueOverview {
    /// The topic.
    pub queue: Arc<str>,
    /// Its partitions.
    pub partitions: usize,
    /// Letters, by the offsets.
    pub letters: i64,
    /// Those of them that a replay has delivered.
    pub replayed: i64,
    /// Those of them that a replay which did not end may have delivered.
    pub in_doubt: i64,
    /// The time of the newest letter.
    pub newest: Option<i64>,
}

impl QueueOverview {
    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "queue": &*self.queue,
            "partitions": self.partitions,
            "letters": self.letters,
            "waiting": self.waiting(),
            "replayed": self.replayed,
            "inDoubt": self.in_doubt,
            "newest": self.newest,
        })
    }

    /// Letters that no replay has taken.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        (self.letters - self.replayed - self.in_doubt).max(0)
    }
}

impl DeadLetterQueues {
    /// The queues of these names; without names all topics whose last records say why they are there. Names of topics
    /// that are not there are left out.
    ///
    /// # Errors
    /// When the cluster cannot be asked.
    pub async fn list(&self, names: &[String]) -> Result<Vec<QueueOverview>, DeadLetterError> {
        let journal = Journal::look(self).await?;
        let all = self.admin.list_topics().await;
        let all = all.map_err(|source| DeadLetterError::reading("the list of topics", source))?;
        let mut found = Vec::new();
        for topic in all {
            let is_named = names.iter().any(|name| **name == *topic.name);
            if is_named || (names.is_empty() && !topic.is_internal) {
                let (overview, says_why) = self.look_at(&topic, &journal).await?;
                if is_named || says_why {
                    found.push(overview);
                }
            }
        }
        Ok(found)
    }

    async fn look_at(
        &self,
        topic: &Topic,
        journal: &Entries,
    ) -> Result<(QueueOverview, bool), DeadLetterError> {
        let mut overview = QueueOverview {
            queue: Arc::clone(&topic.name),
            partitions: topic.partitions.len(),
            letters: 0,
            replayed: 0,
            in_doubt: 0,
            newest: None,
        };
        let mut says_why = false;
        for partition in &topic.partitions {
            let there = self.extent(&topic.name, partition.index).await?;
            if there.is_empty() {
                continue;
            }
            overview.letters += there.end - there.start;
            let (replayed, in_doubt) = journal.fates(topic, partition.index).counts(&there);
            overview.replayed += replayed;
            overview.in_doubt += in_doubt;
            let last = there.end - 1..there.end;
            let mut scan = Scan::begin(self, &topic.name, partition.index, last).await?;
            while let Some(fetched) = scan.next().await? {
                for row in &fetched.rows {
                    let letter = Letter::read(&fetched, row);
                    says_why |= letter.says_why();
                    overview.newest = overview.newest.max(letter.timestamp);
                }
            }
        }
        Ok((overview, says_why))
    }
}
