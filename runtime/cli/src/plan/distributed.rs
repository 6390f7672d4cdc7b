//! What `millrace distributed` will run: a worker of a group, and the included broker where no other is named.

use std::path::Path;

use millrace_config::Properties;

use super::{Problems, WorkerPlan, text, worker};
use crate::args;

/// What a group is called and what its topics are where no file is given, as in Kafka Connect's own example.
const GROUP: [(&str, &str); 4] = [
    ("group.id", "connect-cluster"),
    ("config.storage.topic", "connect-configs"),
    ("offset.storage.topic", "connect-offsets"),
    ("status.storage.topic", "connect-status"),
];

impl WorkerPlan {
    /// Reads the file that was named, if one was.
    pub(crate) fn distributed(typed: &args::Distributed, problems: &mut Problems) -> Self {
        let file: Option<&Path> = typed.worker.as_deref();
        let place = file.map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
        let read = file.and_then(|path| problems.note(text::read_properties(path)));
        Self::new(place, read.unwrap_or_else(defaults), problems)
    }
}

fn defaults() -> Properties {
    let mut properties = worker::defaults();
    let group = GROUP.map(|(key, value)| (key.to_owned(), value.to_owned()));
    properties.extend(group);
    properties
}
