//! The Config derive macros: a struct is its own configuration definition.
//!
//! `#[derive(Config)]` on a struct with named fields makes a key of each field. The documentation
//! comment of a field is the key's documentation. What a field may say in `#[config(…)]`:
//!
//! | Attribute | Meaning |
//! |---|---|
//! | `name = "batch.size"` | the key; else the field's name with dots for underscores |
//! | `default = 2000` | makes the key optional; written as a user would write it |
//! | `importance = high` | `high`, `medium` (default) or `low` |
//! | `doc = "…"` | documentation in place of the comment |
//! | `group = "Common"` | the group of a form; its order is the order of the fields |
//! | `order = 4` | the place in the group, in place of the order of the fields |
//! | `width = short`, `display = "…"` | layout of a form |
//! | `class` | the text names a plugin class |
//! | `range(1..=10)` | bounds of a number; either side may be left out, both are inclusive |
//! | `one_of("a", "b")`, `one_of_ignore_case("a")` | the texts that are allowed |
//! | `non_empty` | the text must not be empty |
//! | `validator = path` | a `fn(&str, &Value) -> Result<(), String>` that says why a value is wrong |
//! | `dependents("a", "b")` | keys whose validity depends on this one |
//! | `flatten` | the field is itself a configuration struct, whose keys are taken in |
//!
//! On the struct, `#[config(group = "…")]` is the group of all fields that name none, and
//! `#[config(crate = "path")]` says where `millrace_config` is found.
//!
//! `#[derive(ConfigEnum)]` on an enum without fields makes its variants' names, in lower case,
//! the values of a key; `#[config(name = "…")]` on a variant renames it, `#[config(ignore_case)]`
//! on the enum accepts any case.

mod attributes;
mod config;
mod config_enum;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `millrace_config::Config`; see the page of this crate for the attributes.
#[proc_macro_derive(Config, attributes(config))]
pub fn derive_config(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    config::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Derives `millrace_config::ConfigEnum`; see the page of this crate for the attributes.
#[proc_macro_derive(ConfigEnum, attributes(config))]
pub fn derive_config_enum(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    config_enum::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
