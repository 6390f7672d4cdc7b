//! Millrace doing the jobs of the bounds.
//!
//! Broker and worker are the real release binary in a process of its own; where the job is a client's (produce, fetch,
//! the latency of a request) this process embeds Millrace's client. A process serves all rounds of its case and is
//! started with the first one; topics, connectors and files are new in each round and removed after it.

mod catch_up;
mod client;
mod datagen;
mod fetch;
mod file_to_topic;
mod footprint;
pub(crate) mod http_sink;
mod latency;
mod many_files;
mod pass_through;
mod produce;
pub(crate) mod server;
mod topic_to_file;

pub(crate) use catch_up::catch_up;
pub(crate) use datagen::datagen;
pub(crate) use footprint::footprint;
pub(crate) use latency::latency;
pub(crate) use many_files::many_files;

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::case::{Codec, Run};
use crate::input::Input;

/// A round that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// Between two looks at whether a job is done; short against any job.
const LOOK: Duration = Duration::from_millis(1);

/// Millrace's way to do the job called `name`.
pub(crate) fn run(name: &str, input: &Input, codec: Codec) -> Option<Run> {
    match name {
        "file-to-topic" => Some(file_to_topic::run(input, codec)),
        "topic-to-file" => Some(topic_to_file::run(input, codec)),
        "file-to-topic-to-file" => Some(pass_through::run(input, codec)),
        "produce-tcp" => Some(produce::run(input, codec)),
        "fetch-tcp" => Some(fetch::run(input, codec)),
        _ => None,
    }
}

/// Looks until `done`, or gives up after a while.
pub(crate) fn wait_until(
    what: &str,
    mut done: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    while !done()? {
        ensure!(
            started.elapsed() < PATIENCE,
            "{what} takes more than {PATIENCE:?}"
        );
        std::thread::sleep(LOOK);
    }
    Ok(())
}
