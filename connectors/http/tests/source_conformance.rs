//! The poller passes the suite of all connectors.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod server;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millrace_api::Properties;
use millrace_http::HttpSource;
use millrace_testkit::conformance::{self, SourceFixture};
use server::{Reply, Request, Server};

/// Records of a page.
const PAGE: usize = 700;

/// A list that only grows, read line by line from a place.
struct Fixture {
    server: Server,
    values: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    fn new() -> Self {
        let values: Arc<Mutex<Vec<String>>> = Arc::default();
        let server = Server::start();
        let served = Arc::clone(&values);
        server.script(move |request, _| page(request, &served.lock().unwrap()));
        Self { server, values }
    }

    fn properties(&self, pairs: &[(&str, &str)]) -> Properties {
        let url = format!("{}/list", self.server.url());
        let base = [
            ("url", url.as_str()),
            ("topic", "t"),
            ("response.format", "lines"),
            ("pagination", "offset"),
            ("pagination.parameter", "from"),
            ("pagination.end", "continue"),
            ("request.interval.ms", "10"),
        ];
        millrace_testkit::properties(base.iter().chain(pairs))
    }
}

fn page(request: &Request, values: &[String]) -> Reply {
    let from = request.path.split_once("from=").unwrap().1;
    let from: usize = from.parse().unwrap();
    let page = values.iter().skip(from).take(PAGE);
    let lines: String = page.map(|value| format!("{value}\n")).collect();
    Reply::status(200, &lines)
}

#[async_trait]
impl SourceFixture for Fixture {
    type Connector = HttpSource;

    fn connector(&self) -> HttpSource {
        HttpSource::default()
    }

    async fn reset(&mut self) -> Properties {
        self.values.lock().unwrap().clear();
        self.server.clear();
        self.properties(&[])
    }

    async fn produce(&mut self, values: &[String]) {
        self.values.lock().unwrap().extend_from_slice(values);
    }

    async fn refused(&mut self) -> Vec<conformance::Refused> {
        let case =
            |pairs: &[(&str, &str)], mention: &str| (self.properties(pairs), mention.to_owned());
        vec![
            case(&[("url", "ftp://x/")], "url"),
            case(&[("url", "http://x/${nothing}")], "${nothing}"),
            case(&[("topic", "")], "topic"),
            case(&[("pagination", "cursor")], "http.next.page.json.pointer"),
            case(&[("http.key.json.pointer", "id")], "/id"),
            case(&[("auth.type", "BEARER")], "bearer.token"),
            case(&[("http.request.body", "x")], "http.request.method"),
            case(
                &[
                    ("https.ssl.truststore.location", "/gone.pem"),
                    ("url", "https://x/"),
                ],
                "/gone.pem",
            ),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    conformance::source(&mut Fixture::new()).await;
}
