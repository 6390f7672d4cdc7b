//! HasHeaderKey: records with a header of a name.

use millrace_api::config::Config;
use millrace_api::{ConnectError, Predicate, Properties, Records};

use crate::converters::parse;

/// What HasHeaderKey needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct HasHeaderKeyConfig {
    /// The name of the header.
    #[config(name = "name", non_empty)]
    pub(crate) name: String,
}

/// True for records with the header.
#[derive(Debug, Default)]
pub(crate) struct HasHeaderKey {
    name: String,
}

impl Predicate for HasHeaderKey {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.name = parse::<HasHeaderKeyConfig>(settings)?.name;
        Ok(())
    }

    fn choose(&self, records: &Records, chosen: &mut [bool]) {
        for view in records.views() {
            chosen[view.row()] = view.has_header(&self.name);
        }
    }
}
