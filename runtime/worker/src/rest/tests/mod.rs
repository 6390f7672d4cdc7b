//! The REST API over a real socket (contract connect-rest, section 9, as far as it is about a standalone worker).

mod bodies;
mod changes;
mod fake;
mod guarantees;
mod http;
mod offsets;
mod plugins;
mod reads;

use std::net::SocketAddr;
use std::sync::Arc;

use log::LevelFilter;
use millrace_testkit::properties;
use millrace_wire::clock;
use serde_json::{Value, json};

use crate::actor::Threads;
use crate::config::WorkerConfig;
use crate::herder::{Parts, StandaloneHerder};
use crate::logging::Loggers;
use crate::providers::ConfigProviders;
use crate::registry::Registry;
use crate::rest::{Api, RestServer, bind};
use http::Reply;

/// A worker that answers REST on a port of its own.
struct TestWorker {
    address: SocketAddr,
    herder: Arc<StandaloneHerder>,
    _rest: RestServer,
}

impl TestWorker {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let common = [
            ("key.converter", "StringConverter"),
            (
                "value.converter",
                "org.apache.kafka.connect.storage.StringConverter",
            ),
            ("offset.storage.file.filename", "unused"),
            ("listeners", "http://127.0.0.1:0"),
        ];
        let properties = properties(common.iter().chain(settings));
        let config = WorkerConfig::from_properties(&properties).unwrap();
        let bound = bind(&config.rest).await.unwrap();
        let address = bound.address().unwrap();
        let rest = config.rest.clone();
        let herder = StandaloneHerder::new(Parts {
            config,
            properties,
            registry: Arc::new(
                Registry::stock()
                    .source::<fake::Source>()
                    .sink::<fake::FakeSink>(),
            ),
            providers: ConfigProviders::default(),
            runner: Arc::new(fake::Tasks),
            offsets: Arc::new(fake::Offsets::default()),
            groups: Arc::new(fake::Groups::default()),
            data: tokio::runtime::Handle::current(),
            threads: Threads::default(),
            worker_id: "127.0.0.1:8083".to_owned(),
            cluster_id: Some("cluster".to_owned()),
            clock: clock::system(),
        });
        let loggers = Loggers::new(LevelFilter::Info, clock::system());
        let rest = bound.serve(Api::new(Arc::clone(&herder) as _, loggers, &rest));
        Self {
            address,
            herder,
            _rest: rest,
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, Some(body)).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, Some(body)).await
    }

    /// Sends a request with a JSON body, or with none.
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let text = body.map(|body| body.to_string());
        let headers: &[&str] = if text.is_some() {
            &["Content-Type: application/json"]
        } else {
            &[]
        };
        self.raw(method, path, headers, &text.unwrap_or_default())
            .await
    }

    async fn raw(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Reply {
        http::send(self.address, method, path, headers, body).await
    }

    /// Creates a source of a name, which must work.
    async fn create(&self, name: &str) {
        let reply = self
            .put(&format!("/connectors/{name}/config"), source(&[]))
            .await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }

    /// Asks until the reply is as wanted.
    async fn until(&self, path: &str, is_wanted: impl Fn(&Reply) -> bool) -> Reply {
        for _ in 0..500 {
            let reply = self.get(path).await;
            if is_wanted(&reply) {
                return reply;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!(
            "GET {path} never gave what was wanted: {:?}",
            self.get(path).await
        );
    }
}

/// A working source configuration with further keys.
fn source(further: &[(&str, Value)]) -> Value {
    let mut config = json!({"connector.class": "FileStreamSource", "topic": "t", "file": "f"});
    for (key, value) in further {
        config[*key] = value.clone();
    }
    config
}

/// A working sink configuration with further keys.
fn sink(further: &[(&str, Value)]) -> Value {
    let mut config = json!({"connector.class": fake::SINK, "topics": "t"});
    for (key, value) in further {
        config[*key] = value.clone();
    }
    config
}

/// The refusal of a configuration with these errors.
fn invalid(errors: &[&str]) -> String {
    format!(
        "Connector configuration is invalid and contains the following {} error(s):\n{}\nYou can also find the above \
         list of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
        errors.len(),
        errors.join("\n")
    )
}
