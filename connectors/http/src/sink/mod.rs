//! The HTTP sink: records become requests, by templates for URL, method and headers and by an encoding for bodies.
//!
//! A record's way: `task` makes a part of a request of it (`target`, `render`), a `lane` puts parts together and sends
//! them (`item`, `compress`), the answer is judged (`verdict`), and its `window` knows what may be committed.

mod compress;
mod config;
mod connector;
mod item;
mod json;
mod lane;
mod presets;
mod render;
mod shared;
mod target;
mod task;
mod verdict;
mod view;
mod window;

pub use connector::HttpSink;
