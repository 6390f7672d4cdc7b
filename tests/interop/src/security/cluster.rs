//! Apache Kafka with a listener for each way of protection, and its users.

use std::{
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use millrace_system::{sandbox::Sandbox, wait};

use super::way::{Way, escaped, quoted};
use crate::{
    certificates::Authority,
    kafka::{Kafka, Listener, Setup, free_ports},
};

/// The host that the certificates are for.
const HOST: &str = "localhost";

/// How long the listeners may take after the first.
const PATIENCE: Duration = Duration::from_secs(30);

/// The passwords of the users that the mechanisms know; that of PLAIN has what a login module has to quote.
pub(super) const PASSWORDS: [&str; 3] = ["p\"l a\\i;n=", "secret-of-256", "secret-of-512"];

/// How long a session by SCRAM-SHA-512 lives, in milliseconds.
const SESSION_MS: u32 = 3_000;

const PLAIN_MODULE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM_MODULE: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

/// A running node with its listeners.
pub(super) struct Cluster {
    kafka: Kafka,
    ports: Ports,
    files: Files,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    tls: u16,
    mutual: u16,
    login: u16,
    open_login: u16,
    expired: u16,
}

/// Where certificates and keys are.
struct Files {
    /// The authority of the servers' certificates.
    authority: String,
    /// Another one, which signed nothing here.
    stranger: String,
    /// A client's key and certificate.
    client: String,
    /// The same by the other authority.
    stranger_client: String,
    server: String,
    expired: String,
}

impl Files {
    fn write(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let write = |name: &str, pem: String| sandbox.write(name, pem).display().to_string();
        let (authority, stranger) = (Authority::new("authority")?, Authority::new("stranger")?);
        Ok(Self {
            authority: write("authority.pem", authority.certificate()),
            stranger: write("stranger.pem", stranger.certificate()),
            client: write("client.pem", authority.identity("client")?),
            stranger_client: write("stranger-client.pem", stranger.identity("client")?),
            server: write("server.pem", authority.identity(HOST)?),
            expired: write("expired.pem", authority.expired(HOST)?),
        })
    }
}

impl Cluster {
    pub(super) fn start(sandbox: &Sandbox, data: &Path) -> anyhow::Result<Self> {
        let files = Files::write(sandbox)?;
        let [tls, mutual, login, open_login, expired] = free_ports();
        let ports = Ports {
            tls,
            mutual,
            login,
            open_login,
            expired,
        };
        let listener = |name, protocol, port| Listener {
            name,
            protocol,
            port,
        };
        let setup = Setup {
            settings: &settings(&files),
            listeners: &[
                listener("TLS", "SSL", tls),
                listener("MUTUAL", "SSL", mutual),
                listener("LOGIN", "SASL_SSL", login),
                listener("OPENLOGIN", "SASL_PLAINTEXT", open_login),
                listener("EXPIRED", "SSL", expired),
            ],
            format: &[("256", PASSWORDS[1]), ("512", PASSWORDS[2])].map(|(bits, password)| {
                format!("--add-scram=SCRAM-SHA-{bits}=[name=scram,password={password}]")
            }),
            place: None,
        };
        let kafka = Kafka::start_with(sandbox, data, &setup)?;
        let open = |port: u16| TcpStream::connect((HOST, port)).is_ok();
        let all = setup.listeners.iter().map(|listener| listener.port);
        let opened = wait::until_or(Instant::now() + PATIENCE, || {
            all.clone().all(open).then_some(())
        });
        ensure!(
            opened.is_some(),
            "not all listeners open\n{}",
            kafka.output()
        );
        Ok(Self {
            kafka,
            ports,
            files,
        })
    }

    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.kafka.stop()
    }

    /// Without any protection.
    pub(super) fn plaintext(&self) -> Way {
        Way::new("plaintext", self.kafka.address(), "PLAINTEXT")
    }

    /// Encrypted, without saying who the client is.
    pub(super) fn tls(&self) -> Way {
        self.trusting(Way::new("tls", &at(self.ports.tls), "SSL"))
    }

    /// With a client's certificate.
    pub(super) fn mutual(&self) -> Way {
        self.trusting(Way::new("mutual", &at(self.ports.mutual), "SSL"))
            .with("ssl.keystore.type", "PEM")
            .with("ssl.keystore.location", &self.files.client)
    }

    pub(super) fn plain(&self) -> Way {
        self.login("plain", "PLAIN", "plain", PASSWORDS[0])
    }

    pub(super) fn scram_256(&self) -> Way {
        self.login("scram-256", "SCRAM-SHA-256", "scram", PASSWORDS[1])
    }

    pub(super) fn scram_512(&self) -> Way {
        self.login("scram-512", "SCRAM-SHA-512", "scram", PASSWORDS[2])
    }

    /// All ways that a worker is to go.
    pub(super) fn ways(&self) -> [Way; 5] {
        [
            self.tls(),
            self.mutual(),
            self.plain(),
            self.scram_256(),
            self.scram_512(),
        ]
    }

    /// Ways that do not lead in, each with what is to be said of it.
    pub(super) fn dead_ends(&self) -> Vec<(Way, Refusal)> {
        use Refusal::{ForGood, MayPass};
        let Ports {
            tls,
            mutual,
            login,
            open_login,
            expired,
        } = self.ports;
        let plain_port = self.kafka.address().rsplit(':').next().unwrap_or_default();
        let named = |way: Way, name: &str, refusal: Refusal| (way.named(name), refusal);
        vec![
            named(
                self.plain().login("PLAIN", "plain", "wrong"),
                "password-of-plain",
                ForGood("does not take user plain by PLAIN"),
            ),
            named(
                self.scram_256().login("SCRAM-SHA-256", "scram", "wrong"),
                "password-of-scram-256",
                ForGood("does not take user scram by SCRAM-SHA-256"),
            ),
            named(
                self.scram_512().login("SCRAM-SHA-512", "nobody", "wrong"),
                "user-of-scram-512",
                ForGood("does not take user nobody by SCRAM-SHA-512"),
            ),
            named(
                self.tls()
                    .with("ssl.truststore.location", &self.files.stranger),
                "authority",
                ForGood("signed by an unknown authority"),
            ),
            named(
                self.tls()
                    .with("bootstrap.servers", &format!("127.0.0.1:{tls}")),
                "host",
                ForGood("is not for 127.0.0.1: it is for"),
            ),
            named(
                self.tls().with("bootstrap.servers", &at(expired)),
                "expired",
                ForGood("its certificate expired"),
            ),
            named(
                self.tls().with("bootstrap.servers", &at(mutual)),
                "no-client-certificate",
                ForGood("ssl.keystore.location"),
            ),
            named(
                self.mutual()
                    .with("ssl.keystore.location", &self.files.stranger_client),
                "client-certificate",
                ForGood("does not take the client's certificate"),
            ),
            named(
                self.plaintext().with("bootstrap.servers", &at(tls)),
                "plaintext-to-tls",
                MayPass("that is how TLS begins"),
            ),
            named(
                self.tls()
                    .with("bootstrap.servers", &format!("{HOST}:{plain_port}")),
                "tls-to-plaintext",
                MayPass("does that port speak TLS?"),
            ),
            named(
                self.plain().with("bootstrap.servers", &at(tls)),
                "login-to-tls",
                ForGood("does not ask clients who they are"),
            ),
            named(
                self.tls().with("bootstrap.servers", &at(login)),
                "tls-to-login",
                MayPass("the listener may ask clients who they are"),
            ),
            named(
                self.scram_256()
                    .with("bootstrap.servers", &at(open_login))
                    .with("security.protocol", "SASL_PLAINTEXT"),
                "mechanism",
                ForGood("does not offer SCRAM-SHA-256, but PLAIN"),
            ),
        ]
    }

    fn login(&self, name: &str, mechanism: &str, user: &str, password: &str) -> Way {
        self.trusting(Way::new(name, &at(self.ports.login), "SASL_SSL"))
            .login(mechanism, user, password)
    }

    fn trusting(&self, way: Way) -> Way {
        way.with("ssl.truststore.type", "PEM")
            .with("ssl.truststore.location", &self.files.authority)
    }
}

/// What becomes of a client that cannot get in, with a part of what it says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// It gives up: nothing changes by itself.
    ForGood(&'static str),
    /// It tries again, since a broker that is just starting looks the same.
    MayPass(&'static str),
}

impl Refusal {
    pub(super) fn said(self) -> &'static str {
        match self {
            Self::ForGood(said) | Self::MayPass(said) => said,
        }
    }
}

fn at(port: u16) -> String {
    format!("{HOST}:{port}")
}

fn settings(files: &Files) -> Vec<String> {
    let mut settings = vec![
        "ssl.keystore.type=PEM".to_owned(),
        format!("ssl.keystore.location={}", files.server),
        "ssl.truststore.type=PEM".to_owned(),
        format!("ssl.truststore.location={}", files.authority),
        "listener.name.mutual.ssl.client.auth=required".to_owned(),
        format!(
            "listener.name.expired.ssl.keystore.location={}",
            files.expired
        ),
        "listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned(),
        "listener.name.openlogin.sasl.enabled.mechanisms=PLAIN".to_owned(),
        format!("listener.name.login.scram-sha-512.connections.max.reauth.ms={SESSION_MS}"),
    ];
    let users = format!(
        "{PLAIN_MODULE} required user_plain=\"{}\";",
        quoted(PASSWORDS[0])
    );
    for listener in ["login", "openlogin"] {
        settings.push(format!(
            "listener.name.{listener}.plain.sasl.jaas.config={}",
            escaped(&users)
        ));
    }
    for mechanism in ["scram-sha-256", "scram-sha-512"] {
        settings.push(format!(
            "listener.name.login.{mechanism}.sasl.jaas.config={SCRAM_MODULE} required;"
        ));
    }
    settings
}
