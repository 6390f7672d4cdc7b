//! Connectors and tasks as things to hand out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millrace_api::TaskId;

/// A connector's own instance, or one of its tasks. Connectors come before tasks, each kind by name and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    Connector(Arc<str>),
    Task(Arc<str>, u32),
}

impl Item {
    /// The connector that it is or belongs to.
    pub(crate) fn connector(&self) -> &Arc<str> {
        match self {
            Self::Connector(name) | Self::Task(name, _) => name,
        }
    }

    pub(crate) fn is_connector(&self) -> bool {
        matches!(self, Self::Connector(_))
    }
}

impl From<&TaskId> for Item {
    fn from(id: &TaskId) -> Self {
        Self::Task(Arc::clone(&id.connector), id.task)
    }
}

/// A set of work.
pub(crate) type Work = BTreeSet<Item>;

/// What one member has of one connector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// Whether it has the connector's own instance.
    pub(crate) instance: bool,
    /// The numbers of the tasks that it has.
    pub(crate) tasks: BTreeSet<u32>,
}

/// Work by connector.
pub(crate) fn by_connector(work: &Work) -> BTreeMap<Arc<str>, Share> {
    let mut shares: BTreeMap<Arc<str>, Share> = BTreeMap::new();
    for item in work {
        let share = shares.entry(Arc::clone(item.connector())).or_default();
        match item {
            Item::Connector(_) => share.instance = true,
            Item::Task(_, task) => {
                share.tasks.insert(*task);
            }
        }
    }
    shares
}
