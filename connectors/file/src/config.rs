//! The keys of both connectors.

use millrace_api::config::Config;

/// What FileStreamSource needs to know.
#[derive(Debug, Clone, Config)]
pub struct SourceConfig {
    /// The file to read. Without it, standard input is read.
    #[config(name = "file", importance = high)]
    pub file: Option<String>,
    /// The topic to write the lines to.
    #[config(name = "topic", importance = high, non_empty)]
    pub topic: String,
    /// How many lines one poll gives at most.
    #[config(name = "batch.size", default = 2000, importance = low)]
    pub batch_size: i32,
}

impl SourceConfig {
    /// The file, none for standard input.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| !file.is_empty())
    }

    /// Lines of one poll; a poll that may give none would never give any.
    pub fn lines_per_poll(&self) -> usize {
        usize::try_from(self.batch_size).unwrap_or(1).max(1)
    }
}

/// What FileStreamSink needs to know.
#[derive(Debug, Clone, Config)]
pub struct SinkConfig {
    /// The file to append to. Without it, the lines go to standard output.
    #[config(name = "file", importance = high)]
    pub file: Option<String>,
}

impl SinkConfig {
    /// The file, none for standard output.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| !file.is_empty())
    }
}
