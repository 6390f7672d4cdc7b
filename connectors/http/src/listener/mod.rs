//! A source that others send to: webhooks, and produce calls of a REST Proxy, into topics.
//!
//! ```text
//! connection ─▶ server ─▶ exchange: gate, credentials, body, signature, id, records ─▶ queue ─▶ poll ─▶ worker
//!      ▲                     │                                                                       │
//!      └── answer ◀──────────┴──────────────── pending ◀──────────── acknowledged, stored_at ◀───────┘
//! ```
//!
//! A request is answered with success only when the broker has acknowledged all of its records; until then its bytes
//! count against a budget, and when that is used up, or the broker does not answer, or the task is paused, requests
//! are refused at once with 503 and `Retry-After`. There is no source offset: whoever sends keeps what was not
//! answered, and sends it again. Facts: contract connectors-transforms, section 6.3; the REST Proxy's API v2.

mod answer;
mod arrival;
mod batch;
mod config;
mod connector;
mod content;
mod credentials;
mod exchange;
mod gate;
mod pending;
mod queue;
mod record;
mod rest_proxy;
mod seen;
mod server;
mod signature;
mod task;
mod template;
mod urlencoded;

pub use connector::HttpListener;
