//! A client's protection at work: certificates are loaded for the first connection, and again when their files change.

use std::sync::Arc;

use millrace_wire::link::{Dial, Link};
use tokio::sync::Mutex;

use super::tls::{SecurityError, Stamp, TlsSettings};
use super::{Credentials, Security};
use crate::error::ClientError;

/// How the connections of a cluster are protected.
#[derive(Debug, Default)]
pub struct Protection {
    security: Security,
    loaded: Mutex<Option<Loaded>>,
}

#[derive(Debug, Clone)]
struct Loaded {
    stamps: Vec<Stamp>,
    tls: millrace_wire::link::Tls,
}

impl Protection {
    /// By these settings.
    #[must_use]
    pub fn new(security: Security) -> Self {
        Self {
            security,
            loaded: Mutex::default(),
        }
    }

    /// What the client says of itself.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.security.sasl.as_ref()
    }

    /// The settings.
    pub(crate) fn security(&self) -> &Security {
        &self.security
    }

    /// Opens a link, encrypted if it is to be.
    pub(crate) async fn dial(
        &self,
        dial: &dyn Dial,
        host: &str,
        port: u16,
    ) -> Result<Arc<dyn Link>, ClientError> {
        match &self.security.tls {
            Some(settings) if !dial.is_in_memory() => {
                let tls = self.tls(settings).await?;
                Ok(dial.dial_tls(host, port, &tls).await?)
            }
            _ => Ok(dial.dial(host, port).await?),
        }
    }

    async fn tls(&self, settings: &TlsSettings) -> Result<millrace_wire::link::Tls, SecurityError> {
        let mut loaded = self.loaded.lock().await;
        let (settings, before) = (settings.clone(), loaded.clone());
        let now = tokio::task::spawn_blocking(move || refreshed(&settings, before)).await;
        let now = now.map_err(|error| SecurityError::Setup(error.to_string()))??;
        let tls = now.tls.clone();
        *loaded = Some(now);
        Ok(tls)
    }
}

/// What was loaded before, if it is still what the files hold. Files that cannot be used at the moment, for they are
/// just being replaced, leave what there is.
fn refreshed(settings: &TlsSettings, before: Option<Loaded>) -> Result<Loaded, SecurityError> {
    let stamps = settings.stamps();
    match before {
        Some(before) if before.stamps == stamps => Ok(before),
        Some(before) => Ok(settings.load().map_or_else(
            |error| {
                log::warn!("going on with the certificates read before: {error}");
                before
            },
            |tls| Loaded { stamps, tls },
        )),
        None => settings.load().map(|tls| Loaded { stamps, tls }),
    }
}
