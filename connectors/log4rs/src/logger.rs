//! The appender as a logger of its own, without log4rs in front.

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};

use crate::appender::KafkaAppender;
use crate::own;

/// A logger that ships what is logged.
///
/// ```no_run
/// use millrace_log4rs::{KafkaAppender, Properties};
///
/// let settings = Properties::from([
///     ("bootstrap.servers".to_owned(), "127.0.0.1:9092".to_owned()),
///     ("topic".to_owned(), "logs".to_owned()),
/// ]);
/// let logger = KafkaAppender::new(settings)?.into_logger(log::LevelFilter::Info);
/// logger.install().unwrap();
/// log::info!("shipped");
/// # Ok::<(), millrace_log4rs::AppenderError>(())
/// ```
#[derive(Debug)]
pub struct KafkaLog {
    appender: KafkaAppender,
    level: LevelFilter,
}

impl KafkaLog {
    pub(crate) fn new(appender: KafkaAppender, level: LevelFilter) -> Self {
        Self { appender, level }
    }

    /// The appender behind it.
    #[must_use]
    pub fn appender(&self) -> &KafkaAppender {
        &self.appender
    }

    /// Makes it the logger of the program.
    ///
    /// # Errors
    ///
    /// Where the program has one already.
    pub fn install(self) -> Result<(), SetLoggerError> {
        let level = self.level;
        log::set_boxed_logger(Box::new(self))?;
        log::set_max_level(level);
        Ok(())
    }
}

impl Log for KafkaLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if let Err(error) = self.appender.ship(record) {
            own::say(self.appender.clock(), format_args!("{error:#}"));
        }
    }

    fn flush(&self) {
        log4rs::append::Append::flush(&self.appender);
    }
}
