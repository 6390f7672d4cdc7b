//! Polls, prints, and ends: after so many records, when none comes for long, when nobody reads the output any more, or
//! when it is told to.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use anyhow::bail;
use millrace_client::consumer::{ConsumeError, Consumer, Fetched, TopicPartition};
use millrace_wire::{
    batch::RecordRow,
    clock::{self, Clock},
};
use tokio_util::sync::CancellationToken;

use super::format::Format;
use crate::{
    banner,
    tools::{
        progress::Progress,
        stdout::{self, OutputError, print},
    },
};

/// How long a poll waits: so often it is seen whether the reader of the output has gone.
const POLL: Duration = Duration::from_millis(200);
/// How long leaving the group may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of output that are written together.
const WRITE_BYTES: usize = 64 << 10;

/// What is printed, and when it is enough.
pub(super) struct Reading {
    pub(super) format: Box<dyn Format>,
    pub(super) max_records: u64,
    /// End if no record comes for so long.
    pub(super) idle_limit: Option<Duration>,
    /// Go on behind a batch that cannot be read, and a record that cannot be shown.
    pub(super) skip_damaged: bool,
}

impl Reading {
    /// Reads until one of the ends, tells how many records that were, and leaves the group.
    pub(super) async fn run(
        mut self,
        mut consumer: Consumer,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut count = 0;
        let outcome = self.print_all(&mut consumer, stop, &mut count).await;
        banner::line(format_args!("Processed a total of {count} messages"));
        let closed = consumer.close(CLOSE_WITHIN).await;
        outcome?;
        Ok(closed?)
    }

    async fn print_all(
        &mut self,
        consumer: &mut Consumer,
        stop: &CancellationToken,
        count: &mut u64,
    ) -> anyhow::Result<()> {
        let progress = if io::stdout().is_terminal() {
            Progress::hidden()
        } else {
            Progress::counting("records", None)
        };
        let clock = clock::system();
        let mut last = clock.monotonic();
        while *count < self.max_records {
            let polled = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                polled = consumer.poll(self.patience(clock.as_ref(), last)) => polled,
            };
            let fetched = match polled {
                Ok(fetched) => fetched,
                Err(error) => {
                    self.go_on(consumer, error)?;
                    continue;
                }
            };
            let Some(fetched) = fetched else {
                let idle = clock.monotonic().saturating_sub(last);
                if self.idle_limit.is_some_and(|limit| idle >= limit) {
                    return Ok(());
                }
                if stdout::is_closed() {
                    return Err(OutputError::Closed.into());
                }
                continue;
            };
            let printed = self.print_batch(consumer, &fetched, self.max_records - *count)?;
            *count += printed;
            progress.add(printed);
            last = clock.monotonic();
        }
        Ok(())
    }

    fn patience(&self, clock: &dyn Clock, last: Duration) -> Duration {
        let left = self.idle_limit.map_or(POLL, |limit| {
            (last + limit).saturating_sub(clock.monotonic())
        });
        left.min(POLL)
    }

    /// Whether reading can go on after an error.
    fn go_on(&self, consumer: &mut Consumer, error: ConsumeError) -> anyhow::Result<()> {
        if error.is_retriable() {
            log::warn!("{error}");
            return Ok(());
        }
        match &error {
            ConsumeError::Corrupt {
                partition, offset, ..
            } if self.skip_damaged => {
                log::warn!("{error}; it is skipped");
                Ok(consumer.seek(partition, offset.saturating_add(1))?)
            }
            _ => Err(error.into()),
        }
    }

    /// Appends a record; one that is not what it is said to be ends the reading, unless such are skipped.
    fn append(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let before = out.len();
        let Err(error) = self.format.append(record, out) else {
            return Ok(());
        };
        out.truncate(before);
        let (topic, partition) = (&record.fetched.topic, record.fetched.partition);
        let offset = record.row.offset;
        if self.skip_damaged {
            log::warn!("{topic}-{partition} at offset {offset}: {error}; it is skipped");
            return Ok(());
        }
        // What came before it has been read and is shown.
        print(&*out)?;
        bail!(
            "cannot show the record of {topic}-{partition} at offset {offset}: {error}; --skip-message-on-error goes on"
        )
    }

    /// Prints the batch, or the first `limit` of its records; then the position stays behind those.
    fn print_batch(
        &mut self,
        consumer: &mut Consumer,
        fetched: &Fetched,
        limit: u64,
    ) -> anyhow::Result<u64> {
        let count = usize::try_from(limit)
            .map_or(fetched.rows.len(), |limit| limit.min(fetched.rows.len()));
        let mut out = Vec::new();
        for row in &fetched.rows[..count] {
            self.append(&Record { fetched, row }, &mut out)?;
            if out.len() >= WRITE_BYTES {
                print(&out)?;
                out.clear();
            }
        }
        print(&out)?;
        if let Some(next) = fetched.rows.get(count) {
            let partition =
                TopicPartition::new(std::sync::Arc::clone(&fetched.topic), fetched.partition);
            consumer.seek(&partition, next.offset)?;
        }
        Ok(count as u64)
    }
}

/// A record as the formats see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) fetched: &'a Fetched,
    pub(super) row: &'a RecordRow,
}

impl<'a> Record<'a> {
    pub(super) fn key(&self) -> Option<&'a [u8]> {
        self.row.key.of(&self.fetched.data)
    }

    pub(super) fn value(&self) -> Option<&'a [u8]> {
        self.row.value.of(&self.fetched.data)
    }

    /// The headers in order: names, and values that may be null.
    pub(super) fn headers(&self) -> Vec<millrace_wire::batch::Header<'a>> {
        let section = self.row.headers.of(&self.fetched.data).unwrap_or_default();
        // The consumer has parsed the section when it unpacked the batch.
        millrace_wire::batch::Headers::parse(section)
            .map(|headers| headers.iter().collect())
            .unwrap_or_default()
    }
}
