//! The suite that every connector passes, for the sink.

mod server;

use async_trait::async_trait;
use millrace_api::Properties;
use millrace_http::HttpSink;
use millrace_testkit::conformance::{self, Refused, SinkFixture};
use millrace_testkit::properties;
use server::Server;

struct Endpoint(Server);

#[async_trait]
impl SinkFixture for Endpoint {
    type Connector = HttpSink;

    fn connector(&self) -> HttpSink {
        HttpSink::default()
    }

    async fn reset(&mut self) -> Properties {
        self.0.clear();
        properties(&[
            ("topics", "topic"),
            ("http.api.url", self.0.url().as_str()),
            ("batch.max.size", "7"),
            ("batch.separator", "\\n"),
        ])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        let bodies = self.0.bodies();
        let values = bodies.iter().flat_map(|body| body.lines());
        Some(values.map(str::to_owned).collect())
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let with = |key: &str, value: &str| {
            let mut properties = properties(&[("http.api.url", "http://localhost/")]);
            properties.insert(key.to_owned(), value.to_owned());
            (properties, key.to_owned())
        };
        vec![
            (Properties::new(), "http.api.url".to_owned()),
            with("http.api.url", "localhost"),
            with("request.method", "SHOUT"),
            with("retry.on.status.codes", "often"),
            (
                with("https.ssl.truststore.location", "/no/such.pem").0,
                "/no/such.pem".to_owned(),
            ),
        ]
    }
}

#[tokio::test]
async fn conforms() {
    let server = Server::start();
    conformance::sink(&mut Endpoint(server)).await;
}
