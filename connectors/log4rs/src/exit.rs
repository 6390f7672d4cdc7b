//! The end of the program: whichever way it ends but by being killed, the last lines arrive.
//!
//! `exit`, which a `main` that returns comes to as well, runs [`at_exit`]; a panic runs the hook of
//! [`flush_on_panic`]; SIGTERM and SIGINT are caught only if [`flush_on_signals`] was called, since catching them is the
//! program's to decide.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

use log::Level;
use millrace_wire::clock;

use crate::core::{Core, Flushed};
use crate::metrics::Metrics;
use crate::own;

/// The appenders there are, and how long each may take for a flush.
static LIVE: Mutex<Vec<(Weak<Core>, Duration)>> = Mutex::new(Vec::new());

/// Notes an appender, so that its lines are flushed at the end.
pub(crate) fn watch(core: &Arc<Core>, limit: Duration) {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        if !at_exit::register() {
            own::say(
                &*core.clock,
                format_args!("cannot be told of the end of the program; flush before it"),
            );
        }
    });
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    live.retain(|(core, _)| core.strong_count() > 0);
    live.push((Arc::downgrade(core), limit));
}

/// The appenders there are now.
fn live() -> Vec<(Arc<Core>, Duration)> {
    LIVE.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .filter_map(|(core, limit)| Some((core.upgrade()?, *limit)))
        .collect()
}

/// Shows what each appender of the program counts, with the topic of its lines of level info: also of those that a log4rs
/// file made.
pub fn visit_metrics(mut visit: impl FnMut(&str, &Metrics)) {
    for (core, _) in live() {
        visit(core.settings.topics.of(Level::Info), &core.metrics);
    }
}

/// Flushes all appenders of the program, each within its `flush.timeout.ms`, which run at the same time; the answer is the
/// worst of all.
pub fn flush_all() -> Flushed {
    let started = clock::system();
    let rank = |flushed: &Flushed| match flushed {
        Flushed::Delivered => 0,
        Flushed::Spilled => 1,
        Flushed::Pending => 2,
    };
    let flush = |(core, limit): (Arc<Core>, Duration)| {
        core.flush(limit.saturating_sub(started.monotonic()))
    };
    let outcomes = live().into_iter().map(flush);
    outcomes.max_by_key(rank).unwrap_or(Flushed::Delivered)
}

/// Flushes all appenders when it is dropped: keep one in `main`.
#[derive(Debug, Default)]
#[must_use = "it flushes when it is dropped"]
pub struct FlushGuard {
    _private: (),
}

impl FlushGuard {
    /// A guard.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Drop for FlushGuard {
    fn drop(&mut self) {
        flush_all();
    }
}

/// Has a panic logged as an error and all appenders flushed before it goes on; the hook that was there is called first.
///
/// A program that ends by panics (`panic = "abort"`) flushes, too: hooks run before it does.
pub fn flush_on_panic() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            before(info);
            if own::is_own_thread() {
                return;
            }
            let thread = std::thread::current();
            log::error!(target: "panic", "thread {} {info}", thread.name().unwrap_or("without a name"));
            flush_all();
        }));
    });
}

/// Catches SIGTERM, SIGINT and SIGHUP: flushes all appenders and ends the program with the code that shells give a
/// program which the signal ended (128 and its number). Not for a program that catches them itself: it flushes, too, by
/// [`flush_all`].
///
/// # Errors
///
/// Where the signals cannot be caught.
#[cfg(unix)]
pub fn flush_on_signals() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut terminate, mut interrupt, mut hang_up) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        )
    };
    let wait = async move {
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = hang_up.recv() => SignalKind::hangup(),
        }
    };
    let watch = move || {
        let kind = runtime.block_on(wait);
        // Leaving runs what flushes.
        std::process::exit(128 + kind.as_raw_value());
    };
    std::thread::Builder::new()
        .name("millrace-signals".to_owned())
        .spawn(watch)
        .map(drop)
}

/// Closes all appenders at the end of the program, so that what cannot be delivered is saved or named; lets nothing get out
/// of it.
fn at_the_end() {
    let close = || {
        let live = live();
        live.iter()
            .for_each(|(core, limit)| core.begin_close(*limit));
        live.iter().for_each(|(core, _)| core.join());
    };
    // There is nobody left to tell of a panic here.
    drop(panic::catch_unwind(AssertUnwindSafe(close)));
}

/// The C library's list of what to do at the end.
#[expect(
    unsafe_code,
    reason = "the one way to be told of the end of a program that has no guard"
)]
mod at_exit {
    use std::ffi::c_int;

    unsafe extern "C" {
        /// `atexit` of C and POSIX: 0 when the function was noted.
        fn atexit(function: extern "C" fn()) -> c_int;
    }

    extern "C" fn run() {
        super::at_the_end();
    }

    /// Notes the flush; false if the C library has no room for it.
    pub(super) fn register() -> bool {
        // SAFETY: `atexit` keeps the pointer for as long as the program runs, and `run` is a function of the program
        // itself, with the signature that C asks for; it never unwinds.
        unsafe { atexit(run) == 0 }
    }
}
