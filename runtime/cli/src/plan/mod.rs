//! From what was typed to what will run: files are read, keys resolved, every problem collected. No port is opened
//! and no folder made here.

mod broker;
mod connector_file;
mod distributed;
mod references;
mod standalone;
mod text;
mod worker;

pub(crate) use self::{
    broker::BrokerPlan,
    connector_file::ConnectorFile,
    references::resolved,
    standalone::StandalonePlan,
    text::{read_properties, read_text},
    worker::WorkerPlan,
};

use crate::failure::{Failure, Problem};

/// Where data goes unless a key says otherwise.
pub(crate) const DATA_FOLDER: &str = "./millrace-data";

/// Problems found so far. Reading goes on after each, so that all can be shown together.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Several of one place.
    pub(crate) fn add_all(&mut self, place: &str, texts: Vec<String>) {
        self.0
            .extend(texts.into_iter().map(|text| Problem::new(place, text)));
    }

    /// Notes the problem of a step that has one, and hands on what it made otherwise.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, Problem>) -> Option<T> {
        outcome.map_err(|problem| self.add(problem)).ok()
    }

    /// The same for a step that may have several.
    pub(crate) fn note_all<T>(&mut self, outcome: Result<T, Vec<Problem>>) -> Option<T> {
        outcome.map_err(|problems| self.0.extend(problems)).ok()
    }

    /// Fails with all of them, if there is any.
    pub(crate) fn into_result(self) -> Result<(), Failure> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Failure::Configuration(self.0))
        }
    }
}
