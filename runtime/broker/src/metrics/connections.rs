//! Connections by listener.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_wire::metrics::{Counter, Gauge};

/// The connections of all listeners, by the listener's name.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<BTreeMap<String, Arc<ConnectionCounts>>>);

/// The connections of one listener.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    pub(crate) open: Gauge,
    pub(crate) created: Counter,
    pub(crate) refused: Counter,
}

/// A connection, counted as open while this lives.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<ConnectionCounts>);

impl Connections {
    /// The counts of a listener.
    pub(crate) fn of(&self, listener: &str) -> Arc<ConnectionCounts> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(listener.to_owned()).or_default())
    }

    /// The counts of every listener.
    pub(crate) fn all(&self) -> BTreeMap<String, Arc<ConnectionCounts>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ConnectionCounts {
    /// Counts a connection that was accepted.
    pub(crate) fn open(self: &Arc<Self>) -> OpenConnection {
        self.created.increment();
        self.open.add(1);
        OpenConnection(Arc::clone(self))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.add(-1);
    }
}
