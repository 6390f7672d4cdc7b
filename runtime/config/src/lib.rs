//! Configuration definitions, parsing, verdicts, secrets and properties files.
//!
//! A component says once which keys it has: as a struct with `#[derive(Config)]`, or as a
//! [`ConfigDef`] built by hand. From that come the parser (all errors together), the verdicts of
//! Connect's validate call, and the reference documentation. Message texts and parsing rules are
//! those of Apache Kafka's `ConfigDef`, because tools match them.
//!
//! ```
//! use millrace_config::{Config, Properties};
//!
//! /// What the example needs to know.
//! #[derive(Debug, Config)]
//! struct Tail {
//!     /// The file to read.
//!     #[config(name = "file", importance = high, non_empty)]
//!     file: String,
//!     /// How many records one poll returns at most.
//!     #[config(name = "batch.size", default = 2000, range(1..), importance = low)]
//!     batch_size: i32,
//! }
//!
//! let given = Properties::from([("file".into(), "app.log".into())]);
//! let tail = Tail::parse(&given)?;
//! assert_eq!((tail.file.as_str(), tail.batch_size), ("app.log", 2000));
//! # Ok::<(), millrace_config::ConfigErrors>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod check;
mod definition;
mod errors;
mod field;
mod key;
pub mod path;
pub mod properties;
mod secret;
mod sound;
mod suggest;
mod validator;
mod value;
mod values;
mod verdict;

use std::collections::BTreeMap;

pub use definition::ConfigDef;
pub use errors::{ConfigErrors, KeyError};
pub use field::{Config, ConfigEnum, FieldType};
pub use key::{ConfigKey, Importance, KeyInfo, Recommender, Width};
pub use millrace_derive::{Config, ConfigEnum};
pub use secret::Secret;
pub use sound::{Refusals, Sound, read_sound, refused};
pub use suggest::{UnknownKey, nearest};
pub use validator::Validator;
pub use value::{Type, Value};
pub use values::Values;
pub use verdict::ConfigValue;

/// Configuration as it was given: keys and their texts.
pub type Properties = BTreeMap<String, String>;

/// Configuration as the REST API receives it, where a value may be an explicit null.
pub type NullableProperties = BTreeMap<String, Option<String>>;
