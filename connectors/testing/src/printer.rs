//! Prints lines from anywhere, in order, without waiting for whoever reads them.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

/// Bytes that may wait to be printed before a task waits itself.
const WAITING_MAX: usize = 256 << 10;

/// Where the lines of a connector go: standard output, or what a program that embeds it hands in.
#[derive(Clone)]
pub struct Output(Arc<Mutex<dyn Write + Send>>);

impl Output {
    /// Prints to `writer`, which may block: it is called on the blocking pool.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(lines)?;
        writer.flush()
    }
}

impl Default for Output {
    fn default() -> Self {
        Self::new(io::stdout())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

/// A handle to the lines of one task. A line may be added where nothing may wait; [`Printer::room`] is where to wait.
#[derive(Clone)]
pub(crate) struct Printer(Arc<Handle>);

/// Its drop, once no printer is left, ends the writing behind the last line.
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.added.notify_one();
    }
}

struct Shared {
    lines: Mutex<Lines>,
    added: Notify,
    written: Notify,
}

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    /// Lines are being written right now.
    writing: bool,
    /// No handle is left, or nobody reads any more.
    over: bool,
}

impl Printer {
    /// Prints to `output`; must be called inside a runtime.
    pub(crate) fn start(output: Output) -> Self {
        let shared = Arc::new(Shared {
            lines: Mutex::default(),
            added: Notify::new(),
            written: Notify::new(),
        });
        tokio::spawn(print_all(Arc::clone(&shared), output));
        Self(Arc::new(Handle(shared)))
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }

    /// Adds a JSON object as one line.
    pub(crate) fn print(&self, line: &Value) {
        let mut lines = self.shared().lock();
        if lines.over {
            return;
        }
        // A value of strings and numbers always has a text, and a vector takes all of it.
        if serde_json::to_writer(&mut lines.waiting, line).is_ok() {
            lines.waiting.push(b'\n');
        }
        drop(lines);
        self.shared().added.notify_one();
    }

    /// Waits until few enough lines wait.
    pub(crate) async fn room(&self) {
        self.wait_until(|lines| lines.waiting.len() < WAITING_MAX)
            .await;
    }

    /// Waits until all lines are printed.
    pub(crate) async fn flush(&self) {
        self.wait_until(|lines| lines.waiting.is_empty() && !lines.writing)
            .await;
    }

    async fn wait_until(&self, holds: impl Fn(&Lines) -> bool) {
        loop {
            let written = self.shared().written.notified();
            {
                let lines = self.shared().lock();
                if lines.over || holds(&lines) {
                    return;
                }
            }
            written.await;
        }
    }

    /// Prints what waits, and nothing after it.
    pub(crate) async fn finish(&self) {
        self.flush().await;
        self.shared().lock().over = true;
        self.shared().added.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines to write next; none once there will be no more.
    async fn next(&self) -> Option<Vec<u8>> {
        loop {
            let added = self.added.notified();
            {
                let mut lines = self.lock();
                if !lines.waiting.is_empty() {
                    lines.writing = true;
                    return Some(std::mem::take(&mut lines.waiting));
                }
                if lines.over {
                    return None;
                }
            }
            added.await;
        }
    }

    fn done(&self, over: bool) {
        let mut lines = self.lock();
        lines.writing = false;
        lines.over |= over;
        drop(lines);
        self.written.notify_waiters();
    }
}

/// Writes on the blocking pool, because a reader may make a writer wait.
async fn print_all(shared: Arc<Shared>, output: Output) {
    while let Some(lines) = shared.next().await {
        let output = output.clone();
        let written = tokio::task::spawn_blocking(move || output.write(&lines));
        let Ok(result) = written.await else {
            return shared.done(true);
        };
        if let Err(error) = &result {
            log::warn!("cannot print to standard output, prints no more: {error}");
        }
        shared.done(result.is_err());
    }
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Printer")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>, bool);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn lines_come_in_order() {
        let page = Page::default();
        let printer = Printer::start(Output::new(page.clone()));
        for number in 0..1000 {
            printer.print(&json!({"n": number}));
        }
        printer.finish().await;
        printer.print(&json!({"late": true}));
        let expected: String = (0..1000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        assert_eq!(String::from_utf8_lossy(&page.0.lock().unwrap()), expected);
    }

    #[tokio::test]
    async fn the_last_handle_ends_the_writing_behind_the_last_line() {
        let page = Page::default();
        let printer = Printer::start(Output::new(page.clone()));
        let shared = Arc::downgrade(&printer.0.0);
        printer.print(&json!("last"));
        drop(printer);
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*page.0.lock().unwrap(), b"\"last\"\n");
    }

    #[tokio::test]
    async fn a_reader_that_left_holds_nobody_up() {
        let printer = Printer::start(Output::new(Page(Arc::default(), true)));
        printer.print(&json!(1));
        printer.flush().await;
        printer.print(&json!(2));
        printer.room().await;
        printer.finish().await;
    }
}
