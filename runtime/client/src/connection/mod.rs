//! A connection to one broker: a link, the versions both sides speak, and requests with answers.

mod sasl;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use millrace_wire::clock::Clock;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply};
use millrace_wire::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, Request, Throttling, decode_response,
    encode_request,
};
use tokio::task::AbortHandle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use self::sasl::Session;
use self::usage::Usage;
use crate::error::ClientError;
use crate::security::Protection;

type CallResult = Result<Option<Bytes>, LinkError>;

const SOFTWARE_NAME: &str = "millrace";
const SOFTWARE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Brokers before 2.4 do not read the flexible form.
const FALLBACK_API_VERSIONS: i16 = 0;

/// What a connection tells the broker and how long it waits.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// The client's name for itself.
    pub client_id: Arc<str>,
    /// How long a request may wait for its answer.
    pub request_timeout: Duration,
    /// After how long without a request it is closed; none for never.
    pub max_idle: Option<Duration>,
    /// What the time is read from.
    pub clock: Arc<dyn Clock>,
    /// How it is encrypted, and who the client is.
    pub protection: Arc<Protection>,
}

/// An open connection.
///
/// A broker works on one request of a connection at a time: what follows a long poll waits for it.
/// So consumers and group members have connections of their own ([`crate::cluster::Lane`]).
#[derive(Debug)]
pub struct Connection {
    address: String,
    link: Arc<dyn Link>,
    settings: ConnectionSettings,
    next_correlation: AtomicI32,
    versions: HashMap<i16, (i16, i16)>,
    usage: Usage,
    /// Who the client is to the broker, if that is asked for.
    session: Option<Session>,
    /// Whether anything but the versions has been answered, or may not go over a network at all.
    welcome: AtomicBool,
    /// Ends what waits for the connection to be idle.
    watch: Option<AbortHandle>,
}

impl Connection {
    /// Dials, asks the broker for its versions and says who the client is, as the settings want it.
    ///
    /// # Errors
    ///
    /// Where nobody answers, what answers does not speak Kafka's protocol, or both sides do not trust each other.
    pub async fn open(
        dial: &dyn Dial,
        host: &str,
        port: u16,
        settings: ConnectionSettings,
    ) -> Result<Arc<Self>, ClientError> {
        let protection = Arc::clone(&settings.protection);
        let link = protection.dial(dial, host, port).await?;
        let mut connection = Self {
            address: format!("{host}:{port}"),
            link,
            usage: Usage::new(Arc::clone(&settings.clock)),
            settings,
            next_correlation: AtomicI32::new(0),
            versions: HashMap::new(),
            session: None,
            welcome: AtomicBool::new(dial.is_in_memory()),
            watch: None,
        };
        let answer = connection.negotiate().await?;
        let ranges = answer
            .api_keys
            .iter()
            .map(|api| (api.api_key, (api.min_version, api.max_version)));
        connection.versions = ranges.collect();
        if let Some(credentials) = protection.credentials().filter(|_| !dial.is_in_memory()) {
            connection.session = Some(Session::begin(&connection, credentials).await?);
        }
        Ok(connection.watched())
    }

    /// The connection, closed once it has been idle for too long.
    fn watched(mut self) -> Arc<Self> {
        let Some(max) = self.settings.max_idle else {
            return Arc::new(self);
        };
        Arc::new_cyclic(|connection| {
            let watch = tokio::spawn(usage::close_when_idle(connection.clone(), max));
            self.watch = Some(watch.abort_handle());
            self
        })
    }

    async fn negotiate(&self) -> Result<ApiVersionsResponse, ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: SOFTWARE_NAME.to_owned(),
            client_software_version: SOFTWARE_VERSION.to_owned(),
        };
        let version = *ApiVersionsRequest::VERSIONS.end();
        let wait = self.settings.request_timeout;
        let (sent, bytes) = self.exchange(version, &request, wait).await?;
        // A broker that does not know the version says so in the form of version 0.
        let answer: ApiVersionsResponse =
            match self.read::<ApiVersionsRequest>(version, sent, bytes.clone()) {
                Ok(answer) if answer.error_code != ErrorCode::UNSUPPORTED_VERSION => answer,
                Ok(_) | Err(ClientError::Decode { .. }) => {
                    let limited: ApiVersionsResponse =
                        self.read::<ApiVersionsRequest>(FALLBACK_API_VERSIONS, sent, bytes)?;
                    let known = limited
                        .api_keys
                        .iter()
                        .find(|api| api.api_key == ApiKey::ApiVersions as i16);
                    let version =
                        known.map_or(FALLBACK_API_VERSIONS, |api| api.max_version.min(version));
                    self.call_at(version, &request, wait).await?
                }
                Err(error) => return Err(error),
            };
        answer.error_code.ok().map_err(|code| {
            ClientError::refused(
                format!("cannot negotiate versions with {}", self.address),
                code,
                None,
            )
        })?;
        Ok(answer)
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The highest version of a request that both sides speak.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn version<R: Request>(&self) -> Result<i16, ClientError> {
        self.version_up_to::<R>(i16::MAX)
    }

    /// The highest version of a request, up to `max`, that both sides speak.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn version_up_to<R: Request>(&self, max: i16) -> Result<i16, ClientError> {
        let unsupported = || ClientError::UnsupportedVersion {
            address: self.address.clone(),
            api: R::KEY,
        };
        let &(low, high) = self
            .versions
            .get(&(R::KEY as i16))
            .ok_or_else(unsupported)?;
        let version = high.min(*R::VERSIONS.end()).min(max);
        if version >= low && version >= *R::VERSIONS.start() {
            Ok(version)
        } else {
            Err(unsupported())
        }
    }

    /// The highest version of a request that both sides speak, if it is `min` or later.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn version_from<R: Request>(&self, min: i16) -> Result<i16, ClientError> {
        let version = self.version::<R>()?;
        if version < min {
            return Err(ClientError::UnsupportedVersion {
                address: self.address.clone(),
                api: R::KEY,
            });
        }
        Ok(version)
    }

    /// Sends a request in the highest common version and waits for its answer.
    ///
    /// Requests take effect in the order in which these futures are first polled.
    ///
    /// # Errors
    ///
    /// Where there is no common version, the connection breaks, or no answer comes in time.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.call_at(self.version::<R>()?, request, self.settings.request_timeout)
            .await
    }

    /// [`Connection::call`] in a version of the caller's choice.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn call_in<R: Request>(
        &self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        self.call_at(version, request, self.settings.request_timeout)
            .await
    }

    /// [`Connection::call`] with a time limit of its own.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn call_within<R: Request>(
        &self,
        wait: Duration,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        self.call_at(self.version::<R>()?, request, wait).await
    }

    /// [`Connection::call`] in a version of the caller's choice, with its own time limit.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub async fn call_at<R: Request>(
        &self,
        version: i16,
        request: &R,
        wait: Duration,
    ) -> Result<R::Response, ClientError> {
        let (sent, bytes) = self.exchange(version, request, wait).await?;
        self.read::<R>(version, sent, bytes)
    }

    /// Sends a request that is never answered: Produce with `acks=0`.
    ///
    /// # Errors
    ///
    /// Where the connection is closed or breaks while it is sent.
    pub async fn send<R: Request>(&self, version: i16, request: &R) -> Result<(), ClientError> {
        let (_, frame) = self.frame(version, request)?;
        let _in_flight = self.usage.begin();
        self.usage.hold_back().await;
        let call = self.link.call(frame, Reply::None);
        self.in_turn(call).await??;
        Ok(())
    }

    /// Whether the connection is of no more use.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Whether it was closed because nobody used it, and not lost.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.usage.has_expired()
    }

    /// From when on the broker wants requests again, on the monotonic clock; none where it wants
    /// them now. Requests sent before wait for it.
    #[must_use]
    pub fn throttled_until(&self) -> Option<Duration> {
        self.usage.throttled_until()
    }

    /// Closes it; requests under way fail.
    pub fn close(&self) {
        self.link.close();
    }

    async fn exchange<R: Request>(
        &self,
        version: i16,
        request: &R,
        wait: Duration,
    ) -> Result<(i32, Bytes), ClientError> {
        let (sent, frame) = self.frame(version, request)?;
        let _in_flight = self.usage.begin();
        self.usage.hold_back().await;
        let call = self.link.call(frame, Reply::Expected);
        let answered = timeout(wait, self.in_turn(call)).await;
        self.received::<R>(answered, wait)
            .map(|bytes| (sent, bytes))
    }

    /// A request of the authentication itself, which does not wait for its turn.
    async fn call_alone<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        let (version, wait) = (self.version::<R>()?, self.settings.request_timeout);
        let (sent, frame) = self.frame(version, request)?;
        let call = self.link.call(frame, Reply::Expected);
        let answered = timeout(wait, async { Ok(call.await) }).await;
        let bytes = self.received::<R>(answered, wait)?;
        self.read::<R>(version, sent, bytes)
    }

    /// A request's sending begins when no authentication is under way, and after one that is due.
    async fn in_turn(&self, call: CallFuture) -> Result<CallResult, ClientError> {
        match &self.session {
            None => Ok(call.await),
            // An authentication takes a future many times as large as the call's.
            Some(session) => Box::pin(self.in_turn_of(session, call)).await,
        }
    }

    async fn in_turn_of(
        &self,
        session: &Session,
        mut call: CallFuture,
    ) -> Result<CallResult, ClientError> {
        let turn = session.turn(self).await?;
        // The first poll gives the request its place among all; from then on others may send theirs.
        let begun = futures_util::poll!(&mut call);
        drop(turn);
        Ok(match begun {
            Poll::Ready(answer) => answer,
            Poll::Pending => call.await,
        })
    }

    fn received<R: Request>(
        &self,
        answered: Result<Result<CallResult, ClientError>, Elapsed>,
        wait: Duration,
    ) -> Result<Bytes, ClientError> {
        match answered {
            Ok(Ok(Ok(Some(bytes)))) => {
                if R::KEY != ApiKey::ApiVersions {
                    self.welcome.store(true, Ordering::Relaxed);
                }
                Ok(bytes)
            }
            Ok(Ok(Ok(None))) => Err(LinkError::Closed {
                address: self.address.clone(),
            }
            .into()),
            Ok(Ok(Err(cause))) => Err(self.lost(R::KEY, cause)),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                // Answers come in order: what was sent behind this request would wait for ever.
                self.close();
                Err(ClientError::Timeout {
                    address: self.address.clone(),
                    api: R::KEY,
                    timeout: wait,
                })
            }
        }
    }

    /// A connection that ends before it was of any use may be to a listener that expects something else.
    fn lost(&self, api: ApiKey, cause: LinkError) -> ClientError {
        let is_end = matches!(cause, LinkError::Closed { .. } | LinkError::Broken { .. });
        if !is_end || self.welcome.load(Ordering::Relaxed) {
            return cause.into();
        }
        let security = self.settings.protection.security();
        let advice = match api {
            ApiKey::ApiVersions if !security.encrypts() => {
                "if that goes on, the listener may speak TLS: then set security.protocol to SSL or SASL_SSL"
            }
            ApiKey::ApiVersions => "it ended after the TLS handshake",
            _ if !security.authenticates() => {
                "if that goes on, the listener may ask clients who they are: then set security.protocol to \
                 SASL_PLAINTEXT or SASL_SSL, sasl.mechanism and sasl.jaas.config"
            }
            _ => "it ended during the authentication",
        };
        ClientError::Unwelcome { cause, advice }
    }

    fn frame<R: Request>(
        &self,
        version: i16,
        request: &R,
    ) -> Result<(i32, millrace_wire::frame::Frame), ClientError> {
        let correlation = self.next_correlation.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let frame = encode_request(
            correlation,
            Some(&self.settings.client_id),
            version,
            request,
        )
        .map_err(|source| ClientError::Encode {
            address: self.address.clone(),
            api: R::KEY,
            source,
        })?;
        Ok((correlation, frame))
    }

    fn read<R: Request>(
        &self,
        version: i16,
        sent: i32,
        bytes: Bytes,
    ) -> Result<R::Response, ClientError> {
        let (received, answer) = decode_response::<R>(version, bytes).map_err(|source| {
            if R::KEY != ApiKey::ApiVersions {
                self.close();
            }
            ClientError::Decode {
                address: self.address.clone(),
                api: R::KEY,
                source,
            }
        })?;
        self.usage.throttle(answer.throttle_time_ms());
        if received != sent {
            self.close();
            return Err(ClientError::Correlation {
                address: self.address.clone(),
                sent,
                received,
            });
        }
        Ok(answer)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
        self.link.close();
    }
}
