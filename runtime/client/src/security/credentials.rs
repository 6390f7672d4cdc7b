//! Who the client is: `sasl.mechanism`, and the login module of `sasl.jaas.config`.

use std::fmt;

use millrace_config::Secret;

use super::jaas::{self, LoginModule};
use super::scram::Algorithm;

const PLAIN_MODULE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM_MODULE: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
/// Names of managed services for the same class, moved.
const SHADED: &str = "kafkashaded.";

/// How the client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mechanism {
    /// Name and password as they are.
    Plain,
    /// Only proofs of knowing the password.
    Scram(Algorithm),
}

impl Mechanism {
    /// By its name in `sasl.mechanism`.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "PLAIN" => Ok(Self::Plain),
            "SCRAM-SHA-256" => Ok(Self::Scram(Algorithm::Sha256)),
            "SCRAM-SHA-512" => Ok(Self::Scram(Algorithm::Sha512)),
            "GSSAPI" => Err(
                "Kerberos (GSSAPI, Kafka's default) is not supported; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
                    .to_owned(),
            ),
            "OAUTHBEARER" => Err(
                "OAUTHBEARER is not supported; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512".to_owned(),
            ),
            _ => Err("String must be one of: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512".to_owned()),
        }
    }

    fn module(self) -> &'static str {
        match self {
            Self::Plain => PLAIN_MODULE,
            Self::Scram(_) => SCRAM_MODULE,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "PLAIN",
            Self::Scram(Algorithm::Sha256) => "SCRAM-SHA-256",
            Self::Scram(Algorithm::Sha512) => "SCRAM-SHA-512",
        })
    }
}

/// A user and how it is shown that the client is that user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Credentials {
    pub(crate) mechanism: Mechanism,
    pub(crate) user: String,
    pub(crate) password: Secret,
    /// Whether the user is a delegation token.
    pub(crate) token: bool,
}

impl Credentials {
    /// From the login module. Errors show nothing of it but names of keys and the class.
    pub(super) fn from_jaas(mechanism: Mechanism, text: &str) -> Result<Self, String> {
        let LoginModule { class, options } = jaas::parse(text)?;
        let expected = mechanism.module();
        if class.strip_prefix(SHADED).unwrap_or(&class) != expected {
            return Err(format!(
                "the login module of {mechanism} is {expected}, not {class}"
            ));
        }
        let option = |key: &str| {
            let value = options.get(key).filter(|value| !value.expose().is_empty());
            value.ok_or_else(|| format!("the login module has no {key}"))
        };
        let (user, password) = (option("username")?.expose(), option("password")?);
        if user.contains('\0') || password.expose().contains('\0') {
            return Err("username and password cannot contain the character NUL".to_owned());
        }
        let is_true = |value: &Secret| value.expose().eq_ignore_ascii_case("true");
        Ok(Self {
            mechanism,
            user: user.to_owned(),
            password: password.clone(),
            token: options.get("tokenauth").is_some_and(is_true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAM: Mechanism = Mechanism::Scram(Algorithm::Sha512);

    #[test]
    fn users_are_read_from_the_login_module() {
        let text = format!("{PLAIN_MODULE} required username=\"alice\" password=\"a \\\"b\\\"\";");
        let alice = Credentials::from_jaas(Mechanism::Plain, &text).unwrap();
        assert_eq!(
            (alice.user.as_str(), alice.password.expose()),
            ("alice", "a \"b\"")
        );
        assert!(!format!("{alice:?}").contains("a \""), "{alice:?}");
        let text =
            format!("{SCRAM_MODULE} required username=id password=secret tokenauth=\"true\";");
        assert!(Credentials::from_jaas(SCRAM, &text).unwrap().token);
    }

    #[test]
    fn login_modules_that_do_not_fit_are_refused() {
        let table = [
            (
                Mechanism::Plain,
                format!("{SCRAM_MODULE} required username=a password=hunter2;"),
                "the login module of PLAIN is",
            ),
            (
                SCRAM,
                format!("{PLAIN_MODULE} required username=a password=hunter2;"),
                "the login module of SCRAM-SHA-512 is",
            ),
            (
                SCRAM,
                "com.sun.security.auth.module.Krb5LoginModule required;".to_owned(),
                "not com.sun",
            ),
            (
                SCRAM,
                format!("{SCRAM_MODULE} required username=a;"),
                "no password",
            ),
            (
                SCRAM,
                format!("{SCRAM_MODULE} required password=hunter2;"),
                "no username",
            ),
            (
                SCRAM,
                format!("{SCRAM_MODULE} required username=\"\" password=hunter2;"),
                "no username",
            ),
        ];
        for (mechanism, text, expected) in table {
            let error = Credentials::from_jaas(mechanism, &text).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
