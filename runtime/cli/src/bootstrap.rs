//! Asks, before a worker is built, whether a broker answers at `bootstrap.servers`. A client would retry for ever
//! without a word; a person at a terminal wants to know at once.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use millrace_wire::{
    link::{Dial, Reply, TcpDial, TcpOptions},
    messages::{self, ApiVersionsRequest},
};
use tokio::{task::JoinSet, time};

/// Within this someone answers, or the start ends.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// An ApiVersions answer has a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Waits for the first of `servers` that answers, for a worker whose configuration is in `place`.
///
/// # Errors
/// Nobody answers; the text names both remedies.
pub(crate) async fn check(servers: &str, place: &str) -> anyhow::Result<()> {
    if let Err(reason) = answers(servers).await {
        bail!(
            "no broker answers at bootstrap.servers={servers}: {reason}\n  \
             Start one there (`millrace broker`), or leave bootstrap.servers out of {place}: then the included broker \
             runs in this process."
        )
    }
    Ok(())
}

/// Waits for the first of `servers` (`host:port`, comma-separated) that answers an ApiVersions request; says why
/// none did.
pub(crate) async fn answers(servers: &str) -> Result<(), String> {
    let dial = Arc::new(TcpDial::new(TcpOptions {
        connect_timeout: ANSWER_WITHIN,
        max_answer_bytes: ANSWER_BYTES_MAX,
    }));
    let mut asked = JoinSet::new();
    for server in servers
        .split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
    {
        asked.spawn(ask(dial.clone(), server.to_owned()));
    }
    match time::timeout(ANSWER_WITHIN, first(&mut asked)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(format!("{reason:#}")),
        Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}

/// The first success, or the last failure.
async fn first(asked: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut reason = anyhow!("no server is named");
    while let Some(outcome) = asked.join_next().await {
        match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => reason = error,
            Err(error) => reason = error.into(),
        }
    }
    Err(reason)
}

async fn ask(dial: Arc<TcpDial>, server: String) -> anyhow::Result<()> {
    let (host, port) = server
        .rsplit_once(':')
        .with_context(|| format!("{server} is not host:port"))?;
    let port = port
        .parse()
        .with_context(|| format!("{server} is not host:port"))?;
    let link = dial.dial(host, port).await?;
    let request = messages::encode_request(0, Some("millrace"), 0, &ApiVersionsRequest::default())?;
    let answer = link
        .call(request, Reply::Expected)
        .await?
        .with_context(|| format!("{server} sent no answer"))?;
    messages::decode_response::<ApiVersionsRequest>(0, answer)
        .with_context(|| format!("what answers at {server} does not speak the Kafka protocol"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[tokio::test]
    async fn nobody_there_names_both_remedies() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = check(&address, "worker.properties")
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
        let error = check(&address, "w").await.unwrap_err().to_string();
        assert!(error.contains(&address), "{error}");
    }
}
