//! What can go wrong with a registry, and what a user can do about it.

use millrace_api::{ConnectError, ConverterKind, ErrorKind};

/// A call that did not bring what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallError {
    /// No registry answered.
    #[error("no schema registry answers at {tried}: {why}")]
    Away {
        /// The addresses, without credentials.
        tried: String,
        /// What the last of them failed with.
        why: String,
    },
    /// The registry refused.
    #[error("{message} (status {status}, error code {code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The registry's own code, which begins with the status.
        code: i64,
        /// What it said.
        message: String,
    },
    /// The registry's answer is not what it should be.
    #[error("the answer of the schema registry at {at} cannot be read: {why}")]
    Unreadable {
        /// The address.
        at: String,
        /// What is wrong with it.
        why: String,
    },
    /// The settings of the connection cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The thread of the registries is not there.
    #[error("cannot run the calls to schema registries: {0}")]
    Thread(String),
}

impl CallError {
    /// Whether the same call may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Away { .. } | Self::Thread(_) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500 | 502..=504),
            Self::Unreadable { .. } | Self::Settings(_) => false,
        }
    }
}

/// What was asked of a registry.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// To register a schema under a subject.
    Register { subject: String },
    /// To find the id of a schema under a subject.
    LookUp { subject: String },
    /// To give the latest version of a subject.
    Latest { subject: String },
    /// To give the schema of an id.
    ById { id: i32 },
    /// To give a version of a subject, which another schema refers to.
    Reference { subject: String, version: i32 },
}

impl Purpose {
    /// The error as a task shows it: what was tried, what the registry said, what to change.
    pub(crate) fn failed(&self, kind: ConverterKind, error: CallError) -> ConnectError {
        let advice = self.advice(kind, &error);
        let text = match &error {
            CallError::Refused { .. } => {
                format!(
                    "{}: the schema registry answers: {error}{advice}",
                    self.tried()
                )
            }
            _ => format!("{}: {error}{advice}", self.tried()),
        };
        match &error {
            error if error.may_pass() => ConnectError::retriable(text),
            CallError::Refused {
                status: 401 | 403, ..
            }
            | CallError::Settings(_) => ConnectError::new(ErrorKind::Config, text),
            _ => ConnectError::data(text),
        }
        .caused_by(error)
    }

    fn tried(&self) -> String {
        match self {
            Self::Register { subject } => {
                format!("cannot register a schema under subject {subject}")
            }
            Self::LookUp { subject } => format!("cannot look a schema up under subject {subject}"),
            Self::Latest { subject } => {
                format!("cannot get the latest version of subject {subject}")
            }
            Self::ById { id } => format!("cannot get the schema with id {id}"),
            Self::Reference { subject, version } => {
                format!(
                    "cannot get version {version} of subject {subject}, which a schema refers to"
                )
            }
        }
    }

    fn advice(&self, kind: ConverterKind, error: &CallError) -> String {
        let prefix = prefix(kind);
        let CallError::Refused { status, code, .. } = error else {
            return match error {
                CallError::Away { .. } => format!(
                    "; check {prefix}schema.registry.url, or set errors.retry.timeout for the task to wait longer"
                ),
                _ => String::new(),
            };
        };
        match (self, status, code) {
            (_, 401 | 403, _) => format!(
                "; check {prefix}basic.auth.credentials.source and {prefix}basic.auth.user.info, or {prefix}bearer.auth.token"
            ),
            (Self::Register { subject }, 409, _) => format!(
                "; the new schema is not compatible with an earlier version of {subject}: change it so that it is (give new fields a default, keep the types of old ones), or allow the change for this subject in the registry (PUT /config/{subject}), or write to another topic; {prefix}auto.register.schemas=false with {prefix}use.latest.version=true writes with the version that is there"
            ),
            (Self::Register { .. }, _, 42201) => format!(
                "; the registry cannot read the schema: names may hold what the format does not allow, which {prefix}scrub.invalid.names=true replaces"
            ),
            (Self::Register { subject }, _, 42205) => format!(
                "; {subject} takes no new versions: change its mode in the registry (PUT /mode/{subject}), or set {prefix}auto.register.schemas=false"
            ),
            (Self::LookUp { subject }, 404, 40403) => format!(
                "; {subject} is there but has no such version: register the schema, or set {prefix}use.latest.version=true or {prefix}auto.register.schemas=true"
            ),
            (Self::LookUp { .. } | Self::Latest { .. }, 404, _) => {
                format!("; register its first version, or set {prefix}auto.register.schemas=true")
            }
            (Self::ById { .. }, 404, _) => format!(
                "; check that {prefix}schema.registry.url is the registry that the record was written with"
            ),
            _ => String::new(),
        }
    }
}

/// What the keys of a converter begin with.
pub(crate) fn prefix(kind: ConverterKind) -> &'static str {
    match kind {
        ConverterKind::Key => "key.converter.",
        ConverterKind::Value => "value.converter.",
        ConverterKind::Header => "header.converter.",
    }
}
