//! What is made of a log record in the thread that logs: value, key, headers.

use std::cell::Cell;
use std::sync::Arc;
use std::{fmt, io};

use log::kv::{self, VisitSource};
use log::{Level, LevelFilter, Record};
use log4rs::encode::{Encode, Write as EncodeWrite};
use millrace_wire::clock::Clock;

use crate::line::{Draft, push_header};
use crate::settings::{HeaderChoice, KeyBy};

/// How lines are formed.
#[derive(Debug)]
pub(crate) struct Form {
    settings: FormSettings,
    pub(crate) clock: Arc<dyn Clock>,
    /// The headers that are the same for all lines, encoded, and their number.
    constant: (Vec<u8>, i32),
}

/// What a configuration chooses of it.
#[derive(Debug)]
pub(crate) struct FormSettings {
    /// None for the message alone.
    pub(crate) encoder: Option<Box<dyn Encode>>,
    /// Whether the newline at the end of what the encoder wrote stays.
    pub(crate) keep_newline: bool,
    pub(crate) key: KeyBy,
    pub(crate) host: String,
    /// Which headers a line has.
    pub(crate) headers: HeaderChoice,
    /// Lines of this level and above are dropped last.
    pub(crate) exempt: LevelFilter,
}

/// Buffers of a thread, used again for each line.
#[derive(Default)]
struct Scratch {
    value: Vec<u8>,
    headers: Vec<u8>,
}

/// A buffer that a rare large line made larger than this is not kept.
const KEPT_BYTES: usize = 64 << 10;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Form {
    pub(crate) fn new(settings: FormSettings, clock: Arc<dyn Clock>) -> Self {
        let mut constant = (Vec::new(), 0);
        let mut push = |key, value: String| {
            push_header(&mut constant.0, key, value.as_bytes());
            constant.1 += 1;
        };
        if settings.headers.host {
            push("host", settings.host.clone());
        }
        if settings.headers.pid {
            push("pid", std::process::id().to_string());
        }
        if settings.headers.run {
            push("run", format!("{:x}", clock.now_ms()));
        }
        Self {
            settings,
            clock,
            constant,
        }
    }

    /// Forms a record's line and hands it to `then`. A record that is logged while another one is formed (by what is
    /// formatted) is formed like any other.
    pub(crate) fn with<R>(
        &self,
        record: &Record<'_>,
        then: impl FnOnce(&Draft<'_>) -> R,
    ) -> anyhow::Result<R> {
        let mut scratch = SCRATCH
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_default();
        let done = self.fill(record, &mut scratch, then);
        if scratch.value.capacity() <= KEPT_BYTES {
            scratch.value.clear();
            scratch.headers.clear();
            // A thread that is ending has no place for it any more.
            SCRATCH
                .try_with(|kept| kept.set(Some(scratch)))
                .unwrap_or_default();
        }
        done
    }

    fn fill<R>(
        &self,
        record: &Record<'_>,
        scratch: &mut Scratch,
        then: impl FnOnce(&Draft<'_>) -> R,
    ) -> anyhow::Result<R> {
        let Scratch { value, headers } = scratch;
        let chosen = &self.settings;
        match &chosen.encoder {
            Some(encoder) => encoder.encode(&mut Bytes(value), record)?,
            None => match record.args().as_str() {
                Some(text) => value.extend_from_slice(text.as_bytes()),
                None => io::Write::write_fmt(&mut Bytes(value), *record.args())?,
            },
        }
        if !chosen.keep_newline && value.last() == Some(&b'\n') {
            value.pop();
            if value.last() == Some(&b'\r') {
                value.pop();
            }
        }
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        let header_count = self.headers(record, thread, headers);
        let key = match chosen.key {
            KeyBy::None => None,
            KeyBy::Host => Some(chosen.host.as_str()),
            KeyBy::Logger => Some(record.target()),
            KeyBy::Thread => Some(thread),
        };
        Ok(then(&Draft {
            level: record.level(),
            exempt: record.level() <= chosen.exempt,
            timestamp: self.clock.now_ms(),
            key: key.map(str::as_bytes),
            header_count,
            headers,
            numbered: chosen.headers.sequence,
            value,
        }))
    }

    fn headers(&self, record: &Record<'_>, thread: &str, out: &mut Vec<u8>) -> i32 {
        let chosen = &self.settings.headers;
        let mut count = 0;
        let mut push = |out: &mut Vec<u8>, key: &str, value: &[u8]| {
            push_header(out, key, value);
            count += 1;
        };
        if chosen.level {
            push(out, "level", level_name(record.level()).as_bytes());
        }
        if chosen.target {
            push(out, "target", record.target().as_bytes());
        }
        if chosen.thread && !thread.is_empty() {
            push(out, "thread", thread.as_bytes());
        }
        if chosen.context {
            let mut visitor = Pairs { out, count: 0 };
            log_mdc::iter(|key, value| visitor.push(key, value));
            // Our visitor never fails, and a source that does leaves the pairs before it.
            drop(record.key_values().visit(&mut visitor));
            count += visitor.count;
        }
        out.extend_from_slice(&self.constant.0);
        count + self.constant.1
    }
}

fn level_name(level: Level) -> &'static str {
    level.as_str()
}

/// Collects key-values as headers.
struct Pairs<'a> {
    out: &'a mut Vec<u8>,
    count: i32,
}

impl Pairs<'_> {
    fn push(&mut self, key: &str, value: &str) {
        push_header(self.out, key, value.as_bytes());
        self.count += 1;
    }
}

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        match value.to_borrowed_str() {
            Some(text) => self.push(key.as_str(), text),
            None => self.push(key.as_str(), &value.to_string()),
        }
        Ok(())
    }
}

/// Where an encoder writes to; styles are left out.
pub(crate) struct Bytes<'a>(pub(crate) &'a mut Vec<u8>);

impl io::Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Where a value cannot be formatted, the standard library's own would end the thread that logs it.
    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> io::Result<()> {
        fmt::write(self, arguments)
            .map_err(|_| io::Error::other("a value of the line, or its date, cannot be formatted"))
    }
}

impl fmt::Write for Bytes<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl EncodeWrite for Bytes<'_> {}
