//! The included broker and worker against clients by others.
