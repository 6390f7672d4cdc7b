//! What a task and its lanes share: the plan, the client, and what the lanes have to say.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_api::{ConnectError, SinkContext};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::config::{Compression, OnError, OnNull, SinkConfig};
use super::presets::Framing;
use super::render::Renderer;
use super::rows::{Pieces, Record};
use super::target::Target;
use super::verdict::Rules;
use crate::client::{HttpClient, millis};
use crate::retry::{Backoff, Statuses};

/// A task that needs no call when there is room again.
const NEVER: usize = 0;

/// How requests are made and repeated.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) renderer: Renderer,
    pub(crate) framing: Framing,
    pub(crate) on_null: OnNull,
    /// Whether a deletion is a part of a request's body like any other record.
    pub(crate) deletes_in_body: bool,
    pub(crate) rules: Rules,
    pub(crate) batch_max: usize,
    pub(crate) batch_max_bytes: usize,
    pub(crate) compression: Compression,
    pub(crate) idempotency_header: Option<reqwest::header::HeaderName>,
    /// How often a request is sent again; none without a limit.
    pub(crate) max_retries: Option<u32>,
    pub(crate) retry_timeout: Option<Duration>,
    pub(crate) backoff: Backoff,
    on_error: OnError,
    /// Whether `errors.tolerance` is `all`.
    tolerant: bool,
}

impl Plan {
    /// # Errors
    /// When something cannot be read that the checks of the configuration should have found.
    pub(crate) fn new(config: &SinkConfig, tolerant: bool) -> Result<Self, ConnectError> {
        let statuses = |items: &[String]| Statuses::read(items).map_err(ConnectError::config);
        let batch_max = config
            .batch_max_size
            .and_then(|max| usize::try_from(max).ok());
        let header = match config.idempotency_header.as_deref() {
            None => config.preset.idempotency_header(),
            Some(name) => name,
        };
        Ok(Self {
            renderer: Renderer::new(config)?,
            framing: Framing::new(config),
            on_null: config.on_null,
            deletes_in_body: config.preset.deletes_in_body(),
            rules: Rules {
                judge: config.preset.judge(),
                retry_on: statuses(&config.retry_on)?,
                split_on: statuses(&config.split_on)?,
            },
            batch_max: batch_max.unwrap_or_else(|| config.preset.batch_max_size()),
            batch_max_bytes: usize::try_from(config.batch_max_bytes).unwrap_or(1),
            compression: config.compression,
            idempotency_header: (!header.is_empty()).then(|| header.parse().ok()).flatten(),
            max_retries: u32::try_from(config.max_retries).ok(),
            retry_timeout: u64::try_from(config.retry_timeout_ms)
                .ok()
                .map(Duration::from_millis),
            backoff: Backoff {
                first: millis(config.retry_backoff_ms),
                policy: config.retry_backoff_policy,
            },
            on_error: config.on_error,
            tolerant,
        })
    }
}

/// A record that could not be delivered, to be reported by the next `put`.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) record: Record,
    pub(crate) error: ConnectError,
}

/// What the lanes have to say to the task.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) failures: Vec<Failure>,
    /// What fails the task.
    pub(crate) fatal: Option<ConnectError>,
}

/// What a task and its lanes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) client: HttpClient,
    context: SinkContext,
    load: Arc<Load>,
    news: Mutex<News>,
    /// A record has failed for good and the task with it: nothing more is sent.
    halted: AtomicBool,
    /// Until when the server has asked to be left alone.
    not_before: Mutex<Option<Instant>>,
    /// Lanes that wait before they try again.
    pausing: AtomicUsize,
}

/// What waits for delivery.
#[derive(Debug, Default)]
pub(crate) struct Load {
    bytes: AtomicUsize,
    /// Records on their way.
    records: AtomicUsize,
    /// The task is to be woken once no more bytes than these wait; 0 for never.
    wake_below: AtomicUsize,
    /// Something was delivered, failed, or has to wait.
    pub(crate) changed: Notify,
}

/// Memory that is held until the last record of a batch is done.
#[derive(Debug)]
pub(crate) struct Hold {
    bytes: usize,
    load: Arc<Load>,
    context: SinkContext,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let before = self.load.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        let wake_below = self.load.wake_below.load(Ordering::Acquire);
        if wake_below != NEVER && before.saturating_sub(self.bytes) <= wake_below {
            self.context.wake();
        }
        self.load.changed.notify_waiters();
    }
}

impl Shared {
    pub(crate) fn new(plan: Plan, client: HttpClient, context: SinkContext) -> Self {
        Self {
            plan,
            client,
            context,
            load: Arc::default(),
            news: Mutex::default(),
            halted: AtomicBool::new(false),
            not_before: Mutex::default(),
            pausing: AtomicUsize::new(0),
        }
    }

    /// Accounts for memory that records hold.
    pub(crate) fn hold(&self, bytes: usize) -> Hold {
        self.load.bytes.fetch_add(bytes, Ordering::AcqRel);
        Hold {
            bytes,
            load: Arc::clone(&self.load),
            context: self.context.clone(),
        }
    }

    /// Records have been taken on.
    pub(crate) fn taken(&self, records: usize) {
        self.load.records.fetch_add(records, Ordering::AcqRel);
    }

    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    /// Bytes that wait for delivery.
    pub(crate) fn bytes(&self) -> usize {
        self.load.bytes.load(Ordering::Acquire)
    }

    /// Records that wait for delivery.
    pub(crate) fn records(&self) -> usize {
        self.load.records.load(Ordering::Acquire)
    }

    /// Asks for a call of `put` once no more than `bytes` wait; none for never.
    pub(crate) fn wake_below(&self, bytes: Option<usize>) {
        let bytes = bytes.map_or(NEVER, |bytes| bytes.max(1));
        self.load.wake_below.store(bytes, Ordering::Release);
    }

    /// Asks for a call of `put`.
    pub(crate) fn wake(&self) {
        self.context.wake();
        self.load.changed.notify_waiters();
    }

    pub(crate) fn context(&self) -> &SinkContext {
        &self.context
    }

    /// Nothing more is to be done about a record.
    pub(crate) fn done(&self, record: &Record) {
        record.done();
        self.load.records.fetch_sub(1, Ordering::AcqRel);
    }

    /// `records` are delivered, or gone with their partition.
    pub(crate) fn all_done(&self, records: &Pieces) {
        records.done();
        self.load.records.fetch_sub(records.len(), Ordering::AcqRel);
        self.load.changed.notify_waiters();
    }

    /// `records`, which were to go to `target`, cannot be delivered.
    pub(crate) fn give_up(&self, records: &Pieces, target: &Target, why: &str) {
        for (held, row) in records.iter() {
            let held = Arc::clone(held);
            let record = Record { held, row };
            let error = ConnectError::connect(format!(
                "cannot deliver {} by {}: {why}",
                record.place(),
                target.shown()
            ));
            self.failed(record, error);
        }
    }

    /// A record cannot be delivered.
    pub(crate) fn failed(&self, record: Record, error: ConnectError) {
        let reported = self.context.errant_records().is_some();
        if self.plan.tolerant && reported {
            self.with_news(|news| news.failures.push(Failure { record, error }));
        } else if self.plan.tolerant || self.plan.on_error != OnError::Fail {
            if self.plan.on_error != OnError::Ignore {
                log::error!(
                    "{} leaves out a record: {}",
                    self.context.id(),
                    chain(&error)
                );
            }
            self.done(&record);
        } else {
            self.halted.store(true, Ordering::Release);
            self.with_news(|news| match reported {
                // The worker logs the record and fails the task.
                true => news.failures.push(Failure { record, error }),
                false => drop(news.fatal.get_or_insert(error)),
            });
        }
        self.wake();
    }

    /// Whether nothing more is to be sent.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    /// What the lanes have to say.
    pub(crate) fn take_news(&self) -> News {
        self.with_news(std::mem::take)
    }

    /// Whether the lanes have something to say.
    pub(crate) fn has_news(&self) -> bool {
        self.with_news(|news| news.fatal.is_some() || !news.failures.is_empty())
    }

    /// The server asks to be left alone for some time.
    pub(crate) fn leave_alone(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut not_before = self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |known| known.max(until)));
    }

    /// Waits until the server may be called.
    pub(crate) async fn until_allowed(&self) {
        loop {
            let until = *self
                .not_before
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match until {
                Some(until) if until > Instant::now() => {
                    self.pausing(tokio::time::sleep_until(until)).await;
                }
                _ => return,
            }
        }
    }

    /// Awaits `pause` as a lane that stands still.
    pub(crate) async fn pausing(&self, pause: impl Future<Output = ()>) {
        let counted = Pausing::begin(self);
        pause.await;
        drop(counted);
    }

    /// Whether a lane stands still before it tries again.
    pub(crate) fn is_pausing(&self) -> bool {
        self.pausing.load(Ordering::Acquire) > 0
    }

    fn with_news<T>(&self, act: impl FnOnce(&mut News) -> T) -> T {
        act(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts a lane as standing still until it is dropped.
struct Pausing<'a>(&'a AtomicUsize);

impl<'a> Pausing<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.pausing.fetch_add(1, Ordering::AcqRel);
        shared.load.changed.notify_waiters();
        Self(&shared.pausing)
    }
}

impl Drop for Pausing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &ConnectError) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
