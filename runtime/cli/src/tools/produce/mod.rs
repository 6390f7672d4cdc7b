//! `millrace produce`: lines of standard input to records of a topic, with the options of `kafka-console-producer.sh`.

mod acks;
mod input;
mod lines;

use std::{io::IsTerminal as _, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use millrace_client::producer::{AckSink, Appended, ProduceError, Producer, ProducerConfig};
use millrace_config::Properties;
use tokio_util::sync::CancellationToken;

use self::{
    acks::Acks,
    input::Input,
    lines::{Line, LineFormat},
};
use super::{
    progress::Progress,
    run::{self, Usage},
    server::Server,
    stdout::print,
};
use crate::{args::key_value, failure::Failure, older::Place, plan::read_properties};

/// How long records that were read may still take to be delivered when the tool is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Produce {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    topic: String,
    /// How lines are read: parse.key, key.separator, parse.headers, null.marker, ...; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = raw_pair, alias = "property")]
    reader_property: Vec<(String, String)>,
    /// The same from a file
    #[arg(long, value_name = "FILE")]
    reader_config: Option<PathBuf>,
    /// Accepted for Kafka's LineMessageReader, which is what reads
    #[arg(long, value_name = "CLASS", hide = true)]
    line_reader: Option<String>,
    /// Wait for the acknowledgement of each line before the next
    #[arg(long)]
    sync: bool,
    /// Who must have a record: 0, 1 or all
    #[arg(long, value_name = "ACKS", allow_negative_numbers = true)]
    request_required_acks: Option<String>,
    /// none, gzip, snappy, lz4 or zstd; gzip where no value is given
    #[arg(long, value_name = "CODEC", num_args = 0..=1, default_missing_value = "gzip")]
    compression_codec: Option<String>,
    /// How long a batch waits for more lines
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    /// Bytes of a batch
    #[arg(long, value_name = "BYTES", alias = "max-partition-memory-bytes")]
    batch_size: Option<u64>,
    /// Bytes of lines that may wait for delivery
    #[arg(long, value_name = "BYTES")]
    max_memory_bytes: Option<u64>,
    /// How often a batch is sent again
    #[arg(long, value_name = "N")]
    message_send_max_retries: Option<u64>,
    /// The wait before that
    #[arg(long, value_name = "MS")]
    retry_backoff_ms: Option<u64>,
    /// How long a request may wait for its answer
    #[arg(long, value_name = "MS")]
    request_timeout_ms: Option<u64>,
    /// How long to wait for the topic, or for room
    #[arg(long, value_name = "MS")]
    max_block_ms: Option<u64>,
    /// How old metadata may get
    #[arg(long, value_name = "MS")]
    metadata_expiry_ms: Option<u64>,
    /// Accepted, without effect: the system sizes socket buffers
    #[arg(long, value_name = "BYTES", hide = true)]
    socket_buffer_size: Option<u64>,
    #[command(flatten)]
    server: Server,
}

/// `KEY=VALUE` as it stands: blanks are separators, too.
pub(super) fn raw_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => key_value(text),
    }
}

impl Produce {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::until_stopped(|stop| self.send(stop))
    }

    async fn send(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let format = self.format()?;
        let properties = self.properties()?;
        let config =
            ProducerConfig::parse(&properties).map_err(|errors| Usage::new(errors.to_string()))?;
        let limit = config.max_request_size;
        let cluster = Server::cluster(&properties).await?;
        let sending = Sending {
            producer: Producer::new(config, cluster),
            topic: Arc::from(self.topic.as_str()),
            acks: Arc::default(),
            sync: self.sync,
        };
        let outcome = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            outcome = sending.all(&format, limit) => outcome,
        };
        sending.finish(outcome, &stop).await
    }

    fn format(&self) -> Result<LineFormat, Usage> {
        let mut reader = Properties::new();
        if let Some(path) = &self.reader_config {
            reader
                .extend(read_properties(path).map_err(|problem| Usage::new(problem.to_string()))?);
        }
        reader.extend(self.reader_property.iter().cloned());
        if let Some(class) = &self.line_reader
            && !class.ends_with("LineMessageReader")
        {
            return Err(Usage::new(format!(
                "--line-reader {class}: there is LineMessageReader only"
            )));
        }
        LineFormat::from_properties(&reader)
    }

    fn properties(&self) -> anyhow::Result<Properties> {
        let defaults = [("client.id", "console-producer")];
        let mut properties = self.server.properties(Place::Producer, &defaults)?;
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let typed = [
            ("acks", self.request_required_acks.clone()),
            ("compression.type", self.compression_codec.clone()),
            ("linger.ms", number(self.timeout)),
            ("batch.size", number(self.batch_size)),
            ("buffer.memory", number(self.max_memory_bytes)),
            ("retries", number(self.message_send_max_retries)),
            ("retry.backoff.ms", number(self.retry_backoff_ms)),
            ("request.timeout.ms", number(self.request_timeout_ms)),
            ("max.block.ms", number(self.max_block_ms)),
            ("metadata.max.age.ms", number(self.metadata_expiry_ms)),
        ];
        for (key, value) in typed {
            if let Some(value) = value {
                properties.insert(key.to_owned(), value);
            }
        }
        Ok(properties)
    }
}

/// A producer and where its records go.
struct Sending {
    producer: Producer,
    topic: Arc<str>,
    acks: Arc<Acks>,
    sync: bool,
}

impl Sending {
    /// Reads and sends until the input ends.
    async fn all(&self, format: &LineFormat, limit: usize) -> anyhow::Result<()> {
        let asks = std::io::stdin().is_terminal();
        let progress = if asks {
            Progress::hidden()
        } else {
            Progress::counting("lines", None)
        };
        let mut input = Input::start(limit)?;
        loop {
            if asks {
                print(">")?;
            }
            let Some(chunk) = input.lines().await? else {
                return Ok(());
            };
            let mut parsed = Vec::new();
            let mut wrong = None;
            for (number, line) in chunk.lines() {
                match format.parse(line, number) {
                    Ok(line) => parsed.push(line),
                    Err(error) => {
                        wrong = Some(error);
                        break;
                    }
                }
            }
            self.take(&parsed).await?;
            progress.add(parsed.len() as u64);
            if let Some(error) = wrong {
                return Err(error.into());
            }
        }
    }

    async fn take(&self, lines: &[Line<'_>]) -> anyhow::Result<()> {
        if self.sync {
            for line in lines {
                self.producer.send(&self.topic, None, line.record()).await?;
            }
            return Ok(());
        }
        let sink: Arc<dyn AckSink> = Arc::clone(&self.acks) as Arc<dyn AckSink>;
        let mut at = 0;
        while at < lines.len() {
            let mut records = lines[at..].iter().map(Line::record);
            match self
                .producer
                .append(&self.topic, None, &mut records, 0, &sink)
            {
                Ok(Appended { rows, full }) => {
                    at += rows;
                    if full {
                        self.producer.room().await?;
                    }
                }
                Err(ProduceError::NotReady { .. }) => {
                    self.producer.ready(&self.topic).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits for what was taken, and tells what was not delivered.
    async fn finish(
        self,
        outcome: anyhow::Result<()>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        if stop.is_cancelled() {
            self.producer.close(STOP_WITHIN).await;
        } else {
            tokio::select! {
                () = self.producer.flush() => {}
                () = stop.cancelled() => {}
            }
            self.producer.close(STOP_WITHIN).await;
        }
        let failed = self.acks.failed();
        outcome?;
        match failed {
            None => Ok(()),
            Some((1, first)) => Err(first).context("a record was not delivered"),
            Some((count, first)) => bail!("{count} records were not delivered: {first}"),
        }
    }
}
