//! The sink against servers that behave in every way: what reaches them, in which order, and what becomes of the rest.
#![allow(
    clippy::disallowed_methods,
    clippy::type_complexity,
    clippy::unwrap_used
)]

mod driver;
#[path = "../server/mod.rs"]
mod server;

mod addressing;
mod batching;
mod failing;
mod presets;
mod security;
