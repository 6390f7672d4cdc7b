//! Saying who the client is, on a new connection and again before the broker's patience ends (KIP-152, KIP-368).
//!
//! A broker that lets a session live for some time only closes the connection at the first request after it. So once
//! most of that time is over, the next request waits until the client has shown anew who it is, on the same connection:
//! requests sent before are answered before, and none goes to a place of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
};
use rustls::crypto::ring;
use tokio::sync::{RwLock, RwLockReadGuard};

use super::Connection;
use crate::backoff::random_unit;
use crate::error::ClientError;
use crate::security::scram::{Scram, ScramError};
use crate::security::{Credentials, Mechanism};

/// Before it, tokens were not framed as requests; brokers have had it since 1.0.
const HANDSHAKE_MIN: i16 = 1;
const NONCE_BYTES: usize = 24;
const NEVER: u64 = u64::MAX;
/// Brokers refuse to hear again sooner.
const RENEW_AFTER_MIN_MS: f64 = 1_000.0;

/// A client's standing with a broker.
#[derive(Debug)]
pub(super) struct Session {
    credentials: Credentials,
    /// Requests hold it to be sent; whoever renews the session holds it alone.
    gate: RwLock<()>,
    /// On the monotonic clock, in milliseconds.
    renew_at: AtomicU64,
}

impl Session {
    /// Shows who the client is on a connection that was just opened.
    pub(super) async fn begin(
        connection: &Connection,
        credentials: &Credentials,
    ) -> Result<Self, ClientError> {
        let session = Self {
            credentials: credentials.clone(),
            gate: RwLock::new(()),
            renew_at: AtomicU64::new(NEVER),
        };
        session.authenticate(connection).await?;
        Ok(session)
    }

    /// Waits for the right to send a request, which is to be sent while the guard is held.
    pub(super) async fn turn(
        &self,
        connection: &Connection,
    ) -> Result<RwLockReadGuard<'_, ()>, ClientError> {
        if self.is_due(connection) {
            let alone = self.gate.write().await;
            if self.is_due(connection) {
                log::debug!("authenticating again with {}", connection.address());
                self.authenticate(connection)
                    .await
                    .inspect_err(|_| connection.close())?;
            }
            return Ok(alone.downgrade());
        }
        Ok(self.gate.read().await)
    }

    fn is_due(&self, connection: &Connection) -> bool {
        now(connection) >= self.renew_at.load(Ordering::Acquire)
    }

    async fn authenticate(&self, connection: &Connection) -> Result<(), ClientError> {
        let began = now(connection);
        handshake(connection, self.credentials.mechanism).await?;
        let last = match self.credentials.mechanism {
            Mechanism::Plain => self.plain(connection).await?,
            Mechanism::Scram(_) => self.scram(connection).await?,
        };
        let renew_at =
            renewal(last.session_lifetime_ms).map_or(NEVER, |after| began.saturating_add(after));
        self.renew_at.store(renew_at, Ordering::Release);
        Ok(())
    }

    async fn plain(
        &self,
        connection: &Connection,
    ) -> Result<SaslAuthenticateResponse, ClientError> {
        let Credentials { user, password, .. } = &self.credentials;
        let token = format!("\0{user}\0{}", password.expose());
        self.say(connection, token).await
    }

    async fn scram(
        &self,
        connection: &Connection,
    ) -> Result<SaslAuthenticateResponse, ClientError> {
        let Credentials {
            mechanism,
            user,
            password,
            token,
        } = &self.credentials;
        let Mechanism::Scram(algorithm) = *mechanism else {
            return self.plain(connection).await;
        };
        let nonce = nonce().ok_or_else(|| failed(connection, "there are no random numbers"))?;
        let scram = Scram::new(algorithm, user, password, *token, nonce);
        let challenge = self.say(connection, scram.first()).await?;
        let amiss = |error: ScramError| {
            failed(
                connection,
                &format!("the broker's part of {mechanism} is wrong: {error}"),
            )
        };
        let proof = tokio::task::spawn_blocking(move || scram.prove(&challenge.auth_bytes)).await;
        let proof = proof
            .map_err(|error| failed(connection, &error.to_string()))?
            .map_err(amiss)?;
        let last = self.say(connection, proof.message.clone()).await?;
        proof.check(&last.auth_bytes).map_err(amiss)?;
        Ok(last)
    }

    /// Sends a message of the mechanism.
    async fn say(
        &self,
        connection: &Connection,
        token: String,
    ) -> Result<SaslAuthenticateResponse, ClientError> {
        let request = SaslAuthenticateRequest {
            auth_bytes: Bytes::from(token),
        };
        let answer = connection.call_alone(&request).await?;
        if answer.error_code.is_ok() {
            return Ok(answer);
        }
        let Credentials {
            mechanism, user, ..
        } = &self.credentials;
        let said = answer
            .error_message
            .unwrap_or_else(|| answer.error_code.to_string());
        Err(failed(
            connection,
            &format!("it does not take user {user} by {mechanism}: {said}; see sasl.jaas.config"),
        ))
    }
}

async fn handshake(connection: &Connection, mechanism: Mechanism) -> Result<(), ClientError> {
    connection.version_from::<SaslHandshakeRequest>(HANDSHAKE_MIN)?;
    let request = SaslHandshakeRequest {
        mechanism: mechanism.to_string(),
    };
    let answer = connection.call_alone(&request).await?;
    let reason = match answer.error_code {
        code if code.is_ok() => return Ok(()),
        ErrorCode::UNSUPPORTED_SASL_MECHANISM => format!(
            "it does not offer {mechanism}, but {}; see sasl.mechanism",
            match answer.mechanisms.as_slice() {
                [] => "nothing".to_owned(),
                offered => offered.join(", "),
            }
        ),
        ErrorCode::ILLEGAL_SASL_STATE => {
            "that listener does not ask clients who they are; use one that does, or set security.protocol to \
             PLAINTEXT or SSL"
                .to_owned()
        }
        code => code.to_string(),
    };
    Err(failed(connection, &reason))
}

fn failed(connection: &Connection, reason: &str) -> ClientError {
    ClientError::Authentication {
        address: connection.address().to_owned(),
        reason: reason.to_owned(),
    }
}

/// After how many milliseconds of a session it is renewed: after most of it, not for all connections at once.
fn renewal(lifetime_ms: i64) -> Option<u64> {
    let lifetime = (lifetime_ms > 0).then_some(lifetime_ms as f64)?;
    let after = lifetime * (0.85 + 0.1 * random_unit());
    Some(after.max(RENEW_AFTER_MIN_MS) as u64)
}

fn nonce() -> Option<String> {
    let mut bytes = [0; NONCE_BYTES];
    ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn now(connection: &Connection) -> u64 {
    let now: Duration = connection.settings.clock.monotonic();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_renewed_after_most_of_their_time() {
        assert_eq!(renewal(0), None);
        assert_eq!(renewal(-1), None);
        for _ in 0..100 {
            let after = renewal(100_000).unwrap();
            assert!((85_000..=95_000).contains(&after), "{after}");
        }
        assert_eq!(renewal(10), Some(1_000));
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(nonce().unwrap(), nonce().unwrap());
    }
}
