//! A server under the control of a test: it keeps every request that it was sent, and answers as a script says, however
//! badly.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test server blocks, and not every test needs all of it"
)]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A proper answer.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes and the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, for ever.
    Silence,
    /// The end of the connection.
    Hangup,
    /// The reply, later.
    Late(Duration, Box<Reply>),
}

impl Reply {
    pub fn ok() -> Self {
        Self::status(200, "")
    }

    pub fn status(status: u16, body: &str) -> Self {
        Self::Answer(status, Vec::new(), body.as_bytes().to_vec())
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// The server; a clone is the same one.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<(Request, bool)>>>,
    script: Arc<Mutex<Arc<Script>>>,
    under_way: Arc<Mutex<(usize, usize)>>,
}

impl Server {
    /// A server that answers 200 to everything.
    pub fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at an address.
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(|_, _| Reply::ok()))),
            under_way: Arc::default(),
        };
        let accepting = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = accepting.clone();
                thread::spawn(move || drop(server.serve(stream)));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers as `script` says, given a request and how many came before.
    pub fn script(&self, script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|(request, _)| request.clone())
            .collect()
    }

    /// The requests that were answered with a status between 200 and 299, in the order of their answers' decision.
    pub fn accepted(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        let accepted = requests.iter().filter(|(_, accepted)| *accepted);
        accepted.map(|(request, _)| request.clone()).collect()
    }

    /// The bodies of the accepted requests.
    pub fn bodies(&self) -> Vec<String> {
        self.accepted().iter().map(Request::text).collect()
    }

    /// The most requests that were under way at once.
    pub fn most_at_once(&self) -> usize {
        self.under_way.lock().unwrap().1
    }

    pub fn clear(&self) {
        self.requests.lock().unwrap().clear();
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(request) = read_request(&mut stream)? {
            {
                let mut under_way = self.under_way.lock().unwrap();
                under_way.0 += 1;
                under_way.1 = under_way.1.max(under_way.0);
            }
            let script = Arc::clone(&self.script.lock().unwrap());
            let reply = {
                let mut requests = self.requests.lock().unwrap();
                let reply = script(&request, requests.len());
                requests.push((request, accepts(&reply)));
                reply
            };
            let going_on = send(stream.get_mut(), reply);
            self.under_way.lock().unwrap().0 -= 1;
            if !going_on? {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn accepts(reply: &Reply) -> bool {
    match reply {
        Reply::Answer(status, ..) => (200..300).contains(status),
        Reply::Raw(bytes) => bytes.starts_with(b"HTTP/1.1 2"),
        Reply::Late(_, reply) => accepts(reply),
        Reply::Silence | Reply::Hangup => false,
    }
}

fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut parts = line.split_ascii_whitespace().map(str::to_owned);
    let (method, path) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Some(Request {
        method,
        path,
        headers,
        body,
    }))
}

/// False if the connection is to end.
fn send(stream: &mut TcpStream, mut reply: Reply) -> io::Result<bool> {
    while let Reply::Late(pause, later) = reply {
        thread::sleep(pause);
        reply = *later;
    }
    match reply {
        Reply::Answer(status, headers, body) => {
            let mut head = format!(
                "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n",
                body.len()
            );
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            let mut bytes = head.into_bytes();
            bytes.extend_from_slice(&body);
            stream.write_all(&bytes)?;
            Ok(true)
        }
        Reply::Raw(bytes) => {
            stream.write_all(&bytes)?;
            Ok(false)
        }
        Reply::Silence => {
            // Until the other side has had enough.
            stream.read_to_end(&mut Vec::new())?;
            Ok(false)
        }
        Reply::Hangup | Reply::Late(..) => Ok(false),
    }
}
