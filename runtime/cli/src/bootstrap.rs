//! Asks, before a worker is built, whether a broker answers at `bootstrap.servers`. A client would retry for ever
//! without a word; a person at a terminal wants to know at once.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use millrace_client::{ClientError, Cluster, ClusterConfig};
use millrace_config::{Config as _, Properties};
use millrace_wire::{
    clock,
    link::{TcpDial, TcpOptions},
};
use tokio::{task::JoinSet, time};

use crate::plan::resolved;

/// Within this someone answers, or the start ends.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// The same where both sides have to prove who they are first, with several messages and work for both.
const PROOF_WITHIN: Duration = Duration::from_secs(15);

/// What says who the brokers are has a few hundred bytes a broker.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Waits for the first of the brokers that answers, for a worker whose configuration is in `place`.
///
/// # Errors
/// Nobody answers; the text names both remedies.
pub(crate) async fn check(properties: &Properties, place: &str) -> anyhow::Result<()> {
    let properties = resolved(properties).map_err(|wrong| anyhow!(wrong.join("\n  ")))?;
    let config = ClusterConfig::parse(&properties).with_context(|| place.to_owned())?;
    if let Err(reason) = answers(&config).await {
        let servers = config.bootstrap_servers.join(",");
        bail!(
            "no broker answers at bootstrap.servers={servers}: {reason}\n  \
             Start one there (`millrace broker`), or leave bootstrap.servers out of {place}: then the included broker \
             runs in this process."
        )
    }
    Ok(())
}

/// Waits for the first of the brokers that lets this client in and answers; says why none did.
pub(crate) async fn answers(config: &ClusterConfig) -> Result<(), String> {
    let mut asked = JoinSet::new();
    for server in &config.bootstrap_servers {
        asked.spawn(ask(ClusterConfig {
            bootstrap_servers: vec![server.clone()],
            ..config.clone()
        }));
    }
    let limit = match config.security.encrypts() || config.security.authenticates() {
        true => PROOF_WITHIN,
        false => ANSWER_WITHIN,
    };
    match time::timeout(limit, first(&mut asked)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(format!("{reason:#}")),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

/// The first success, or the last failure.
async fn first(asked: &mut JoinSet<Result<(), ClientError>>) -> anyhow::Result<()> {
    let mut reason = anyhow!("no server is named");
    while let Some(outcome) = asked.join_next().await {
        match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(ClientError::NoBroker { last, .. })) => reason = anyhow!(last),
            Ok(Err(error)) => reason = error.into(),
            Err(error) => reason = error.into(),
        }
    }
    Err(reason)
}

async fn ask(config: ClusterConfig) -> Result<(), ClientError> {
    let dial = TcpDial::new(TcpOptions {
        connect_timeout: ANSWER_WITHIN,
        max_answer_bytes: ANSWER_BYTES_MAX,
    });
    let cluster = Cluster::new(config, Arc::new(dial), clock::system());
    cluster.refresh(&[]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use millrace_config::Properties;

    use super::check;

    fn at(address: &str) -> Properties {
        [("bootstrap.servers".to_owned(), address.to_owned())].into()
    }

    #[tokio::test]
    async fn nobody_there_names_both_remedies() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = check(&at(&address), "worker.properties")
            .await
            .unwrap_err()
            .to_string();
        for part in [
            address.as_str(),
            "`millrace broker`",
            "leave bootstrap.servers out of worker.properties",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_speaks_something_else_is_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.writable().await.unwrap();
            stream
                .try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .unwrap();
        });
        let error = check(&at(&address), "w").await.unwrap_err().to_string();
        assert!(error.contains(&address), "{error}");
    }
}
