//! A demo's own HTTP server: a thread that takes one request after the other, for as long as the demo runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Keys of a worker file whose connectors name the demo's server `${env:SERVER}`.
pub(crate) const WORKER: &[(&str, &str)] = &[
    ("config.providers", "env"),
    (
        "config.providers.env.class",
        "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
    ),
];

/// A client that is silent for so long is left alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client asks for.
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) body: String,
}

/// Answers requests with the status and the body that `answer` gives.
pub(crate) fn answer(
    listener: TcpListener,
    mut answer: impl FnMut(&Request) -> (u16, String) + Send + 'static,
) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let served = stream
                .context("cannot take a connection")
                .and_then(|stream| serve(&stream, &mut answer));
            if let Err(error) = served {
                println!("The server could not answer: {error:#}");
            }
        }
    });
}

fn serve(mut stream: &TcpStream, answer: impl FnOnce(&Request) -> (u16, String)) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (status, body) = answer(&read(stream)?);
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

fn read(stream: &TcpStream) -> Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = words
        .next()
        .zip(words.next())
        .context("a request has a method and a path")?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request {
        method,
        path,
        body: String::from_utf8(body)?,
    })
}
