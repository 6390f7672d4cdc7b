//! The HTTP sink: records become requests, by templates for URL, method and headers and by an encoding for bodies.
//!
//! A record's way: `task` holds its batch (`rows`) and puts its place into the `queue` of a lane; the lane's preparer makes
//! requests of records (`prepare`, with `target`, `render`, `body`, `compress`), also while the `lane` sends the one before; the
//! answer is judged (`verdict`), and the `window` of the record's partition knows what may be committed.

mod body;
mod compress;
mod config;
mod connector;
mod json;
mod lane;
mod prepare;
mod presets;
mod queue;
mod render;
mod rows;
mod shared;
mod target;
mod task;
mod verdict;
mod view;
mod window;

pub use connector::HttpSink;
