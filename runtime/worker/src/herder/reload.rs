//! Values of config providers in a connector's configuration: they are looked up whenever the configuration is used,
//! and again when they expire; a connector whose values have changed is then restarted, as `config.action.reload`
//! says.

use std::sync::Arc;

use millrace_api::{ConnectError, Properties};
use tokio::time::sleep;

use super::error::HerderError;
use super::running::{Connector, Live};
use crate::causes::chain;
use crate::providers::Resolved;
use crate::task::TargetState;

impl Connector {
    /// The configuration with its nulls left out and values in the place of references.
    ///
    /// # Errors
    /// When a config provider fails.
    pub(super) async fn resolved(&self) -> Result<Resolved, ConnectError> {
        let resolved = self.resolve(&self.config()).await?;
        self.keep_secret(&resolved);
        Ok(resolved)
    }

    /// Some configuration of this connector with values in the place of references.
    ///
    /// # Errors
    /// As [`Connector::resolved`].
    pub(super) async fn resolve(&self, properties: &Properties) -> Result<Resolved, ConnectError> {
        let resolved = self.shared.providers.resolve(properties).await;
        resolved.map_err(|error| {
            ConnectError::config(format!(
                "cannot resolve the configuration of connector {}: {}",
                self.name,
                chain(&error)
            ))
        })
    }

    /// The same for the run that begins: the worker watches how long these values hold.
    ///
    /// # Errors
    /// As [`Connector::resolved`]; the connector is then FAILED.
    pub(super) async fn renew(&self, live: &mut Live) -> Result<Resolved, HerderError> {
        match self.resolved().await {
            Ok(resolved) => {
                live.resolved = Some(resolved.properties.clone());
                self.ttl.send_replace(resolved.ttl);
                Ok(resolved)
            }
            Err(error) => {
                self.fail(&error);
                Err(HerderError::internal(error.to_string()))
            }
        }
    }

    /// Looks values up again when they expire, until the connector is deleted.
    pub(super) fn watch_values(self: &Arc<Self>) {
        let (weak, mut ttl) = (Arc::downgrade(self), self.ttl.subscribe());
        tokio::spawn(async move {
            loop {
                let current = *ttl.borrow_and_update();
                let expired = async {
                    match current {
                        Some(ttl) => sleep(ttl).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    changed = ttl.changed() => match changed {
                        Ok(()) => continue,
                        Err(_deleted) => return,
                    },
                    () = expired => {}
                }
                let Some(connector) = weak.upgrade() else {
                    return;
                };
                let Ok(mut live) = connector.lock().await else {
                    return;
                };
                connector.reload(&mut live).await;
            }
        });
    }

    /// Values have expired: restarts the connector and its tasks if they are others now.
    async fn reload(&self, live: &mut Live) {
        let is_started = self.wanted(|wanted| wanted.target) == TargetState::Started;
        if !is_started || live.resolved.is_none() {
            return;
        }
        let resolved = match self.resolved().await {
            Ok(resolved) => resolved,
            Err(error) => {
                log::error!("{error}; the connector goes on with the values that it has");
                return;
            }
        };
        if live.resolved.as_ref() == Some(&resolved.properties) {
            return;
        }
        let action = resolved.properties.get("config.action.reload");
        if action.is_some_and(|action| action.trim() == "none") {
            log::warn!(
                "connector {}: values of config providers have changed; config.action.reload is none, so they count from the next restart on",
                self.name
            );
            live.resolved = Some(resolved.properties);
            return;
        }
        log::info!(
            "connector {} restarts: values of config providers have changed",
            self.name
        );
        live.tasks.stop_all(self).await;
        if let Err(error) = self.launch(live).await {
            log::error!("connector {} does not restart: {error}", self.name);
        }
    }
}
