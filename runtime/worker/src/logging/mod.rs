//! Levels of loggers that REST reads and sets, and the `log::Log` that applies them before any other filter.
//!
//! A logger is a target of the `log` facade, or the Java class that does the same work in Kafka Connect: users and
//! tools know that name. Its level is the one set for it, or for the nearest name above it (names are cut at `.` and
//! `::`), or that of `root`.
//!
//! What runs on behalf of a connector or one of its tasks logs on the target `connector.<name>` or
//! `connector.<name>.task.<number>`, whichever part of the program says it. The level of that target counts first where
//! it has one, or the connector has; else that of the part. Their last lines are kept ([`Line`]).

mod class;
mod level;
mod recent;
mod temporary;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};
use millrace_wire::clock::Clock;
use millrace_wire::log_scope;
use serde::Serialize;

pub use level::Level;
use recent::Recent;
pub use recent::{Line, Lines};
use temporary::Temporary;

/// The name of the logger above all.
const ROOT: &str = "root";
/// The most loggers that are remembered because something was logged by them.
const SEEN_MAX: usize = 1000;
/// No level ends by itself.
const NEVER: u64 = u64::MAX;

/// A logger's effective level, as REST shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The level.
    pub level: Level,
    /// When REST set it, in milliseconds since the epoch.
    pub last_modified: Option<i64>,
    /// When it ends and the one before holds again, in milliseconds since the epoch; none for not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

impl Setting {
    /// A level that nobody has set by REST.
    fn configured(level: Level) -> Self {
        Self {
            level,
            last_modified: None,
            expires: None,
        }
    }
}

#[derive(Debug)]
struct State {
    /// Loggers with a level of their own; `root` is always there.
    set: BTreeMap<String, Setting>,
    /// Loggers known because something was logged by them.
    seen: BTreeMap<String, ()>,
    temporary: Temporary,
}

/// The loggers of the process.
pub struct Loggers {
    state: RwLock<State>,
    /// When the next level ends by itself, in milliseconds of the monotonic clock.
    next_end: AtomicU64,
    recent: Recent,
    clock: Arc<dyn Clock>,
}

impl Loggers {
    /// Loggers that all have `root`'s level.
    pub fn new(root: LevelFilter, clock: Arc<dyn Clock>) -> Arc<Self> {
        let setting = Setting::configured(root.into());
        let state = State {
            set: BTreeMap::from([(ROOT.to_owned(), setting)]),
            seen: class::names().map(|name| (name.to_owned(), ())).collect(),
            temporary: Temporary::default(),
        };
        Arc::new(Self {
            state: RwLock::new(state),
            next_end: AtomicU64::new(NEVER),
            recent: Recent::default(),
            clock,
        })
    }

    /// Gives a logger the level that a configuration file says.
    pub fn configure(&self, logger: &str, level: LevelFilter) {
        let setting = Setting::configured(level.into());
        self.write().set.insert(logger.to_owned(), setting);
        self.publish();
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the `log` facade the widest level of all.
    fn publish(&self) {
        let widest = self
            .read()
            .set
            .values()
            .map(|setting| setting.level.filter())
            .max();
        log::set_max_level(widest.unwrap_or(LevelFilter::Off));
    }

    /// All known loggers but those at OFF.
    pub fn all(&self) -> BTreeMap<String, Setting> {
        self.end_what_is_over();
        let state = self.read();
        let names = state.set.keys().chain(state.seen.keys());
        let all = names.map(|name| (name.clone(), state.effective(name)));
        all.filter(|(_, setting)| setting.level != Level::Off)
            .collect()
    }

    /// A known logger's effective level.
    pub fn get(&self, logger: &str) -> Option<Setting> {
        self.end_what_is_over();
        let name = canonical(logger);
        let state = self.read();
        state.is_known(name).then(|| state.effective(name))
    }

    /// Sets the level of all known loggers whose names start with `logger`, and of `logger` itself; `root` means all.
    /// With `lasting` they have what they had before again when it is over. Returns those that it changed, in order.
    pub fn set(&self, logger: &str, level: Level, lasting: Option<Duration>) -> Vec<String> {
        self.end_what_is_over();
        let name = canonical(logger);
        let now = self.clock.now_ms();
        let end = lasting.map(|lasting| self.clock.monotonic() + lasting);
        let setting = Setting {
            level,
            last_modified: Some(now),
            expires: lasting.map(|lasting| now.saturating_add_unsigned(millis(lasting))),
        };
        let mut state = self.write();
        let known: Vec<String> = state.set.keys().chain(state.seen.keys()).cloned().collect();
        let mut meant: Vec<String> = known
            .into_iter()
            .filter(|known| name == ROOT || known.starts_with(name))
            .collect();
        meant.push(name.to_owned());
        meant.sort();
        meant.dedup();
        let is_other = |known: &String| state.effective(known).level != level;
        let (changed, same): (Vec<String>, Vec<String>) = meant.into_iter().partition(is_other);
        let prolonged = same.iter().filter(|known| state.temporary.has(known));
        let prolonged: Vec<String> = prolonged.cloned().collect();
        for known in changed.iter().chain(&prolonged) {
            let before = state.set.insert(known.clone(), setting);
            state.temporary.set(known, end, before);
        }
        state.seen.insert(name.to_owned(), ());
        self.note_next_end(&state);
        drop(state);
        self.publish();
        changed
    }

    fn note_next_end(&self, state: &State) {
        let end = state.temporary.next_end().map_or(NEVER, millis);
        self.next_end.store(end, Ordering::Relaxed);
    }

    /// Gives loggers whose levels were to hold for a while, which is over, those that they had before.
    fn end_what_is_over(&self) {
        let end = self.next_end.load(Ordering::Relaxed);
        if end == NEVER || millis(self.clock.monotonic()) < end {
            return;
        }
        let mut state = self.write();
        for (logger, before) in state.temporary.take_ended(self.clock.monotonic()) {
            match before {
                Some(before) => drop(state.set.insert(logger, before)),
                None => drop(state.set.remove(&logger)),
            }
        }
        self.note_next_end(&state);
        drop(state);
        self.publish();
    }

    /// The last lines of a connector and its tasks, or of one of these, that are at least as severe as `level`; at most
    /// `most`.
    pub fn lines(&self, connector: &str, task: Option<u32>, level: Level, most: usize) -> Lines {
        self.recent.lines(connector, task, level, most)
    }

    /// Whether a part of the program may say something of that severity, on behalf of `scope` if there is one.
    fn allows(&self, part: &str, scope: Option<&str>, level: log::Level) -> bool {
        self.end_what_is_over();
        let class = class::of(part);
        let state = self.read();
        let is_new = |target: &str| !state.seen.contains_key(target);
        let has_room = state.seen.len() < SEEN_MAX;
        let is_new_part = has_room && class.is_none() && is_new(part);
        let is_new_scope = has_room && scope.is_some_and(is_new);
        let of_scope = scope.and_then(|scope| state.nearest(scope));
        let setting = of_scope
            .or_else(|| state.nearest(class?))
            .unwrap_or_else(|| state.effective(part));
        drop(state);
        if is_new_part {
            self.write().seen.insert(part.to_owned(), ());
        }
        if let Some(scope) = scope.filter(|_| is_new_scope) {
            self.write().seen.insert(scope.to_owned(), ());
        }
        level <= setting.level.filter()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER - 1)
}

impl State {
    fn is_known(&self, name: &str) -> bool {
        self.set.contains_key(name) || self.seen.contains_key(name)
    }

    /// The level set for a name or the nearest above it, `root` left out.
    fn nearest(&self, name: &str) -> Option<Setting> {
        let mut above = name;
        loop {
            if let Some(setting) = self.set.get(above) {
                return Some(*setting);
            }
            let end = above.rfind(['.', ':'])?;
            above = above[..end].trim_end_matches(':');
        }
    }

    fn effective(&self, name: &str) -> Setting {
        let own = self.nearest(name);
        let of_target = || self.nearest(class::target(name)?);
        own.or_else(of_target)
            .or_else(|| self.set.get(ROOT).copied())
            .unwrap_or(Setting::configured(Level::Info))
    }
}

fn canonical(logger: &str) -> &str {
    if logger.eq_ignore_ascii_case(ROOT) {
        ROOT
    } else {
        logger
    }
}

impl fmt::Debug for Loggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loggers").finish_non_exhaustive()
    }
}

/// The logger of the process: applies the levels, then hands on to `inner`.
pub struct LevelLog {
    inner: Box<dyn Log>,
    loggers: Arc<Loggers>,
}

impl LevelLog {
    /// Puts the levels of `loggers` in front of `inner`.
    pub fn new(inner: Box<dyn Log>, loggers: Arc<Loggers>) -> Self {
        Self { inner, loggers }
    }

    /// Makes this the logger of the process.
    ///
    /// # Errors
    /// When the process has one already.
    pub fn install(self) -> Result<(), log::SetLoggerError> {
        let loggers = Arc::clone(&self.loggers);
        log::set_boxed_logger(Box::new(self))?;
        loggers.publish();
        Ok(())
    }
}

impl fmt::Debug for LevelLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelLog").finish_non_exhaustive()
    }
}

impl Log for LevelLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_allowed = |scope: Option<&str>| {
            let (part, level) = (metadata.target(), metadata.level());
            self.loggers.allows(part, scope, level)
        };
        log_scope::current(is_allowed) && self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        log_scope::current(|scope| {
            // What names a target of its own keeps it: a sink that logs its records does.
            let scope = scope.filter(|_| record.module_path() == Some(record.target()));
            if !self.loggers.allows(record.target(), scope, record.level()) {
                return;
            }
            let target = scope.unwrap_or(record.target());
            let metadata = Metadata::builder()
                .level(record.level())
                .target(target)
                .build();
            self.inner
                .log(&record.to_builder().metadata(metadata).build());
            let loggers = &self.loggers;
            loggers.recent.keep(target, record, loggers.clock.now_ms());
        });
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

#[cfg(test)]
mod tests;
