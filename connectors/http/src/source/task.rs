//! The task: asks, waits, gives.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, OffsetMap, Properties, SourceBatch, SourceContext, SourcePartition, SourceTask,
};
use tokio::time::Instant;

use super::batch::{Rest, Shape};
use super::book::Book;
use super::config::{OnError, ResponseFormat, SourceConfig};
use super::fetch::{Fetched, Fetcher};
use super::page::Page;
use super::paging::Paging;
use super::position::{Position, Validators};
use super::rate::Rate;
use super::request::Requests;
use super::sweep::Rules;
use crate::client::{HttpClient, Redirects};
use crate::retry::{Backoff, Jitter};

#[derive(Debug, Default)]
pub(super) struct HttpSourceTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SourceContext,
    requests: Requests,
    fetcher: Fetcher,
    rules: Rules,
    shape: Shape,
    rate: Rate,
    pauses: Pauses,
    position: Position,
    rest: Option<Rest>,
    /// When to ask next.
    due: Instant,
    /// Tries of the present request that have failed.
    failed: u32,
}

/// How long to wait for what.
#[derive(Debug)]
struct Pauses {
    interval: Duration,
    backoff: Backoff,
    jitter: Jitter,
    /// None for without an end.
    retries_max: Option<u32>,
    on_error: OnError,
}

/// The source partition, as it is stored.
pub(super) fn partition(config: &SourceConfig) -> OffsetMap {
    [("url".to_owned(), config.url.as_str().into())]
        .into_iter()
        .collect()
}

#[async_trait]
impl SourceTask for HttpSourceTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = SourceConfig::read(properties)?;
        self.running = Some(Running::new(&config, context).await?);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match &mut self.running {
            Some(running) => running.poll().await,
            None => Err(ConnectError::connect(
                "cannot poll a task that is not started",
            )),
        }
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

impl Running {
    async fn new(config: &SourceConfig, context: SourceContext) -> Result<Self, ConnectError> {
        let requests = Requests::new(config).map_err(ConnectError::config)?;
        let client = HttpClient::open(&config.client, requests.is_https(), Redirects::All).await?;
        let map = partition(config);
        let position = match context.offset(&map).await? {
            Some(stored) => Position::from_map(&stored)?,
            None => Position::default(),
        };
        let book = Arc::new(Book::default());
        let offsets = Arc::clone(&book);
        let most = |number: i32| usize::try_from(number).unwrap_or(1);
        Ok(Self {
            context,
            requests,
            fetcher: Fetcher::new(client, config).map_err(ConnectError::config)?,
            rules: Rules {
                paging: Paging::new(config),
                window: most(config.window),
            },
            shape: Shape {
                topic: config.topic.as_str().into(),
                form: config.value_form,
                is_json: config.response_format == ResponseFormat::Json,
                rows_max: most(config.batch_size),
                source: SourcePartition::new(map, move |mark| offsets.offset(mark)),
                book,
            },
            rate: Rate::new(
                most(config.requests_per_interval),
                Duration::from_millis(config.requests_interval_ms.unsigned_abs()),
            ),
            pauses: Pauses {
                interval: config.interval(),
                backoff: Backoff {
                    first: Duration::from_millis(config.retry_backoff_ms.unsigned_abs().into()),
                    policy: config.retry_policy,
                },
                jitter: Jitter::new(),
                retries_max: u32::try_from(config.max_retries).ok(),
                on_error: config.on_error,
            },
            position,
            rest: None,
            due: Instant::now(),
            failed: 0,
        })
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        loop {
            if let Some(rest) = &mut self.rest {
                if let Some(batch) = rest.batch(&self.shape)? {
                    return Ok(Some(batch));
                }
                self.rest = None;
            }
            let due = self.rate.due().map_or(self.due, |due| due.max(self.due));
            tokio::select! {
                biased;
                () = self.context.interrupted() => return Ok(None),
                () = tokio::time::sleep_until(due) => {}
            }
            let request = self.requests.page(&self.position, &self.rules.paging);
            let fetched = match request {
                Err(why) => Fetched::Refused(why),
                Ok(request) => {
                    self.rate.send(Instant::now());
                    tokio::select! {
                        biased;
                        () = self.context.interrupted() => return Ok(None),
                        fetched = self.fetcher.fetch(request) => fetched,
                    }
                }
            };
            self.handle(fetched)?;
        }
    }

    fn handle(&mut self, fetched: Fetched) -> Result<(), ConnectError> {
        match fetched {
            Fetched::Page(page, validators) => {
                self.failed = 0;
                self.take(page, validators);
                Ok(())
            }
            Fetched::Unchanged => {
                self.failed = 0;
                self.due = Instant::now() + self.pauses.interval;
                Ok(())
            }
            Fetched::Retry(why, after) => self.retry(&why, after),
            Fetched::Refused(why) => self.refused(&why),
        }
    }

    fn take(&mut self, mut page: Page, validators: Validators) {
        let items = page.take_items();
        let validators =
            (validators.etag.is_some() || validators.modified.is_some()).then_some(validators);
        let taken = self
            .rules
            .take(&self.position, items, page.next.as_deref(), validators);
        self.position = taken.book.after.clone();
        if taken.ended {
            self.due = Instant::now() + self.pauses.interval;
        }
        if !taken.items.is_empty() {
            self.rest = Some(Rest {
                body: page.body,
                mark: self.shape.book.add(taken.book),
                items: taken.items.into_iter(),
            });
        }
    }

    /// A try has failed and may be made again: after what the server asks for, or after a growing pause.
    fn retry(&mut self, why: &str, after: Option<Duration>) -> Result<(), ConnectError> {
        self.failed = self.failed.saturating_add(1);
        if let Some(most) = self.pauses.retries_max
            && self.failed > most
        {
            return self.refused(&format!("{why}, after {most} tries anew (max.retries)"));
        }
        let pause = self
            .pauses
            .backoff
            .pause(self.failed, self.pauses.jitter.next());
        let pause = after.map_or(pause, |after| after.max(Duration::from_millis(1)));
        self.due = Instant::now() + pause;
        Err(ConnectError::retriable(format!(
            "cannot read {}: {why}; the next try is in {} ms",
            self.url(),
            pause.as_millis()
        )))
    }

    /// The same request would fail again.
    fn refused(&mut self, why: &str) -> Result<(), ConnectError> {
        self.failed = 0;
        let message = format!("cannot read {}: {why}", self.url());
        match self.pauses.on_error {
            OnError::Fail => Err(ConnectError::connect(message)),
            OnError::Log => {
                self.due = Instant::now() + self.pauses.interval;
                log::error!("{} {message}", self.context.id());
                Ok(())
            }
        }
    }

    /// The URL as it is configured: what is filled in may be secret.
    fn url(&self) -> String {
        let url = self.shape.source.partition().get("url");
        url.and_then(|url| url.as_str())
            .unwrap_or_default()
            .to_owned()
    }
}
