//! Levels of loggers that REST reads and sets, and the `log::Log` that applies them before any other filter.
//!
//! A logger is a target of the `log` facade, or the Java class that does the same work in Kafka Connect: users and
//! tools know that name. Its level is the one set for it, or for the nearest name above it (names are cut at `.` and
//! `::`), or that of `root`.

mod class;
mod level;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use log::{LevelFilter, Log, Metadata, Record};
use millrace_wire::clock::Clock;
use serde::Serialize;

pub use level::Level;

/// The name of the logger above all.
const ROOT: &str = "root";
/// The most loggers that are remembered because something was logged by them.
const SEEN_MAX: usize = 1000;

/// A logger's effective level, as REST shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The level.
    pub level: Level,
    /// When REST set it, in milliseconds since the epoch.
    pub last_modified: Option<i64>,
}

#[derive(Debug)]
struct State {
    /// Loggers with a level of their own; `root` is always there.
    set: BTreeMap<String, Setting>,
    /// Loggers known because something was logged by them.
    seen: BTreeMap<String, ()>,
}

/// The loggers of the process.
pub struct Loggers {
    state: RwLock<State>,
    clock: Arc<dyn Clock>,
}

impl Loggers {
    /// Loggers that all have `root`'s level.
    pub fn new(root: LevelFilter, clock: Arc<dyn Clock>) -> Arc<Self> {
        let setting = Setting {
            level: root.into(),
            last_modified: None,
        };
        let state = State {
            set: BTreeMap::from([(ROOT.to_owned(), setting)]),
            seen: class::names().map(|name| (name.to_owned(), ())).collect(),
        };
        Arc::new(Self {
            state: RwLock::new(state),
            clock,
        })
    }

    /// Gives a logger the level that a configuration file says.
    pub fn configure(&self, logger: &str, level: LevelFilter) {
        self.write().set.insert(
            logger.to_owned(),
            Setting {
                level: level.into(),
                last_modified: None,
            },
        );
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
        let state = self.read();
        let names = state.set.keys().chain(state.seen.keys());
        let all = names.map(|name| (name.clone(), state.effective(name)));
        all.filter(|(_, setting)| setting.level != Level::Off)
            .collect()
    }

    /// A known logger's effective level.
    pub fn get(&self, logger: &str) -> Option<Setting> {
        let name = canonical(logger);
        let state = self.read();
        state.is_known(name).then(|| state.effective(name))
    }

    /// Sets the level of all known loggers whose names start with `logger`, and of `logger` itself; `root` means all.
    /// Returns those that it changed, in order.
    pub fn set(&self, logger: &str, level: Level) -> Vec<String> {
        let name = canonical(logger);
        let now = self.clock.now_ms();
        let mut state = self.write();
        let known: Vec<String> = state.set.keys().chain(state.seen.keys()).cloned().collect();
        let mut meant: Vec<String> = known
            .into_iter()
            .filter(|known| name == ROOT || known.starts_with(name))
            .collect();
        meant.push(name.to_owned());
        meant.sort();
        meant.dedup();
        meant.retain(|known| state.effective(known).level != level);
        for known in &meant {
            state.set.insert(
                known.clone(),
                Setting {
                    level,
                    last_modified: Some(now),
                },
            );
        }
        state.seen.insert(name.to_owned(), ());
        drop(state);
        self.publish();
        meant
    }

    fn allows(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let class = class::of(target);
        let state = self.read();
        let is_new =
            class.is_none() && !state.seen.contains_key(target) && state.seen.len() < SEEN_MAX;
        let setting = class.and_then(|class| state.nearest(class));
        let setting = setting.unwrap_or_else(|| state.effective(target));
        drop(state);
        if is_new {
            self.write().seen.insert(target.to_owned(), ());
        }
        metadata.level() <= setting.level.filter()
    }
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
            .unwrap_or(Setting {
                level: Level::Info,
                last_modified: None,
            })
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
        self.loggers.allows(metadata) && self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.loggers.allows(record.metadata()) {
            self.inner.log(record);
        }
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use log::LevelFilter;
    use millrace_wire::clock::Clock;

    use super::{Level, Loggers, Setting};

    #[derive(Debug)]
    struct Noon;

    impl Clock for Noon {
        fn now_ms(&self) -> i64 {
            12
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn levels_come_from_the_nearest_name_above() {
        let loggers = Loggers::new(LevelFilter::Info, Arc::new(Noon));
        assert_eq!(loggers.set("connector.a", Level::Debug), ["connector.a"]);
        assert_eq!(loggers.set("connector.a", Level::Debug), [""; 0]);
        assert_eq!(loggers.set("connector.a.task.0", Level::Debug), [""; 0]);
        let debug = Setting {
            level: Level::Debug,
            last_modified: Some(12),
        };
        assert_eq!(loggers.get("connector.a.task.0"), Some(debug));
        assert_eq!(loggers.get("connector"), None);
        assert_eq!(loggers.get("ROOT").unwrap().level, Level::Info);
        assert_eq!(
            loggers.set("conn", Level::Off),
            ["conn", "connector.a", "connector.a.task.0"]
        );
        assert!(!loggers.all().keys().any(|name| name.starts_with("conn")));
        assert!(
            loggers
                .set("root", Level::Warn)
                .contains(&"conn".to_owned())
        );
    }

    #[test]
    fn modules_go_by_the_classes_that_do_their_work() {
        let loggers = Loggers::new(LevelFilter::Info, Arc::new(Noon));
        let allows = |target: &str| {
            let metadata = log::Metadata::builder()
                .level(log::Level::Debug)
                .target(target)
                .build();
            loggers.allows(&metadata)
        };
        let class = "org.apache.kafka.connect.file.FileStreamSourceTask";
        assert_eq!(loggers.get(class).unwrap().level, Level::Info);
        assert!(!allows("millrace_file::source::task"));
        let changed = loggers.set("org.apache.kafka.connect.file", Level::Debug);
        assert!(changed.contains(&class.to_owned()));
        assert!(allows("millrace_file::source::task"));
        assert!(!allows("millrace_worker::rest::server"));
        loggers.configure("millrace_worker", LevelFilter::Debug);
        assert!(allows("millrace_worker::rest::server"));
        let rest = loggers.get("org.apache.kafka.connect.runtime.rest.RestServer");
        assert_eq!(rest.unwrap().level, Level::Debug);
    }
}
