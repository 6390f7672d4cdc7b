//! What the converters with a schema registry share: the registry's client, subjects, frames and memories.

mod client;
mod config;
mod converter;
mod memory;
mod names;
mod schema;
mod subject;

pub(crate) use self::config::RegistryConfig;
pub(crate) use self::converter::{Format, RegistryConverter};
pub(crate) use self::names::{full_name_parts, scrub};
pub(crate) use self::schema::{Resolved, SchemaFormat, SchemaText};
