//! InsertHeader: one header more on every record.

use millrace_api::config::Config;
use millrace_api::{ConnectError, Header, Needs, Properties, Records, Transform};

use super::support::not_null;
use crate::converters::parse;
use crate::values;

/// What InsertHeader needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct InsertHeaderConfig {
    /// The name of the header.
    #[config(name = "header", importance = high, validator = not_null)]
    pub(crate) header: String,
    /// The value of the header; its type is told from the text, as the simple header converter does.
    #[config(name = "value.literal", importance = high, validator = not_null)]
    pub(crate) literal: String,
}

/// Adds a header.
#[derive(Debug, Default)]
pub(crate) struct InsertHeader {
    header: Option<Header>,
}

impl Transform for InsertHeader {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: InsertHeaderConfig = parse(settings)?;
        let datum = values::parse(&config.literal);
        self.header = Some(Header {
            name: config.header,
            schema: datum.schema,
            value: datum.value,
        });
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.each(Needs::HEADERS, |record| {
            record.headers.extend(self.header.clone());
            Ok(())
        });
    }
}
