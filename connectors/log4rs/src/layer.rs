//! The appender as a layer of tracing-subscriber: events become lines, their fields and those of the spans around them
//! key-values.
//!
//! An event goes the way of a log record, so that encoder, key and headers are those of the appender. Events that the
//! `tracing-log` bridge made of log records get back the target and the place that they had.

use std::fmt;

use log::kv::{self, Key, Source, Value, VisitSource};
use log::{Level, Record};
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id};
use tracing_core::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::appender::KafkaAppender;
use crate::own;

const MESSAGE: &str = "message";
/// Events of this target are log records; their fields beside the message begin with the prefix.
const BRIDGED: &str = "log";
const BRIDGED_PREFIX: &str = "log.";

/// A layer that ships events.
///
/// ```no_run
/// use millrace_log4rs::{KafkaAppender, Properties};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let settings = Properties::from([
///     ("bootstrap.servers".to_owned(), "127.0.0.1:9092".to_owned()),
///     ("topic".to_owned(), "logs".to_owned()),
/// ]);
/// let layer = KafkaAppender::new(settings)?.into_layer();
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::set_global_default(subscriber).unwrap();
/// tracing::info!(order = 4711, "paid");
/// # Ok::<(), millrace_log4rs::AppenderError>(())
/// ```
#[derive(Debug)]
pub struct KafkaLayer {
    appender: KafkaAppender,
}

impl KafkaLayer {
    pub(crate) fn new(appender: KafkaAppender) -> Self {
        Self { appender }
    }

    /// The appender behind it.
    #[must_use]
    pub fn appender(&self) -> &KafkaAppender {
        &self.appender
    }

    fn ship(&self, metadata: &Metadata<'_>, mut fields: Fields) {
        let message = fields.take(MESSAGE).unwrap_or_default();
        let mut place = Place {
            target: metadata.target().to_owned(),
            module: metadata.module_path().map(str::to_owned),
            file: metadata.file().map(str::to_owned),
            line: metadata.line(),
        };
        if metadata.target() == BRIDGED {
            place = Place::bridged(&mut fields);
        }
        let shipped = self.appender.ship(
            &Record::builder()
                .level(level(metadata))
                .target(&place.target)
                .module_path(place.module.as_deref())
                .file(place.file.as_deref())
                .line(place.line)
                .key_values(&fields)
                .args(format_args!("{message}"))
                .build(),
        );
        if let Err(error) = shipped {
            own::say(self.appender.clock(), format_args!("{error:#}"));
        }
    }
}

impl<S> Layer<S> for KafkaLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &tracing_core::span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(around) = span.extensions().get::<Fields>() {
                fields.merge(around);
            }
        }
        event.record(&mut fields);
        self.ship(event.metadata(), fields);
    }
}

/// Where an event comes from.
struct Place {
    target: String,
    module: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

impl Place {
    /// What the bridge has put into fields.
    fn bridged(fields: &mut Fields) -> Self {
        let mut take = |name: &str| fields.take(&format!("{BRIDGED_PREFIX}{name}"));
        Self {
            target: take("target").unwrap_or_else(|| BRIDGED.to_owned()),
            module: take("module_path"),
            file: take("file"),
            line: take("line").and_then(|line| line.parse().ok()),
        }
    }
}

/// Fields by name, in the order in which they came; of two with one name the last is kept.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    fn merge(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            self.set(name, value.clone());
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}

impl Source for Fields {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        self.0.iter().try_for_each(|(name, value)| {
            visitor.visit_pair(Key::from_str(name), Value::from(value.as_str()))
        })
    }
}

fn level(metadata: &Metadata<'_>) -> Level {
    match *metadata.level() {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warn,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}
