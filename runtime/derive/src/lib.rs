//! The Config derive macro: a struct is its own configuration definition.
