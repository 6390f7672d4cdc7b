//! A source that asks: polls an HTTP API, page by page, and writes what it answers into a topic.
//!
//! ```text
//! position ─▶ request ─▶ server ─▶ page: records, next page ─▶ sweep: which are new, where to go on ─▶ batches
//!     ▲                                                                  │
//!     └───────────────── committed offset ◀── book ◀── acknowledged ◀────┘
//! ```
//!
//! A *sweep* asks for page after page until there is no next one; then it waits and begins the next sweep. The offset
//! of each record says how to ask for its page again and how many records of it are done, and, where records have
//! offsets of their own, the highest of them and which records had it. Facts: contract connectors-transforms, section
//! 6.2; RFC 8288 (links), RFC 9110 (conditional requests, Retry-After).

mod batch;
mod book;
mod config;
mod connector;
mod fetch;
mod json;
mod level;
mod link;
mod page;
mod paging;
mod position;
mod rate;
mod request;
mod sweep;
mod task;

pub use connector::HttpSource;
