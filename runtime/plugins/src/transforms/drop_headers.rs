//! DropHeaders: removes headers by name.

use millrace_api::config::Config;
use millrace_api::{ConnectError, Needs, Properties, Records, Transform};

use super::support::not_empty;
use crate::converters::parse;

/// What DropHeaders needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct DropHeadersConfig {
    /// The names of the headers to remove.
    #[config(name = "headers", importance = high, validator = not_empty)]
    pub(crate) headers: Vec<String>,
}

/// Removes every header of some names.
#[derive(Debug, Default)]
pub(crate) struct DropHeaders {
    names: Vec<String>,
}

impl Transform for DropHeaders {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.names = parse::<DropHeadersConfig>(settings)?.headers;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let has_one = records
            .views()
            .any(|view| self.names.iter().any(|name| view.has_header(name)));
        if !has_one {
            return;
        }
        records.each(Needs::HEADERS, |record| {
            record
                .headers
                .retain(|header| !self.names.contains(&header.name));
            Ok(())
        });
    }
}
