//! Names of levels: those of the `log` facade, of log4j, of java.util.logging, and of syslog's severities.

use log::Level;

const NAMES: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("err", Level::Error),
    ("fatal", Level::Error),
    ("severe", Level::Error),
    ("critical", Level::Error),
    ("crit", Level::Error),
    ("alert", Level::Error),
    ("emerg", Level::Error),
    ("emergency", Level::Error),
    ("panic", Level::Error),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("info", Level::Info),
    ("informational", Level::Info),
    ("notice", Level::Info),
    ("config", Level::Info),
    ("debug", Level::Debug),
    ("fine", Level::Debug),
    ("trace", Level::Trace),
    ("finer", Level::Trace),
    ("finest", Level::Trace),
    ("all", Level::Trace),
];

/// The level of a name, in any case.
pub(crate) fn read(name: &str) -> Option<Level> {
    let name = name.trim();
    let known = NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, level) in [
            ("ERROR", Some(Level::Error)),
            (" Warning ", Some(Level::Warn)),
            ("notice", Some(Level::Info)),
            ("FINE", Some(Level::Debug)),
            ("", None),
            ("loud", None),
        ] {
            assert_eq!(read(name), level, "{name:?}");
        }
    }
}
