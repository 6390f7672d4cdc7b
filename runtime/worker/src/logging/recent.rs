//! The last lines of each connector and task, for whoever asks by REST.
//!
//! Each target has a ring of its own, bounded in bytes, so that one that logs much pushes out its own lines only. All
//! together are bounded as well; then the largest ring gives up its oldest lines.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::Record;
use serde::Serialize;

use super::Level;

/// What one target keeps, in bytes.
const RING_BYTES: usize = 64 << 10;
/// What all keep together.
const ALL_BYTES: usize = 16 << 20;
/// The longest text of a line; traces are longer, and are in the status.
const TEXT_BYTES: usize = 8 << 10;
/// What a line costs beside its texts.
const LINE_BYTES: usize = 96;
/// What the targets of connectors and their tasks begin with.
pub(super) const PREFIX: &str = "connector.";

/// A line that was logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// How severe it is.
    pub level: Level,
    /// The number of the task; none for the connector itself.
    pub task: Option<u32>,
    /// The part of the program that says it.
    pub logger: String,
    /// What it says.
    pub message: String,
}

impl Line {
    fn bytes(&self) -> usize {
        LINE_BYTES + self.logger.len() + self.message.len()
    }
}

/// The last lines of some target, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<Line>,
    /// Lines before these that are not kept any more, or were not asked for.
    pub earlier: u64,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    bytes: usize,
    /// Lines that are gone.
    gone: u64,
}

impl Ring {
    /// Gives up the oldest line; says how many bytes it had.
    fn shorten(&mut self) -> usize {
        let Some(line) = self.lines.pop_front() else {
            return 0;
        };
        self.gone += 1;
        self.bytes -= line.bytes();
        line.bytes()
    }
}

#[derive(Debug, Default)]
struct Rings {
    by_target: BTreeMap<String, Ring>,
    bytes: usize,
}

impl Rings {
    fn keep(&mut self, target: &str, line: Line) {
        if !self.by_target.contains_key(target) {
            self.by_target.insert(target.to_owned(), Ring::default());
        }
        let Some(ring) = self.by_target.get_mut(target) else {
            return;
        };
        ring.bytes += line.bytes();
        self.bytes += line.bytes();
        ring.lines.push_back(line);
        while ring.bytes > RING_BYTES {
            self.bytes -= ring.shorten();
        }
        while self.bytes > ALL_BYTES {
            let rings = self.by_target.iter_mut();
            let Some((name, largest)) = rings.max_by_key(|(_, ring)| ring.bytes) else {
                return;
            };
            self.bytes -= largest.shorten();
            if largest.lines.is_empty() {
                let name = name.clone();
                self.by_target.remove(&name);
            }
        }
    }
}

/// The last lines of all connectors and tasks.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Rings>);

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Rings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a line of `target`, if that is a connector's or a task's.
    pub(super) fn keep(&self, target: &str, record: &Record<'_>, time: i64) {
        if !target.starts_with(PREFIX) {
            return;
        }
        let line = Line {
            time,
            level: record.level().to_level_filter().into(),
            task: None,
            logger: record.target().to_owned(),
            message: bounded(record.args().to_string()),
        };
        self.lock().keep(target, line);
    }

    /// The last lines of a connector and its tasks, or of one task, which are at least as severe as `level`.
    pub(super) fn lines(
        &self,
        connector: &str,
        task: Option<u32>,
        level: Level,
        most: usize,
    ) -> Lines {
        let own = format!("{PREFIX}{connector}");
        let of_tasks = format!("{own}.task.");
        let number = |target: &str| -> Option<u32> { target.strip_prefix(&of_tasks)?.parse().ok() };
        let rings = self.lock();
        let mut found = Lines::default();
        // Targets of tasks begin with the connector's; names between them are other connectors'.
        let from = rings.by_target.range(own.clone()..);
        for (target, ring) in from.take_while(|(target, _)| target.starts_with(&own)) {
            let of = number(target);
            let is_meant = match task {
                Some(task) => of == Some(task),
                None => of.is_some() || *target == own,
            };
            if !is_meant {
                continue;
            }
            found.earlier += ring.gone;
            let severe = ring
                .lines
                .iter()
                .filter(|line| line.level.filter() <= level.filter());
            found
                .lines
                .extend(severe.cloned().map(|line| Line { task: of, ..line }));
        }
        drop(rings);
        found.lines.sort_by_key(|line| line.time);
        let beyond = found.lines.len().saturating_sub(most);
        found.lines.drain(..beyond);
        found.earlier += beyond as u64;
        found
    }
}

/// A text of at most [`TEXT_BYTES`].
fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES {
        text.truncate(text.floor_char_boundary(TEXT_BYTES));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use log::{Level as Severity, Record};

    use super::{ALL_BYTES, Level, RING_BYTES, Recent};

    fn keep(recent: &Recent, target: &str, level: Severity, text: &str, time: i64) {
        let args = format_args!("{text}");
        let record = Record::builder()
            .level(level)
            .target("millrace_file")
            .args(args)
            .build();
        recent.keep(target, &record, time);
    }

    fn texts(recent: &Recent, connector: &str, task: Option<u32>) -> Vec<String> {
        let found = recent.lines(connector, task, Level::All, 100);
        found.lines.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn lines_are_found_by_connector_and_task() {
        let recent = Recent::default();
        for (at, target) in [
            "connector.c",
            "connector.c.task.1",
            "connector.c.task.0",
            "connector.c-2.task.0",
            "connector.c.d",
            "millrace_worker::rest",
        ]
        .into_iter()
        .enumerate()
        {
            keep(&recent, target, Severity::Info, target, at as i64);
        }
        assert_eq!(
            texts(&recent, "c", None),
            ["connector.c", "connector.c.task.1", "connector.c.task.0"]
        );
        assert_eq!(texts(&recent, "c", Some(1)), ["connector.c.task.1"]);
        assert_eq!(texts(&recent, "c-2", None), ["connector.c-2.task.0"]);
        assert_eq!(texts(&recent, "x", None), [""; 0]);
    }

    #[test]
    fn the_last_lines_of_a_severity_are_given() {
        let recent = Recent::default();
        for at in 0..10 {
            let level = if at % 2 == 0 {
                Severity::Warn
            } else {
                Severity::Info
            };
            keep(&recent, "connector.c", level, &at.to_string(), at);
        }
        let found = recent.lines("c", None, Level::Warn, 2);
        let shown: Vec<_> = found.lines.iter().map(|line| &*line.message).collect();
        assert_eq!((shown, found.earlier), (vec!["6", "8"], 3));
    }

    #[test]
    fn who_logs_much_pushes_out_its_own_lines_and_all_are_bounded() {
        let recent = Recent::default();
        keep(&recent, "connector.quiet", Severity::Info, "once", 0);
        let long = "é".repeat(100_000);
        for at in 0..100 {
            keep(&recent, "connector.loud", Severity::Info, &long, at);
        }
        assert!(recent.lock().by_target["connector.loud"].bytes <= RING_BYTES);
        let found = recent.lines("loud", None, Level::All, 1000);
        assert_eq!(found.lines.len() as u64 + found.earlier, 100);
        for number in 0..1000 {
            for at in 0..10 {
                let target = format!("connector.many.task.{number}");
                keep(&recent, &target, Severity::Info, &long, at);
            }
        }
        assert!(recent.lock().bytes <= ALL_BYTES);
        assert_eq!(texts(&recent, "quiet", None), ["once"]);
    }
}
