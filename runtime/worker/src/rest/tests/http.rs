//! A small HTTP client that sends what it is told to, right or wrong.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts an error body; a `*` at the end of the message stands for any text.
    pub(super) fn assert_error(&self, status: u16, message: &str) {
        let body = self.json();
        assert_eq!(
            (self.status, &body["error_code"]),
            (status, &Value::from(status)),
            "{self:?}"
        );
        assert_eq!(body.as_object().unwrap().len(), 2, "{self:?}");
        let found = body["message"].as_str().unwrap();
        match message.strip_suffix('*') {
            Some(start) => assert!(
                found.starts_with(start),
                "{found:?} does not start with {start:?}"
            ),
            None => assert_eq!(found, message),
        }
    }
}

/// Sends a request on a connection of its own and reads the whole reply.
pub(super) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Reply {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers
        .iter()
        .any(|header| header.to_ascii_lowercase().starts_with("host:"))
    {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    for header in headers.iter().filter(|header| !header.is_empty()) {
        request.push_str(&format!("{header}\r\n"));
    }
    let has_length = headers
        .iter()
        .any(|header| header.to_ascii_lowercase().starts_with("content-length:"));
    if !body.is_empty() && !has_length {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read(&mut stream).await
}

/// Reads a reply to the end of the connection.
pub(super) async fn read(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no reply: {text:?}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let pair = |line: &str| {
        line.split_once(": ")
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
    };
    Reply {
        status,
        headers: lines.filter_map(pair).collect(),
        text: body.to_owned(),
    }
}
