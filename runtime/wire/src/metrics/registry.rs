//! All that a process can be asked for figures.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Exposition, Family, Format};

const LEFT_OUT: Family = Family::gauge(
    "millrace_metrics_series_left_out",
    &[],
    "Series that this scrape left out because their families have more than 50000",
);

/// Writes families of figures when somebody scrapes.
pub trait Collect: Send + Sync + std::fmt::Debug {
    /// Writes all of its families, also those without samples. May wait for locks and read files of the system.
    fn collect(&self, into: &mut Exposition);
}

/// The collectors of a process.
#[derive(Debug, Default)]
pub struct Registry(RwLock<Vec<Arc<dyn Collect>>>);

impl Registry {
    /// Adds a collector; its families must be no other's.
    pub fn add(&self, collector: Arc<dyn Collect>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(collector);
    }

    /// The text that a scrape gets. Belongs on the blocking pool.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        let collectors = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut exposition = Exposition::new(format);
        for collector in collectors {
            collector.collect(&mut exposition);
        }
        let left_out = exposition.left_out();
        exposition.single(&LEFT_OUT, left_out);
        exposition.finish()
    }
}
