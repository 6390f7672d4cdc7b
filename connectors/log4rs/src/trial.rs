//! Whether an encoder can write lines, tried with one of its own before the first is logged: log4rs makes encoders of
//! patterns that it does not understand, and they write so into each line, or panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::{Level, Record};
use log4rs::encode::Encode;

use crate::form::Bytes;

/// What log4rs writes where a pattern has something that it does not know.
const COMPLAINT: &str = "{ERROR: ";

/// Why an encoder cannot write lines; none where it can.
pub(crate) fn fault(encoder: &dyn Encode) -> Option<String> {
    let mut line = Vec::new();
    let record = Record::builder()
        .level(Level::Info)
        .target("target")
        .module_path(Some("module"))
        .file(Some("file"))
        .line(Some(1))
        .build();
    let encoding = || encoder.encode(&mut Bytes(&mut line), &record);
    match catch_unwind(AssertUnwindSafe(encoding)) {
        Err(_) => return Some("it panics; is a date's format right?".to_owned()),
        Ok(Err(error)) => return Some(format!("{error:#}")),
        Ok(Ok(())) => {}
    }
    let text = String::from_utf8_lossy(&line);
    let complaints = text.split(COMPLAINT).skip(1);
    let told: Vec<_> = complaints
        .filter_map(|rest| rest.split('}').next())
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}
