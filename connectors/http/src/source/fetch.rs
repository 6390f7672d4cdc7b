//! Sends one request and says what its answer means.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use reqwest::{Request, StatusCode, Url};

use super::config::{Pagination, SourceConfig};
use super::link;
use super::page::{Page, Reading};
use super::position::Validators;
use crate::charset::Charset;
use crate::client::HttpClient;
use crate::retry::{Statuses, retry_after};

/// Bodies that are larger are read off the runtime's threads.
const READ_IN_PLACE_MAX: usize = 64 * 1024;

/// What an answer means.
#[derive(Debug)]
pub(super) enum Fetched {
    Page(Page, Validators),
    /// The page is what it was (304).
    Unchanged,
    /// It may help to ask again, where the server says so after this time.
    Retry(String, Option<Duration>),
    /// It will not.
    Refused(String),
}

/// Asks for pages.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: HttpClient,
    reading: Arc<Reading>,
    kind: Pagination,
    retried: Statuses,
    bytes_max: usize,
}

impl Fetcher {
    /// # Errors
    /// What is wrong with the statuses.
    pub(super) fn new(client: HttpClient, config: &SourceConfig) -> Result<Self, String> {
        Ok(Self {
            client,
            reading: Arc::new(Reading::new(config)),
            kind: config.pagination,
            retried: Statuses::read(&config.retry_statuses)?,
            bytes_max: usize::try_from(config.response_bytes_max).unwrap_or(usize::MAX),
        })
    }

    /// Sends a request. Dropped half way, nothing has happened.
    pub(super) async fn fetch(&self, request: Request) -> Fetched {
        let url = request.url().clone();
        let answer = match self.client.send(request, self.bytes_max).await {
            Ok(answer) => answer,
            Err(error) if error.is_retriable() => return Fetched::Retry(error.to_string(), None),
            Err(error) => return Fetched::Refused(error.to_string()),
        };
        let status = answer.status;
        if status == StatusCode::NOT_MODIFIED {
            return Fetched::Unchanged;
        }
        if self.retried.contains(status.as_u16()) {
            let why = format!("the server answered {status}: {}", answer.excerpt());
            return Fetched::Retry(why, retry_after(&answer.headers));
        }
        if !status.is_success() {
            return Fetched::Refused(format!(
                "the server answered {status}: {}",
                answer.excerpt()
            ));
        }
        if !answer.whole && answer.body.len() >= self.bytes_max {
            return Fetched::Refused(format!(
                "the answer is larger than response.bytes.max={}; ask for smaller pages",
                self.bytes_max
            ));
        }
        if !answer.whole {
            return Fetched::Retry(
                "the answer broke off or did not end in time".to_owned(),
                None,
            );
        }
        let read = self.read(&answer.headers, answer.body).await;
        let page = read.and_then(|page| self.with_next(page, &url, &answer.headers));
        match page {
            Ok(page) => Fetched::Page(page, validators(&url, &answer.headers)),
            Err(why) => Fetched::Refused(why),
        }
    }

    async fn read(&self, headers: &HeaderMap, body: bytes::Bytes) -> Result<Page, String> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let charset = Charset::of(content_type)
            .map_err(|label| format!("the answer's character set {label} is not known"))?;
        if body.len() <= READ_IN_PLACE_MAX {
            return self.reading.read(charset.decode(body));
        }
        let reading = Arc::clone(&self.reading);
        let read = tokio::task::spawn_blocking(move || reading.read(charset.decode(body)));
        read.await.map_err(|error| error.to_string())?
    }

    /// The page with the next one's URL or cursor, as the pagination finds it.
    fn with_next(&self, page: Page, url: &Url, headers: &HeaderMap) -> Result<Page, String> {
        let next = match self.kind {
            Pagination::LinkHeader => link::next(headers),
            _ => page.next,
        };
        let next = match (self.kind, next) {
            (Pagination::LinkHeader | Pagination::NextLink, Some(target)) if !target.is_empty() => {
                Some(resolved(url, &target)?)
            }
            (_, next) => next,
        };
        Ok(Page { next, ..page })
    }
}

/// The URL of a link. It must not lead to where credentials should not go.
fn resolved(base: &Url, target: &str) -> Result<String, String> {
    let url = base
        .join(target)
        .map_err(|error| format!("the next page's link '{target}' is no URL: {error}"))?;
    let is_near = url.host_str() == base.host_str()
        && url.port_or_known_default() == base.port_or_known_default()
        && url.scheme() == base.scheme();
    match is_near {
        true => Ok(url.into()),
        false => Err(format!(
            "the next page's link leads to {}, away from {}, and is not followed",
            url.origin().ascii_serialization(),
            base.origin().ascii_serialization()
        )),
    }
}

fn validators(url: &Url, headers: &HeaderMap) -> Validators {
    let text = |name: HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Validators {
        url: url.to_string(),
        etag: text(ETAG),
        modified: text(LAST_MODIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_on_their_server() {
        let base = Url::parse("https://x.org/a/items?page=1").unwrap();
        for (target, expected) in [
            ("?page=2", Some("https://x.org/a/items?page=2")),
            ("/b", Some("https://x.org/b")),
            ("https://x.org:443/c", Some("https://x.org/c")),
            ("http://x.org/c", None),
            ("https://evil.org/c", None),
            ("//evil.org/c", None),
        ] {
            assert_eq!(
                resolved(&base, target).ok().as_deref(),
                expected,
                "{target}"
            );
        }
    }
}
