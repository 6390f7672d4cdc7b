//! Keeps values of config providers out of what is told of a connector's failures: a text that holds one has the
//! reference in its place.

use std::sync::{Arc, PoisonError};

use millrace_api::TaskId;

use super::running::Connector;
use crate::providers::Resolved;
use crate::task::{State, StatusListener};

impl Connector {
    /// Notes which values the connector knows now.
    pub(super) fn keep_secret(&self, resolved: &Resolved) {
        let known = resolved.has_values().then(|| Arc::new(resolved.clone()));
        *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// A text with references in the place of values.
    pub(super) fn redact(&self, text: String) -> String {
        match self.known_secrets() {
            Some(secrets) => secrets.redact(&text),
            None => text,
        }
    }

    /// The listener of a task whose traces hold no values.
    pub(super) fn discreet(&self, listener: Arc<dyn StatusListener>) -> Arc<dyn StatusListener> {
        match self.known_secrets() {
            Some(secrets) => Arc::new(Discreet { listener, secrets }),
            None => listener,
        }
    }

    fn known_secrets(&self) -> Option<Arc<Resolved>> {
        let secrets = self.secrets.lock();
        secrets.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tells another listener what it hears, without values.
#[derive(Debug)]
struct Discreet {
    listener: Arc<dyn StatusListener>,
    secrets: Arc<Resolved>,
}

impl StatusListener for Discreet {
    fn task(&self, id: &TaskId, state: State, trace: Option<String>) {
        let trace = trace.map(|trace| self.secrets.redact(&trace));
        self.listener.task(id, state, trace);
    }

    fn topic(&self, id: &TaskId, topic: &str) {
        self.listener.topic(id, topic);
    }
}
