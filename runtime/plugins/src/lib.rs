//! The stock converters.
