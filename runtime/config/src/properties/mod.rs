//! Java's `.properties` files.
//!
//! The grammar is that of `java.util.Properties`: comments start with `#` or `!`; `=`, `:` or a
//! blank ends the key; a backslash at a line's end continues the line; `\t`, `\n`, `\r`, `\f` and
//! `\uXXXX` are escapes, and a backslash before anything else disappears. Of a key given twice
//! the last value counts. Java reads the bytes as Latin-1; here they are UTF-8 where they are
//! valid UTF-8, and Latin-1 where they are not.

mod lines;
mod read;
mod write;

pub use read::{PropertiesError, parse, parse_bytes};
pub use write::write;
