//! Authentication, TLS and proxies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::driver::{Driven, config, value};
use crate::server::{Reply, Server};

#[tokio::test]
async fn fixed_credentials() {
    let cases: [(&[(&str, &str)], &str, &str); 4] = [
        (
            &[
                ("auth.type", "BASIC"),
                ("connection.user", "u"),
                ("connection.password", "p:w"),
            ],
            "authorization",
            "Basic dTpwOnc=",
        ),
        (
            &[("auth.type", "bearer"), ("bearer.token", "t")],
            "authorization",
            "Bearer t",
        ),
        (
            &[
                ("auth.type", "API_KEY"),
                ("api.key.name", "X-Key"),
                ("api.key.value", "k"),
            ],
            "x-key",
            "k",
        ),
        (
            &[
                ("auth.type", "API_KEY"),
                ("api.key.name", "key"),
                ("api.key.value", "k&1"),
                ("api.key.location", "QUERY"),
            ],
            "",
            "/?key=k%261",
        ),
    ];
    for (pairs, header, expected) in cases {
        let server = Server::start();
        let mut sink = Driven::start(&server, pairs).await;
        sink.put_values(["x"]).await;
        sink.settle().await;
        let request = &server.accepted()[0];
        let found = request.headers.get(header).unwrap_or(&request.path);
        assert_eq!(found, expected, "{pairs:?}");
    }
}

/// A token server and a server that takes only its last token.
struct Tokens {
    issuer: Server,
    server: Server,
    issued: Arc<AtomicUsize>,
}

impl Tokens {
    fn start(life: &'static str) -> Self {
        let (issuer, server) = (Server::start(), Server::start());
        let issued = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&issued);
        issuer.script(move |_, _| {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            Reply::status(200, &format!("{{\"access_token\":\"t{number}\"{life}}}"))
        });
        Self {
            issuer,
            server,
            issued,
        }
    }

    async fn sink(&self, more: &[(&str, &str)]) -> Driven {
        let url = self.issuer.url() + "/token";
        let mut properties = config(&self.server, more);
        for (key, value) in [
            ("auth.type", "OAUTH2"),
            ("oauth2.token.url", url.as_str()),
            ("oauth2.client.id", "id"),
            ("oauth2.client.secret", "s&c"),
            ("oauth2.client.scope", "a b"),
            ("oauth2.client.headers", "X-Tenant:7"),
        ] {
            properties.insert(key.to_owned(), value.to_owned());
        }
        Driven::of(&properties, true).await.unwrap()
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_requests() {
    let tokens = Tokens::start(",\"expires_in\":3600");
    let mut sink = tokens
        .sink(&[("parallel.requests", "8"), ("request.order", "none")])
        .await;
    sink.put_values(0..50).await;
    sink.settle().await;
    assert_eq!(tokens.issued.load(Ordering::SeqCst), 1);
    let asked = &tokens.issuer.requests()[0];
    assert_eq!(asked.text(), "grant_type=client_credentials&scope=a%20b");
    assert_eq!(asked.headers["authorization"], "Basic aWQ6cyUyNmM=");
    assert_eq!(asked.headers["x-tenant"], "7");
    let all_signed = tokens.server.accepted();
    assert!(
        all_signed
            .iter()
            .all(|request| request.headers["authorization"] == "Bearer t1")
    );
}

#[tokio::test]
async fn client_id_and_secret_may_go_into_the_form() {
    let tokens = Tokens::start("");
    let mut sink = tokens.sink(&[("oauth2.client.auth.mode", "url")]).await;
    sink.put_values(["x"]).await;
    sink.settle().await;
    let form = tokens.issuer.requests()[0].text();
    assert!(
        form.ends_with("&client_id=id&client_secret=s%26c"),
        "{form}"
    );
}

#[tokio::test]
async fn a_token_is_fetched_again_before_it_expires_and_when_it_is_refused() {
    let tokens = Tokens::start(",\"expires_in\":\"0\"");
    let mut sink = tokens.sink(&[("parallel.requests", "1")]).await;
    sink.put_values(0..3).await;
    sink.settle().await;
    assert_eq!(
        tokens.issued.load(Ordering::SeqCst),
        3,
        "one for each request"
    );

    let tokens = Tokens::start("");
    tokens.server.script(
        |request, _| match request.headers["authorization"].as_str() {
            "Bearer t1" => Reply::status(401, "expired"),
            _ => Reply::ok(),
        },
    );
    let mut sink = tokens.sink(&[("parallel.requests", "1")]).await;
    sink.put_values(0..3).await;
    sink.settle().await;
    assert!(sink.dead.is_empty(), "{:?}", sink.dead);
    assert_eq!(tokens.issued.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_server_that_refuses_every_token_is_asked_twice() {
    let tokens = Tokens::start("");
    tokens.server.script(|_, _| Reply::status(401, "never"));
    let mut sink = tokens.sink(&[]).await;
    sink.put_values(["x"]).await;
    sink.settle().await;
    assert_eq!(tokens.server.requests().len(), 2);
    assert!(sink.dead[0].1.contains("401") && sink.dead[0].1.contains("never"));
}

#[tokio::test]
async fn a_token_server_in_trouble_is_asked_again_and_a_refusal_is_not() {
    let tokens = Tokens::start("");
    tokens.issuer.script(|_, before| match before {
        0 => Reply::status(503, "away"),
        1 => Reply::Hangup,
        2 => Reply::status(200, "no json"),
        _ => Reply::status(200, "{\"access_token\":\"t\"}"),
    });
    let mut sink = tokens.sink(&[]).await;
    sink.put_values(["x"]).await;
    sink.settle().await;
    assert_eq!(tokens.server.accepted().len(), 1);

    let tokens = Tokens::start("");
    tokens
        .issuer
        .script(|_, _| Reply::status(400, "invalid_client"));
    let mut sink = tokens.sink(&[]).await;
    sink.put_values(["x"]).await;
    sink.settle().await;
    let why = &sink.dead[0].1;
    assert!(
        why.contains("token") && why.contains("invalid_client") && !why.contains("s&c"),
        "{why}"
    );
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url_with_its_own_credentials() {
    let (server, proxy) = (Server::start(), Server::start());
    let port = proxy.address.port().to_string();
    let pairs = [
        ("http.proxy.host", "127.0.0.1"),
        ("http.proxy.port", port.as_str()),
        ("http.proxy.user", "u"),
        ("http.proxy.password", "p"),
    ];
    let mut sink = Driven::start(&server, &pairs).await;
    sink.put(&[value("x")]).await.unwrap();
    sink.settle().await;
    assert!(server.requests().is_empty());
    let request = &proxy.accepted()[0];
    assert_eq!(request.path, server.url() + "/");
    assert_eq!(request.headers["proxy-authorization"], "Basic dTpw");
}
