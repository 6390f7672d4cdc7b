//! A log4rs appender that ships log lines to Kafka topics and never holds up the application.
//!
//! # What happens to a line
//!
//! 1. The thread that logs encodes it and copies it into a queue of bounded memory (`memory.bytes`). If there is no room it
//!    waits, never longer than `block.budget.ms`.
//! 2. A thread of the appender's own takes lines out, in order, and gives them to an idempotent producer. It connects when
//!    the first line is there, and goes on trying; lines that were not acknowledged are sent again.
//! 3. When brokers do not keep up, lines go to the spill (`spill.dir`, at most `spill.bytes`), and from there, in order, to
//!    the topic once brokers are back. What a process leaves in its spill, killed or ended, the next one delivers first.
//! 4. When memory and spill are full, lines are dropped (`drop.policy`), errors last (`drop.exempt`). Each is counted
//!    ([`Metrics`]), and lines `n lines dropped` in the topic tell of all of them.
//!
//! The appender's own lines and those of its client go to stderr, never to itself.
//!
//! # Using it
//!
//! In a log4rs file the kind is `kafka` ([`KafkaAppenderDeserializer`]); all keys of the client are keys of the appender,
//! and so are the names that Kafka's log4j appender has. [`KafkaAppender::new`] makes one in code,
//! [`KafkaAppender::into_logger`] makes it a [`log::Log`]; with the feature `tracing` `KafkaAppender::into_layer` makes it a
//! layer of tracing-subscriber.
//!
//! A program that ends flushes: when `main` returns and in `std::process::exit`. [`flush_on_panic`] writes panics as lines
//! and flushes behind them, [`flush_on_signals`] flushes before a signal ends the program, [`flush_all`] and
//! [`FlushGuard`] flush whenever it suits.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod appender;
mod chunk;
mod conversion;
mod core;
mod exit;
mod form;
#[cfg(feature = "tracing")]
mod layer;
mod line;
mod logger;
mod metrics;
mod own;
mod progress;
mod queue;
mod report;
mod sender;
mod settings;
mod spill;
mod trial;

pub use self::core::Flushed;
pub use appender::{AppendError, AppenderError, KafkaAppender, KafkaAppenderDeserializer};
pub use conversion::translate_pattern;
#[cfg(unix)]
pub use exit::flush_on_signals;
pub use exit::{FlushGuard, flush_all, flush_on_panic, visit_metrics};
#[cfg(feature = "tracing")]
pub use layer::KafkaLayer;
pub use logger::KafkaLog;
pub use metrics::Metrics;
pub use millrace_config::Properties;
pub use settings::AppenderConfig;

/// The programs of the README, compiled with the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
