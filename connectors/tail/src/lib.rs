//! FileTail: the lines of many files to topics, each line once and in order, over rotation, truncation and restarts.
//!
//! A task looks at the folders ([`scan`]), woken by [`watch`] and at an interval ([`pace`]). A file is known by device,
//! inode and first bytes ([`identity`]), never by its name; what has come of it is a state machine without I/O
//! ([`state`]). Files with something to read take turns of one block ([`files`], [`turn`]); lines ([`lines`], [`multiline`]) are ranges
//! of the blocks ([`collect`]), or written anew where they are not UTF-8 ([`encoding`], [`text`]). Offsets are byte positions in a file ([`book`]), stored once the records are
//! acknowledged; from them a task goes on after a restart, wherever the file is by then.
//! Compressed files are read as what they unpack to ([`packed`]). What is not read yet is told to the worker ([`lag`]). A folder is read as it is at one moment ([`listing`]).
//!
//! What other tail sources do, and where they lose lines: contract connectors-transforms, section 5.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod block;
mod book;
mod collect;
mod config;
mod connector;
mod copies;
mod encoding;
mod files;
mod flume;
mod globs;
mod headers;
mod heads;
mod identity;
mod lag;
mod lineage;
mod lines;
mod listing;
mod multiline;
mod open;
mod pace;
mod packed;
mod scan;
mod state;
mod tally;
mod task;
mod template;
mod text;
mod turn;
mod watch;

pub use connector::FileTail;
pub use task::FileTailTask;
