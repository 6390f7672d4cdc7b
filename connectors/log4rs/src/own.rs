//! The appender's own log lines: they go to stderr, never to the appender, which would ship what shipping says for ever.
//!
//! They are known by their thread (all that the client does, it does on the sender's threads) and by their target.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use log::{Level, Record};
use millrace_wire::clock::Clock;

/// The crates whose lines are about shipping lines.
const TARGETS: &[&str] = &["millrace_log4rs", "millrace_client", "millrace_wire"];
/// Lines beyond this many a second are left out.
const LINES_A_SECOND: u32 = 10;

thread_local! {
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// Says that all that this thread logs is the appender's own.
pub(crate) fn mark_thread() {
    IS_OWN.with(|own| own.set(true));
}

pub(crate) fn is_own_thread() -> bool {
    IS_OWN.try_with(Cell::get).unwrap_or(false)
}

/// Whether a line is the appender's own.
pub(crate) fn is_own(record: &Record<'_>) -> bool {
    is_own_thread() || is_own_target(record.target())
}

fn is_own_target(target: &str) -> bool {
    TARGETS.iter().any(|own| {
        let rest = target.strip_prefix(own);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

/// Passes warnings and errors of our own on to stderr.
pub(crate) fn pass_on(record: &Record<'_>, clock: &dyn Clock) {
    if record.level() <= Level::Warn {
        say(
            clock,
            format_args!("{} {}: {}", record.level(), record.target(), record.args()),
        );
    }
}

/// Seconds of the clock, and the lines said in that second.
static SAID: Mutex<(Duration, u32)> = Mutex::new((Duration::ZERO, 0));

/// Writes a line to stderr, unless there were too many in this second.
pub(crate) fn say(clock: &dyn Clock, what: fmt::Arguments<'_>) {
    let second = Duration::from_secs(clock.monotonic().as_secs());
    let Ok(mut said) = SAID.lock() else { return };
    if said.0 != second {
        *said = (second, 0);
    }
    said.1 += 1;
    let count = said.1;
    drop(said);
    if count > LINES_A_SECOND {
        return;
    }
    let mut line = String::from("millrace-log4rs: ");
    if line.write_fmt(what).is_ok() {
        line.push('\n');
        // There is nobody left to tell when stderr fails.
        drop(std::io::stderr().write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::is_own_target;

    #[test]
    fn own_targets_are_whole_crate_names() {
        assert!(is_own_target("millrace_client"));
        assert!(is_own_target("millrace_client::producer::sender"));
        assert!(!is_own_target("millrace_clients"));
        assert!(!is_own_target("shop::millrace_client"));
    }
}
