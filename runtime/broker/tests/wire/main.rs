//! The broker as clients see it: raw frames over a socket, and the in-memory link.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod admin;
mod compaction;
mod configs;
mod epochs;
mod fetch;
mod groups;
mod hostile;
mod offsets;
mod produce;
mod protocol;
mod support;
mod topics;
