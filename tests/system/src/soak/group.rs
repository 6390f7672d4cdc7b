//! Workers of a group under all that may happen to them: [`many`] connectors while workers are killed and restarted,
//! [`random`] operations from a seed, and what [`idle`] tasks cost.

mod idle;
mod latency;
mod many;
mod proxy;
mod random;
mod site;

pub(super) use self::{idle::run as idle, many::run as many, random::run as random};
