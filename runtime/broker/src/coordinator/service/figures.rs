//! What metrics show of groups.

use super::GroupCoordinator;

/// A group in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupFigures {
    pub(crate) id: String,
    pub(crate) state: &'static str,
    pub(crate) members: usize,
    /// Committed offsets, by topic and partition.
    pub(crate) offsets: Vec<(String, i32, i64)>,
}

impl GroupCoordinator {
    /// Every group; none before they are read back.
    pub(crate) fn figures(&self) -> Vec<GroupFigures> {
        let mut figures = Vec::new();
        for shard in self.shards.get().into_iter().flatten() {
            figures.extend(shard.lock().iter().map(|group| {
                let offsets = group.offsets().iter();
                GroupFigures {
                    id: group.id().to_owned(),
                    state: group.state().name(),
                    members: group.members().count(),
                    offsets: offsets
                        .map(|(topic, partition, value)| {
                            (topic.to_owned(), partition, value.offset)
                        })
                        .collect(),
                }
            }));
        }
        figures
    }
}
