//! Which connectors count where somebody asks whether the worker is ready.

use millrace_config::Value;

/// What `/ready` looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Names of connectors, or beginnings of names with a star behind them.
    pub connectors: Vec<String>,
    /// Whether a task that is RUNNING has to move records when there are any.
    pub needs_flow: bool,
}

impl Readiness {
    /// The same, with what a request asks for in place of what is configured.
    pub(crate) fn asked(&self, connectors: Option<&str>, when: Option<&str>) -> Self {
        let list = |text: &str| {
            let names = text.split(',').map(str::trim);
            names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Self {
            connectors: connectors.map_or_else(|| self.connectors.clone(), list),
            needs_flow: match when {
                Some(when) if when.eq_ignore_ascii_case("running") => false,
                Some(when) if when.eq_ignore_ascii_case("flowing") => true,
                _ => self.needs_flow,
            },
        }
    }

    /// Whether a connector counts.
    pub(crate) fn counts(&self, name: &str) -> bool {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == wanted,
        };
        self.connectors.iter().any(fits)
    }

    /// The names that count and are not among the known ones.
    pub(crate) fn missing<'a>(&'a self, known: &'a [String]) -> impl Iterator<Item = &'a str> {
        let whole = self.connectors.iter().filter(|name| !name.ends_with('*'));
        whole
            .filter(|name| !known.contains(name))
            .map(String::as_str)
    }
}

/// Checks `health.ready.when`.
pub(super) fn check(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_str().map(str::trim) {
        Some("running" | "flowing") => Ok(()),
        _ => Err("it must be running or flowing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Readiness;

    #[test]
    fn names_and_beginnings_of_names_count() {
        let configured = Readiness {
            connectors: vec!["a".to_owned(), "shop-*".to_owned()],
            needs_flow: true,
        };
        for (name, counts) in [
            ("a", true),
            ("ab", false),
            ("shop-1", true),
            ("shop", false),
        ] {
            assert_eq!(configured.counts(name), counts, "{name}");
        }
        let known = ["b".to_owned()];
        assert_eq!(configured.missing(&known).collect::<Vec<_>>(), ["a"]);
        let asked = configured.asked(Some(" b,, *"), Some("RUNNING"));
        assert_eq!((asked.counts("x"), asked.needs_flow), (true, false));
        assert_eq!(configured.asked(None, Some("?")), configured);
    }
}
