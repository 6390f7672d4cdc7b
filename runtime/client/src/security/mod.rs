//! How connections are protected, by Kafka's keys: encryption with TLS (`ssl.*`), and who the client is (`sasl.*`).

mod credentials;
mod jaas;
mod keys;
mod pem;
mod protection;
pub(crate) mod scram;
mod tls;
mod verifier;

use millrace_config::{Config, ConfigDef, ConfigErrors, Secret, Values};

pub(crate) use credentials::{Credentials, Mechanism};
pub use protection::Protection;
pub use tls::SecurityError;

use keys::text;
use tls::{Pem, TlsSettings};

/// How connections are protected; by default not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Security {
    tls: Option<TlsSettings>,
    sasl: Option<Credentials>,
}

/// The values of `security.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    const ALL: [Self; 4] = [
        Self::Plaintext,
        Self::Ssl,
        Self::SaslPlaintext,
        Self::SaslSsl,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            format!(
                "String must be one of: {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }

    fn encrypts(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn authenticates(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl Security {
    /// The value of `security.protocol`.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => Protocol::Plaintext,
            (Some(_), None) => Protocol::Ssl,
            (None, Some(_)) => Protocol::SaslPlaintext,
            (Some(_), Some(_)) => Protocol::SaslSsl,
        };
        protocol.name()
    }

    /// Which files and texts of certificates and keys cannot be used, each by its key. Files that are not there are left
    /// out: they are read when a connection is opened, and may have come by then. Blocks.
    #[must_use]
    pub fn unusable(&self) -> ConfigErrors {
        let mut errors = ConfigErrors::default();
        let faults = self.tls.iter().flat_map(TlsSettings::faults);
        for fault in faults {
            if let SecurityError::Content { place, .. } = &fault {
                let key = place.split('=').next().unwrap_or_default();
                errors.push(key, fault.to_string());
            }
        }
        errors
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the client says who it is.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.sasl.is_some()
    }
}

impl Config for Security {
    fn definition() -> ConfigDef {
        keys::definition()
    }

    fn from_values(values: &Values) -> Result<Self, ConfigErrors> {
        let name = text(values.value(keys::PROTOCOL)).unwrap_or(Protocol::Plaintext.name());
        let protocol = Protocol::named(name).map_err(|why| refusal(keys::PROTOCOL, name, &why))?;
        let mut errors = ConfigErrors::default();
        let mut security = Self::default();
        if protocol.encrypts() {
            match tls(values) {
                Ok(tls) => security.tls = Some(tls),
                Err(wrong) => errors.extend(wrong),
            }
        }
        if protocol.authenticates() {
            match sasl(values) {
                Ok(sasl) => security.sasl = Some(sasl),
                Err(wrong) => errors.extend(wrong),
            }
        }
        errors.into_result(security)
    }
}

fn refusal(key: &str, shown: &str, why: &str) -> ConfigErrors {
    ConfigErrors::one(
        key,
        format!("Invalid value {shown} for configuration {key}: {why}"),
    )
}

const HIDDEN: &str = "[hidden]";

fn sasl(values: &Values) -> Result<Credentials, ConfigErrors> {
    let name = text(values.value(keys::MECHANISM)).unwrap_or("GSSAPI");
    let mechanism = Mechanism::named(name).map_err(|why| refusal(keys::MECHANISM, name, &why))?;
    let Some(jaas) = text(values.value(keys::JAAS)) else {
        return Err(ConfigErrors::one(
            keys::JAAS,
            format!(
                "Missing required configuration \"{}\": {mechanism} needs a login module with username and password",
                keys::JAAS
            ),
        ));
    };
    Credentials::from_jaas(mechanism, jaas).map_err(|why| refusal(keys::JAAS, HIDDEN, &why))
}

fn tls(values: &Values) -> Result<TlsSettings, ConfigErrors> {
    let file = |key: &'static str| {
        text(values.value(key)).map(|path| Pem::File {
            key,
            path: path.to_owned(),
        })
    };
    let inline = |key: &'static str| {
        text(values.value(key)).map(|text| Pem::Text {
            key,
            text: Secret::new(text),
        })
    };
    let one_of = |first: Option<Pem>, second: Option<Pem>, key: &str| match (first, second) {
        (Some(_), Some(_)) => Err(ConfigErrors::one(
            key,
            format!(
                "Invalid value {HIDDEN} for configuration {key}: there is a file, too; keep one of both"
            ),
        )),
        (first, second) => Ok(first.or(second)),
    };
    let trust = one_of(
        file(keys::TRUSTSTORE),
        inline(keys::CERTIFICATES),
        keys::CERTIFICATES,
    )?;
    let identity = match (file(keys::KEYSTORE), inline(keys::CHAIN), inline(keys::KEY)) {
        (store, None, None) => store.into_iter().collect(),
        (None, Some(chain), Some(key)) => vec![chain, key],
        (Some(_), _, _) => {
            let why = "there is a file, too; keep one of both";
            return Err(refusal(keys::KEY, HIDDEN, why));
        }
        (None, _, _) => {
            let why = format!("{} and {} belong together", keys::KEY, keys::CHAIN);
            return Err(refusal(keys::KEY, HIDDEN, &why));
        }
    };
    let speaks = |name: &str| match values.value(keys::VERSIONS).as_list() {
        Some(names) if !names.is_empty() => names.iter().any(|known| known == name),
        _ => true,
    };
    Ok(TlsSettings {
        trust,
        identity,
        // A key that is given empty switches the check off; without the key it is on.
        checks_hostname: values.value(keys::HOSTNAME).as_str() != Some(""),
        versions: (speaks("TLSv1.2"), speaks("TLSv1.3")),
        cipher_suites: values
            .value(keys::CIPHERS)
            .as_list()
            .unwrap_or_default()
            .to_vec(),
    })
}

#[cfg(test)]
mod tests;
