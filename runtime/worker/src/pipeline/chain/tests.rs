//! Chains of real steps.
