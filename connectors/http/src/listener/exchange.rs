//! One request, from its headers to its answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use millrace_api::{EncodedHeaders, Span, encode_header};
use millrace_listen::topics::Allowed;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer, Refusal};
use super::arrival;
use super::config::ListenerConfig;
use super::content::{self, Content};
use super::credentials::Credentials;
use super::gate::{Gate, Late, RECORD_BYTES};
use super::pending::{Open, Outcome, Pending};
use super::queue::{Queue, Submission};
use super::record::{Entry, Parcel, Part, part};
use super::rest_proxy::{self, Embedded};
use super::seen::{Claim, Known, Seen};
use super::signature::Signatures;
use super::template::{Facts, Template};
use crate::clock::now_ms;
use crate::form::ValueForm;

/// Where load balancers ask whether the listener takes records.
const HEALTH: &str = "/health";

/// All that requests share.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) gate: Arc<Gate>,
    pub(super) queue: Queue,
    seen: Option<(String, Arc<Seen>)>,
    credentials: Credentials,
    signatures: Signatures,
    path: String,
    methods: Vec<Method>,
    topic: Option<Template>,
    allowed: Allowed,
    key: Option<Template>,
    headers: Vec<String>,
    form: ValueForm,
    content: content::Reading,
    proxy: Option<rest_proxy::Reading>,
    body_bytes_max: usize,
    slow_client_timeout: Duration,
    acknowledge_timeout: Duration,
    retry_after: i32,
    /// Cancelled when the listener stops: nobody hears of acknowledgements any more.
    pub(super) stopping: CancellationToken,
}

/// What a request is to be answered with once its records are stored.
enum Taken {
    Hook,
    Produce,
}

impl Site {
    /// # Errors
    /// What is wrong with a template.
    pub(super) fn new(config: &ListenerConfig, gate: Arc<Gate>) -> Result<Self, String> {
        let template = |text: &Option<String>| text.as_deref().map(Template::read).transpose();
        let topic = template(&config.topic)?;
        let records_max = usize::try_from(config.records_max).unwrap_or(1);
        let window = usize::try_from(config.id_window).unwrap_or(1);
        let seen = config
            .id_header
            .as_ref()
            .map(|name| (name.to_ascii_lowercase(), Arc::new(Seen::new(window))));
        let methods = config.methods.iter().map(|name| name.to_ascii_uppercase());
        Ok(Self {
            gate,
            queue: Queue::default(),
            seen,
            credentials: Credentials::new(config),
            signatures: Signatures::new(config),
            path: config.path.clone(),
            methods: methods
                .filter_map(|name| Method::from_bytes(name.as_bytes()).ok())
                .collect(),
            allowed: Allowed::new(
                &config.topics_allowed,
                topic.as_ref().and_then(Template::literal),
            ),
            topic,
            key: template(&config.key)?,
            headers: config
                .headers
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            form: config.value_form,
            content: content::Reading {
                format: config.format,
                arrays: config.json_arrays,
                records_max,
            },
            proxy: config.rest_proxy.then_some(rest_proxy::Reading {
                form: config.value_form,
                partitions: config.rest_proxy_partitions,
                records_max,
            }),
            body_bytes_max: usize::try_from(config.body_bytes_max).unwrap_or(1),
            slow_client_timeout: config.slow_client_timeout(),
            acknowledge_timeout: config.acknowledge_timeout(),
            retry_after: config.retry_after_seconds,
            stopping: CancellationToken::new(),
        })
    }

    /// Answers a request that `remote` sent.
    pub(super) async fn answer(
        self: Arc<Self>,
        remote: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Answer, Infallible> {
        let (parts, body) = request.into_parts();
        let answer = self.exchange(remote, &parts, body).await;
        Ok(answer.unwrap_or_else(|refusal| {
            log::debug!(
                "{} {} of {remote} is refused with {}: {}",
                parts.method,
                parts.uri.path(),
                refusal.status,
                refusal.message
            );
            refusal.answer(self.retry_after)
        }))
    }

    async fn exchange(
        &self,
        remote: SocketAddr,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Answer, Refusal> {
        if parts.method == Method::GET && parts.uri.path() == HEALTH {
            return self.gate.check().map(|()| answer::healthy());
        }
        let (target, _request) = match self.admit(parts) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                arrival::drain(body).await;
                return Err(refusal);
            }
        };
        let arrived = arrival::read(
            &parts.headers,
            body,
            self.body_bytes_max,
            self.slow_client_timeout,
            &self.gate,
        )
        .await?;
        self.signatures
            .check(&parts.headers, &arrived.sent, now_ms())
            .map_err(|why| Refusal::new(StatusCode::UNAUTHORIZED, why))?;
        let claim = match self.claim(&parts.headers)? {
            Some(Known::Stored) => return Ok(answer::stored_before()),
            Some(Known::Underway) => {
                let why = "a request with this id is on its way";
                return Err(Refusal::later(StatusCode::CONFLICT, why));
            }
            Some(Known::New(claim)) => Some(claim),
            None => None,
        };
        let headers = self.record_headers(remote, parts);
        let (parcel, taken) = match target {
            Target::Hook => (self.hook(parts, &headers, arrived.body)?, Taken::Hook),
            Target::Produce(reading, topic, partition, embedded) => {
                let target = (topic.into(), partition);
                let parcel = reading.read(embedded, target, &headers, &arrived.body)?;
                (parcel, Taken::Produce)
            }
        };
        let outcome = self.store(parcel, &taken, arrived.room, claim).await?;
        Ok(match taken {
            Taken::Hook => answer::stored(&outcome),
            Taken::Produce => answer::produced(&outcome),
        })
    }

    /// All that can be said before the body is read.
    fn admit(&self, parts: &Parts) -> Result<(Target, OwnedSemaphorePermit), Refusal> {
        let target = self.target(parts)?;
        self.credentials
            .check(&parts.headers)
            .map_err(|challenge| Refusal {
                challenge: Some(challenge),
                ..Refusal::new(
                    StatusCode::UNAUTHORIZED,
                    "the credentials are missing or wrong",
                )
            })?;
        self.gate.check()?;
        Ok((target, self.gate.enter()?))
    }

    /// What the method and the path ask for.
    fn target(&self, parts: &Parts) -> Result<Target, Refusal> {
        let path = parts.uri.path();
        if let Some(proxy) = self.proxy
            && let Some((topic, partition)) = rest_proxy::target(path)
        {
            if parts.method != Method::POST {
                return Err(not_allowed("POST".to_owned()));
            }
            if !self.allowed.contains(&topic) {
                return Err(Refusal {
                    code: Some(40401),
                    ..Refusal::new(StatusCode::NOT_FOUND, "the topic is none of topics.allowed")
                });
            }
            let embedded = Embedded::of(content_type(&parts.headers))?;
            return Ok(Target::Produce(proxy, topic, partition, embedded));
        }
        let fits = match self.path.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == self.path,
        };
        if !fits || self.topic.is_none() {
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "nothing is taken at this path",
            ));
        }
        if !self.methods.contains(&parts.method) {
            let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
            return Err(not_allowed(methods.join(", ")));
        }
        Ok(Target::Hook)
    }

    fn claim(&self, headers: &HeaderMap) -> Result<Option<Known>, Refusal> {
        let Some((name, seen)) = &self.seen else {
            return Ok(None);
        };
        let id = headers.get(name).filter(|id| !id.is_empty());
        Ok(id.map(|id| seen.arrives(id.as_bytes())))
    }

    /// The records of a webhook.
    fn hook(&self, parts: &Parts, headers: &[u8], body: bytes::Bytes) -> Result<Parcel, Refusal> {
        let content = self.content.read(content_type(&parts.headers), body)?;
        let Content {
            block,
            spans,
            is_json,
        } = content;
        // With value.form=parsed, lines that are announced as JSON are read as JSON.
        let media = content_type(&parts.headers).unwrap_or_default();
        let is_json = is_json || media.to_ascii_lowercase().contains("json");
        let facts = Facts {
            path: parts.uri.path(),
            query: parts.uri.query(),
            headers: &parts.headers,
        };
        let mut router = Router::new(self, &facts, headers);
        let mut entries = Vec::with_capacity(spans.len());
        for (index, range) in spans.into_iter().enumerate() {
            let wrong = |why: String| Refusal::bad(format!("record {index}: {why}"));
            let bytes = &block[range.clone()];
            let span = Span {
                block: 0,
                start: range.start as u32,
                len: range.len() as u32,
            };
            entries.push(Entry {
                value: part(self.form, is_json, bytes, span).map_err(wrong)?,
                ..router.route(bytes).map_err(wrong)?
            });
        }
        Ok(Parcel {
            blocks: vec![block, router.made.into()],
            entries,
        })
    }

    /// The headers that each record of a request gets, encoded.
    fn record_headers(&self, remote: SocketAddr, parts: &Parts) -> Vec<u8> {
        let mut chosen: Vec<(String, Vec<u8>)> = Vec::new();
        for wanted in &self.headers {
            match (wanted.as_str(), wanted.strip_suffix('*')) {
                (":method", _) => {
                    chosen.push(("http.method".to_owned(), parts.method.as_str().into()));
                }
                (":path", _) => chosen.push(("http.path".to_owned(), parts.uri.path().into())),
                (":query", _) => {
                    let query = parts.uri.query().unwrap_or_default();
                    chosen.push(("http.query".to_owned(), query.into()));
                }
                (":remote", _) => {
                    chosen.push(("http.remote".to_owned(), remote.ip().to_string().into()));
                }
                (name, beginning) => {
                    let fits = |header: &str| match beginning {
                        Some(beginning) => header.starts_with(beginning),
                        None => header == name,
                    };
                    let found = parts
                        .headers
                        .iter()
                        .filter(|(header, _)| fits(header.as_str()));
                    chosen.extend(found.map(|(header, value)| {
                        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                        (header.as_str().to_owned(), value.into_bytes())
                    }));
                }
            }
        }
        let mut section = Vec::new();
        if !chosen.is_empty() {
            EncodedHeaders::begin(&mut section, chosen.len());
        }
        for (name, value) in chosen {
            encode_header(&mut section, name.as_bytes(), Some(&value));
        }
        section
    }

    /// Hands records to the task and waits until the broker has acknowledged all of them.
    async fn store(
        &self,
        parcel: Parcel,
        taken: &Taken,
        mut room: OwnedSemaphorePermit,
        claim: Option<Claim>,
    ) -> Result<Outcome, Refusal> {
        let records = parcel.entries.len();
        room.merge(self.gate.reserve(records * RECORD_BYTES)?);
        if records == 0 {
            return Ok(Outcome {
                stored: 0,
                places: Vec::new(),
            });
        }
        let (answer, answered) = oneshot::channel();
        let late = Arc::new(Late::new(Arc::clone(&self.gate)));
        let places = match taken {
            Taken::Hook => Vec::new(),
            Taken::Produce => vec![None; records],
        };
        self.queue.push(Submission {
            parcel,
            pending: Pending::new(Open {
                answer,
                left: records,
                stored: 0,
                places,
                room,
                claim,
                _late: Arc::clone(&late),
            }),
        });
        // A pause that came after the gate was passed has not seen this one.
        if self.gate.is_paused() {
            self.queue.clear();
        }
        let interrupted =
            || Refusal::unavailable("the listener was paused or stopped before all was stored");
        tokio::select! {
            biased;
            answered = answered => answered.map_err(|_| interrupted()),
            () = self.stopping.cancelled() => Err(interrupted()),
            () = tokio::time::sleep(self.acknowledge_timeout) => {
                late.give_up();
                Err(Refusal::unavailable("the broker has not answered in time"))
            }
        }
    }
}

/// What a request asks for.
enum Target {
    Hook,
    Produce(rest_proxy::Reading, String, Option<String>, Embedded),
}

fn not_allowed(methods: String) -> Refusal {
    Refusal {
        allow: Some(methods),
        ..Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this method brings no records",
        )
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

/// Finds topic and key of each record of a request. What it makes is block 1 of the parcel: headers, then keys.
struct Router<'a> {
    site: &'a Site,
    facts: &'a Facts<'a>,
    headers: Span,
    made: Vec<u8>,
    /// The topic that records before went to.
    topic: Option<Arc<str>>,
    reads_body: bool,
}

impl<'a> Router<'a> {
    fn new(site: &'a Site, facts: &'a Facts<'a>, headers: &[u8]) -> Self {
        let templates = [&site.topic, &site.key];
        Self {
            site,
            facts,
            headers: Span {
                block: 1,
                start: 0,
                len: headers.len() as u32,
            },
            made: headers.to_vec(),
            topic: None,
            reads_body: templates.into_iter().flatten().any(Template::reads_body),
        }
    }

    /// A record without its value.
    fn route(&mut self, record: &[u8]) -> Result<Entry, String> {
        let parsed = match self.reads_body {
            true => Some(serde_json::from_slice(record).map_err(|error| error.to_string())?),
            false => None,
        };
        let template = self.site.topic.as_ref().ok_or("there is no topic")?;
        let topic = template
            .fill(self.facts, parsed.as_ref())
            .ok_or("it does not say to which topic it goes")?;
        let topic = match &self.topic {
            Some(known) if **known == *topic => Arc::clone(known),
            _ if self.site.allowed.contains(&topic) => Arc::from(topic),
            _ => return Err(format!("the topic '{topic}' is none of topics.allowed")),
        };
        self.topic = Some(Arc::clone(&topic));
        let key = self.site.key.as_ref();
        let key = match key.and_then(|key| key.fill(self.facts, parsed.as_ref())) {
            None => Part::Null,
            Some(key) => {
                let span = Span {
                    block: 1,
                    start: self.made.len() as u32,
                    len: key.len() as u32,
                };
                self.made.extend_from_slice(key.as_bytes());
                part(self.site.form, false, key.as_bytes(), span)?
            }
        };
        Ok(Entry {
            topic,
            partition: None,
            key,
            value: Part::Null,
            headers: self.headers,
        })
    }
}
