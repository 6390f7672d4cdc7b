//! Between text and values, as headers and literals in configurations are written.
//!
//! The rules and their oddities are those of Java's `Values` (contract connectors-transforms, section 1.4): which text
//! is a number, a date, a list. Types are not stable over a round trip: the string "1" comes back as a number.

mod merge;
mod parse;
mod temporal;
mod text;
mod tokens;

pub(crate) use parse::parse;
pub(crate) use text::to_text;

#[cfg(test)]
mod tests;
