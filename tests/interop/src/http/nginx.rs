//! nginx in front of a server that only answers, itself as well. It checks who calls, how often and how much is sent, and
//! keeps what it has taken as lines of JSON.

use std::process::Command;

use anyhow::Context as _;
use millrace_system::sandbox::Sandbox;
use serde_json::Value;

use super::process::Server;
use crate::{kafka::free_ports, output};

/// The largest body that is taken.
pub(super) const BODY_MAX: usize = 8192;

/// A running nginx with a folder of its own.
pub(super) struct Nginx {
    pub(super) folder: Sandbox,
    /// Where it listens.
    pub(super) port: u16,
    _server: Server,
}

/// What differs from one check to another.
pub(super) struct Site<'a> {
    /// Of `http`, beside what all have.
    pub(super) http: String,
    /// Behind the port: `ssl` or nothing.
    pub(super) listen: &'a str,
    /// Of the server that is called; `SERVER` stands for the one that answers.
    pub(super) server: String,
    /// Of the server that answers.
    pub(super) answering: &'a str,
    /// The members of a line of the log, beside `status` and `body`.
    pub(super) logged: &'a str,
}

impl Nginx {
    pub(super) fn start(folder: Sandbox, site: &Site<'_>) -> anyhow::Result<Self> {
        let [port, answering] = free_ports();
        let data = folder.path().display();
        let (http, listen, logged) = (&site.http, site.listen, site.logged);
        let server = site
            .server
            .replace("SERVER", &format!("127.0.0.1:{answering}"));
        let answers = site.answering;
        let config = folder.write(
            "nginx.conf",
            format!(
                "daemon off; master_process off; pid {data}/pid; error_log {data}/errors;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {data}/temporary; proxy_temp_path {data}/temporary; fastcgi_temp_path {data}/temporary;
  uwsgi_temp_path {data}/temporary; scgi_temp_path {data}/temporary;
  client_max_body_size {BODY_MAX}; client_body_buffer_size 64k; client_body_in_single_buffer on;
  log_format taken escape=json '{{\"status\":\"$status\",{logged}\"body\":\"$request_body\"}}';
  access_log off;
  {http}
  server {{ listen 127.0.0.1:{port} {listen}; access_log {data}/taken taken; {server} }}
  server {{ listen 127.0.0.1:{answering}; location / {{ {answers} }} }}
}}
"
            ),
        );
        let mut nginx = nginx();
        nginx.arg("-p").arg(folder.path()).arg("-c").arg(config);
        nginx.arg("-e").arg(folder.join("errors"));
        let server = Server::start(nginx, &folder.join("out"), port)?;
        Ok(Self {
            folder,
            port,
            _server: server,
        })
    }

    /// What it was sent so far, in the order of its answers.
    pub(super) fn calls(&self) -> anyhow::Result<Vec<Value>> {
        let log = self.folder.read("taken");
        let text = String::from_utf8(log).context("the log")?;
        // The last line may be half written.
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect()
    }
}

/// The version of the nginx that is installed.
pub(super) fn version() -> anyhow::Result<String> {
    let said = output::run(nginx().arg("-v"))?.stderr;
    let version = said.trim().rsplit('/').next();
    Ok(version.context("nginx says no version")?.to_owned())
}

/// nginx, which only an administrator may have on the path.
fn nginx() -> Command {
    let mut nginx = Command::new("nginx");
    let path = std::env::var("PATH").unwrap_or_default();
    nginx.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    nginx
}
