//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677): client and server show each other that they know the password
//! without saying it.
//!
//! The client says its name and a nonce; the server answers with more nonce, the salt and the number of iterations; the
//! client sends its proof, and the server the signature that only one who has the account can make. Like Kafka's
//! clients this prepares names and passwords by nothing but UTF-8.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_config::Secret;
use sha2::{Digest as _, Sha256, Sha512};
use thiserror::Error;

/// Fewer would make guessing easy (RFC 7677), and no Kafka has fewer.
const ITERATIONS_MIN: u32 = 4_096;
/// Kafka's own limit is 16384; beyond this a server is after the client's processor.
const ITERATIONS_MAX: u32 = 100_000;
/// "No channel binding", in base64.
const CHANNEL: &str = "biws";
const HEADER: &str = "n,,";

/// The hash function of the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// What is wrong with a server's message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ScramError {
    #[error("its message is not one of SCRAM")]
    Malformed,
    #[error("its nonce does not continue the client's")]
    Nonce,
    #[error("it asks for {0} iterations, the client does {ITERATIONS_MIN} to {ITERATIONS_MAX}")]
    Iterations(u64),
    #[error("it says {0}")]
    Refused(String),
    #[error(
        "its signature is wrong, so it does not know the account: it is not who it claims to be"
    )]
    Signature,
}

/// The client's side before the server has spoken.
#[derive(Debug, Clone)]
pub(crate) struct Scram {
    algorithm: Algorithm,
    password: Secret,
    nonce: String,
    first_bare: String,
}

/// What the client sends at last, and how it knows the server by its answer.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The client's last message.
    pub(crate) message: String,
    algorithm: Algorithm,
    server_key: Vec<u8>,
    signed: String,
}

impl Scram {
    /// For a user; `nonce` is random, printable and without commas. With `token`, the user is a delegation token.
    pub(crate) fn new(
        algorithm: Algorithm,
        user: &str,
        password: &Secret,
        token: bool,
        nonce: String,
    ) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let extension = if token { ",tokenauth=true" } else { "" };
        Self {
            algorithm,
            password: password.clone(),
            first_bare: format!("n={user},r={nonce}{extension}"),
            nonce,
        }
    }

    /// The client's first message.
    pub(crate) fn first(&self) -> String {
        format!("{HEADER}{}", self.first_bare)
    }

    /// Answers the server's first message. This takes milliseconds of the processor, by design.
    pub(crate) fn prove(self, server_first: &[u8]) -> Result<Proof, ScramError> {
        let server_first = std::str::from_utf8(server_first).map_err(|_| ScramError::Malformed)?;
        let challenge = Challenge::parse(server_first)?;
        let longer = challenge.nonce.len() > self.nonce.len();
        if !longer || !challenge.nonce.starts_with(&self.nonce) {
            return Err(ScramError::Nonce);
        }
        let algorithm = self.algorithm;
        let password = self.password.expose().as_bytes();
        let salted = algorithm.salted(password, &challenge.salt, challenge.iterations);
        let client_key = algorithm.hmac(&salted, b"Client Key");
        let stored_key = algorithm.digest(&client_key);
        let without_proof = format!("c={CHANNEL},r={}", challenge.nonce);
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = algorithm.hmac(&stored_key, signed.as_bytes());
        let proof: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(key, sign)| key ^ sign)
            .collect();
        Ok(Proof {
            message: format!("{without_proof},p={}", STANDARD.encode(proof)),
            algorithm,
            server_key: algorithm.hmac(&salted, b"Server Key"),
            signed,
        })
    }
}

impl Proof {
    /// Checks the server's last message.
    pub(crate) fn check(&self, server_final: &[u8]) -> Result<(), ScramError> {
        let text = std::str::from_utf8(server_final).map_err(|_| ScramError::Malformed)?;
        let first = text.split(',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(ScramError::Refused(error.chars().take(200).collect()));
        }
        let signature = first.strip_prefix("v=").ok_or(ScramError::Malformed)?;
        let signature = STANDARD
            .decode(signature)
            .map_err(|_| ScramError::Malformed)?;
        if self
            .algorithm
            .is_hmac(&self.server_key, self.signed.as_bytes(), &signature)
        {
            Ok(())
        } else {
            Err(ScramError::Signature)
        }
    }
}

#[derive(Debug)]
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> Challenge<'a> {
    /// Reads `r=NONCE,s=SALT,i=ITERATIONS`; extensions may follow, mandatory ones (`m=`) are none that is known.
    fn parse(text: &'a str) -> Result<Self, ScramError> {
        let mut parts = text.split(',');
        let mut part = |name: &str| {
            let part = parts.next().and_then(|part| part.strip_prefix(name));
            part.ok_or(ScramError::Malformed)
        };
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        let salt = STANDARD.decode(salt).map_err(|_| ScramError::Malformed)?;
        let iterations: u64 = iterations.parse().map_err(|_| ScramError::Malformed)?;
        let iterations = u32::try_from(iterations)
            .ok()
            .filter(|count| (ITERATIONS_MIN..=ITERATIONS_MAX).contains(count))
            .ok_or(ScramError::Iterations(iterations))?;
        if salt.is_empty() {
            return Err(ScramError::Malformed);
        }
        Ok(Self {
            nonce,
            salt,
            iterations,
        })
    }
}

/// One HMAC, which takes keys of any length.
macro_rules! mac {
    ($hash:ty, $key:expr, $text:expr) => {
        Hmac::<$hash>::new_from_slice($key)
            .map(|mac| mac.chain_update($text))
            .ok()
    };
}

impl Algorithm {
    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        let made = match self {
            Self::Sha256 => mac!(Sha256, key, text).map(|mac| mac.finalize().into_bytes().to_vec()),
            Self::Sha512 => mac!(Sha512, key, text).map(|mac| mac.finalize().into_bytes().to_vec()),
        };
        made.unwrap_or_default()
    }

    /// Compares in a time that does not tell where the first difference is.
    fn is_hmac(self, key: &[u8], text: &[u8], expected: &[u8]) -> bool {
        match self {
            Self::Sha256 => {
                mac!(Sha256, key, text).is_some_and(|mac| mac.verify_slice(expected).is_ok())
            }
            Self::Sha512 => {
                mac!(Sha512, key, text).is_some_and(|mac| mac.verify_slice(expected).is_ok())
            }
        }
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha256 => {
                let mut salted = vec![0; 32];
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted);
                salted
            }
            Self::Sha512 => {
                let mut salted = vec![0; 64];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted);
                salted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn rfc7677() -> Scram {
        let password = Secret::new("pencil");
        Scram::new(
            Algorithm::Sha256,
            "user",
            &password,
            false,
            NONCE.to_owned(),
        )
    }

    #[test]
    fn the_example_of_rfc_7677_holds() {
        let scram = rfc7677();
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let proof = scram.prove(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(
            proof.message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let good = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(proof.check(good.as_bytes()), Ok(()));
        assert_eq!(
            proof.check(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            Err(ScramError::Signature)
        );
        assert_eq!(proof.check(b"v="), Err(ScramError::Signature));
        assert_eq!(
            proof.check(b"e=other-error"),
            Err(ScramError::Refused("other-error".to_owned()))
        );
        assert_eq!(proof.check(b"\xff"), Err(ScramError::Malformed));
    }

    #[test]
    fn a_servers_first_message_is_checked() {
        let with = |from: &str, to: &str| SERVER_FIRST.replace(from, to);
        let table = [
            (with("i=4096", "i=4095"), ScramError::Iterations(4_095)),
            (with("i=4096", "i=100001"), ScramError::Iterations(100_001)),
            (
                with("i=4096", "i=4294967297"),
                ScramError::Iterations(4_294_967_297),
            ),
            (with("i=4096", "i=-1"), ScramError::Malformed),
            (with("r=rO", "r=xO"), ScramError::Nonce),
            (
                with("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", ""),
                ScramError::Nonce,
            ),
            (with("s=W22", "s=*22"), ScramError::Malformed),
            (
                with("s=W22ZaJ0SNY7soEsUEjb6gQ==", "s="),
                ScramError::Malformed,
            ),
            (format!("m=x,{SERVER_FIRST}"), ScramError::Malformed),
            (String::new(), ScramError::Malformed),
        ];
        for (message, expected) in table {
            assert_eq!(
                rfc7677().prove(message.as_bytes()).unwrap_err(),
                expected,
                "{message}"
            );
        }
        let extended = format!("{SERVER_FIRST},x=1");
        assert!(rfc7677().prove(extended.as_bytes()).is_ok());
    }

    #[test]
    fn names_are_escaped_and_tokens_are_told() {
        let scram = Scram::new(
            Algorithm::Sha512,
            "a=b,c",
            &Secret::new("p"),
            true,
            "n".to_owned(),
        );
        assert_eq!(scram.first(), "n,,n=a=3Db=2Cc,r=n,tokenauth=true");
    }
}
