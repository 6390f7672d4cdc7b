//! The Connect runtime and its REST API.
