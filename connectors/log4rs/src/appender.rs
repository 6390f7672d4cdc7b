//! The appender itself, and how it is made.

use std::sync::Arc;
use std::time::Duration;

use log::{LevelFilter, Record};
use log4rs::append::Append;
use log4rs::config::{Deserialize, Deserializers};
use log4rs::encode::Encode;
use log4rs::encode::pattern::PatternEncoder;
use millrace_config::{ConfigErrors, Properties};
use millrace_wire::clock::{self, Clock};
use thiserror::Error;

use crate::conversion::translate_pattern;
use crate::core::{Core, Flushed};
use crate::exit;
use crate::form::{Form, FormSettings};
use crate::line::Draft;
use crate::logger::KafkaLog;
use crate::metrics::Metrics;
use crate::own;
use crate::queue::Pushed;
use crate::report::Report;
use crate::settings::{self, AppenderConfig, Newline, Settings};
use crate::trial;

/// An encoder, for those who look for one.
const ENCODER: &str = "{kind: pattern, pattern: \"{l} {t}: {m}{n}\"}";

/// Why an appender could not be made.
#[derive(Debug, Error)]
pub enum AppenderError {
    /// Everything that is wrong with the configuration.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// The appender's thread could not be started.
    #[error("cannot start the appender's thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a line was not shipped, where the program asked to be told (`ignore.exceptions=false`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AppendError {
    /// Memory and spill are full.
    #[error(
        "a log line was dropped, there was no room for it within {budget_ms} ms; raise memory.bytes or give a spill.dir"
    )]
    NoRoom {
        /// `block.budget.ms`.
        budget_ms: u128,
    },
    /// The appender was closed before.
    #[error("a log line was dropped, its appender is closed")]
    Closed,
    /// With `sync.send`; the line is still delivered later.
    #[error("a log line was not acknowledged within {budget_ms} ms; it is sent on")]
    NotAcknowledged {
        /// `block.budget.ms`.
        budget_ms: u128,
    },
}

/// Makes appenders of kind `kafka` for log4rs files.
///
/// ```no_run
/// let mut deserializers = log4rs::config::Deserializers::default();
/// deserializers.insert("kafka", millrace_log4rs::KafkaAppenderDeserializer);
/// log4rs::init_file("log4rs.yaml", deserializers).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct KafkaAppenderDeserializer;

impl Deserialize for KafkaAppenderDeserializer {
    type Trait = dyn Append;
    type Config = AppenderConfig;

    fn deserialize(
        &self,
        config: AppenderConfig,
        deserializers: &Deserializers,
    ) -> anyhow::Result<Box<dyn Append>> {
        Ok(Box::new(KafkaAppender::from_config(config, deserializers)?))
    }
}

/// Ships log lines to topics without holding up the threads that log.
///
/// A line is encoded and copied into bounded memory by the thread that logs; a thread of the appender's own sends it. See
/// the crate's documentation for what happens when brokers do not keep up.
#[derive(Debug)]
pub struct KafkaAppender {
    form: Arc<Form>,
    core: Arc<Core>,
    is_sync: bool,
    ignore_exceptions: bool,
    flush_timeout: Duration,
}

impl KafkaAppender {
    /// An appender with these keys and values, ours or log4j's. Lines are the messages alone.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the configuration, or that no thread could be started.
    pub fn new(properties: Properties) -> Result<Self, AppenderError> {
        Self::with_encoder(properties, None)
    }

    /// An appender whose lines an encoder of log4rs writes; none for the messages alone.
    ///
    /// # Errors
    ///
    /// As [`KafkaAppender::new`].
    pub fn with_encoder(
        properties: Properties,
        encoder: Option<Box<dyn Encode>>,
    ) -> Result<Self, AppenderError> {
        Self::build(properties, encoder, false, ConfigErrors::default())
    }

    /// An appender as a log4rs file has it.
    ///
    /// # Errors
    ///
    /// As [`KafkaAppender::new`].
    pub fn from_config(
        config: AppenderConfig,
        deserializers: &Deserializers,
    ) -> Result<Self, AppenderError> {
        let mut errors = ConfigErrors::default();
        let given = config.take_apart(&mut errors);
        let mut encoder = None;
        if let Some(chosen) = given.encoder {
            let shown = settings::shown(&chosen);
            let made = deserializers.deserialize::<dyn Encode>(&chosen.kind, chosen.config);
            match made.map_err(|error| format!("{error:#}")).and_then(tried) {
                Ok(made) => encoder = Some(made),
                Err(why) => errors.push(
                    "encoder",
                    format!(
                        "Invalid value {shown} for configuration encoder: {why}; write one of log4rs's, such as {ENCODER}"
                    ),
                ),
            }
        }
        let has_layout = given.pattern.is_some();
        if let Some(pattern) = given.pattern {
            match translate_pattern(&pattern) {
                Ok(translated) => match tried(Box::new(PatternEncoder::new(&translated))) {
                    Ok(made) => encoder = Some(made),
                    Err(why) => errors.push(
                        "layout",
                        format!(
                            "Invalid value {pattern} for configuration layout.ConversionPattern: log4rs cannot write it ({why}); use an encoder of log4rs"
                        ),
                    ),
                },
                Err(problems) => problems.iter().for_each(|problem| {
                    let message = format!(
                        "Invalid value {pattern} for configuration layout.ConversionPattern: {problem}"
                    );
                    errors.push("layout", message);
                }),
            }
        }
        Self::build(given.properties, encoder, has_layout, errors)
    }

    fn build(
        properties: Properties,
        encoder: Option<Box<dyn Encode>>,
        has_layout: bool,
        mut errors: ConfigErrors,
    ) -> Result<Self, AppenderError> {
        let (properties, used) = settings::resolve(properties, &mut errors);
        let parsed = Settings::parse(&properties)
            .map_err(|wrong| errors.extend(settings::explain(&wrong, &used)))
            .ok();
        let errors = errors.into_result(());
        match (parsed, errors) {
            (Some(settings), Ok(())) => Self::start(settings, encoder, has_layout),
            (_, errors) => Err(errors.err().unwrap_or_default().into()),
        }
    }

    fn start(
        settings: Settings,
        encoder: Option<Box<dyn Encode>>,
        has_layout: bool,
    ) -> Result<Self, AppenderError> {
        let clock = clock::system();
        let form = FormSettings {
            encoder,
            keep_newline: match settings.newline {
                Newline::Auto => has_layout,
                Newline::Keep => true,
                Newline::Strip => false,
            },
            key: settings.key,
            host: settings.host.unwrap_or_else(host_name),
            headers: settings.headers,
            exempt: settings.exempt,
        };
        let form = Arc::new(Form::new(form, Arc::clone(&clock)));
        let report = Report::new(Arc::clone(&form), settings.report_interval);
        let core = Core::start(settings.sender, report, clock)?;
        exit::watch(&core, settings.flush_timeout);
        Ok(Self {
            form,
            core,
            is_sync: settings.sync,
            ignore_exceptions: settings.ignore_exceptions,
            flush_timeout: settings.flush_timeout,
        })
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// Waits until all lines handed over so far are delivered, no longer than `limit`; what is left then is written to the
    /// spill.
    pub fn flush_within(&self, limit: Duration) -> Flushed {
        self.core.flush(limit)
    }

    /// The same appender as a logger of its own, for programs without log4rs.
    #[must_use]
    pub fn into_logger(self, level: LevelFilter) -> KafkaLog {
        KafkaLog::new(self, level)
    }

    /// The same appender as a layer for programs that log by `tracing`.
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn into_layer(self) -> crate::layer::KafkaLayer {
        crate::layer::KafkaLayer::new(self)
    }

    /// Hands a record's line over.
    ///
    /// # Errors
    ///
    /// Where its encoder fails, or it is not shipped and the program asked to be told.
    pub(crate) fn ship(&self, record: &Record<'_>) -> anyhow::Result<()> {
        if own::is_own(record) {
            own::pass_on(record, self.clock());
            return Ok(());
        }
        let outcome = self.form.with(record, |draft| match self.is_sync {
            true => self.deliver(draft),
            false => self.hand_over(draft).map(drop),
        })?;
        match outcome {
            Err(error) if !self.ignore_exceptions => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Queues a line and says under which number.
    fn hand_over(&self, draft: &Draft<'_>) -> Result<u64, AppendError> {
        match self.core.push(draft) {
            Pushed::Taken(sequence) => Ok(sequence),
            Pushed::Dropped => Err(AppendError::NoRoom {
                budget_ms: self.budget().as_millis(),
            }),
            Pushed::Closed => Err(AppendError::Closed),
        }
    }

    /// Queues a line and waits for its acknowledgement; both together within the budget.
    fn deliver(&self, draft: &Draft<'_>) -> Result<(), AppendError> {
        let (budget, started) = (self.budget(), self.clock().monotonic());
        let sequence = self.hand_over(draft)?;
        let spent = self.clock().monotonic().saturating_sub(started);
        if self.core.wait_for(sequence, budget.saturating_sub(spent)) {
            return Ok(());
        }
        Err(AppendError::NotAcknowledged {
            budget_ms: budget.as_millis(),
        })
    }

    /// The longest that a thread which logs may wait.
    fn budget(&self) -> Duration {
        self.core.settings.bounds.budget
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.form.clock
    }
}

impl Append for KafkaAppender {
    fn append(&self, record: &Record<'_>) -> anyhow::Result<()> {
        self.ship(record)
    }

    fn flush(&self) {
        self.core.flush(self.flush_timeout);
    }
}

impl Drop for KafkaAppender {
    fn drop(&mut self) {
        self.core.close(self.flush_timeout);
    }
}

/// An encoder that has written a line.
fn tried(encoder: Box<dyn Encode>) -> Result<Box<dyn Encode>, String> {
    match trial::fault(&*encoder) {
        None => Ok(encoder),
        Some(why) => Err(why),
    }
}

fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
