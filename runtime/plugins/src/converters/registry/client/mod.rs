//! The client of a schema registry: what converters ask of it, one call after the other.
//!
//! Facts: Confluent's documentation of the registry's REST API; other registries with the same API answer alike.

mod error;
mod tls;
mod token;
mod transport;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_api::{ConnectError, ConverterKind};
use reqwest::Method;
use serde_json::{Value as Json, json};

pub(crate) use self::error::prefix;
use self::error::{CallError, Purpose};
use self::transport::{Call, Transport};
use super::config::RegistryConfig;
use super::schema::{Reference, Registered, SchemaFormat, SchemaText};

/// Schemas that refer to each other are followed so far; more are a mistake or malice.
const REFERENCES_MAX: usize = 500;

/// A registry, asked for one converter.
#[derive(Debug)]
pub(crate) struct RegistryClient {
    transport: Arc<Transport>,
    kind: ConverterKind,
    normalize: bool,
}

impl RegistryClient {
    /// A client by the settings; nothing is called yet. `headers` go with every call.
    pub(crate) fn new(
        config: RegistryConfig,
        headers: BTreeMap<String, String>,
        kind: ConverterKind,
    ) -> Result<Self, ConnectError> {
        let normalize = config.normalize;
        let transport = Transport::new(config, headers)
            .map_err(|error| ConnectError::config(error.to_string()))?;
        Ok(Self {
            transport: Arc::new(transport),
            kind,
            normalize,
        })
    }

    /// Registers a schema, if it is new, and gives its id.
    pub(crate) fn register(
        &self,
        subject: &str,
        format: SchemaFormat,
        schema: &SchemaText,
    ) -> Result<i32, ConnectError> {
        let purpose = Purpose::Register {
            subject: subject.to_owned(),
        };
        let path = ["subjects", subject, "versions"];
        self.id(&purpose, &path, format, schema)
    }

    /// The id of a schema that is a version of `subject`.
    pub(crate) fn look_up(
        &self,
        subject: &str,
        format: SchemaFormat,
        schema: &SchemaText,
    ) -> Result<i32, ConnectError> {
        let purpose = Purpose::LookUp {
            subject: subject.to_owned(),
        };
        self.id(&purpose, &["subjects", subject], format, schema)
    }

    fn id(
        &self,
        purpose: &Purpose,
        path: &[&str],
        format: SchemaFormat,
        schema: &SchemaText,
    ) -> Result<i32, ConnectError> {
        let mut call = call(Method::POST, path);
        call.body = Some(schema.to_json(format));
        if self.normalize {
            call.query.push(("normalize", "true".to_owned()));
        }
        let answer = self.answer(purpose, call)?;
        let id = answer.get("id").and_then(Json::as_i64);
        id.and_then(|id| i32::try_from(id).ok())
            .ok_or_else(|| self.unreadable(purpose, "there is no id in it"))
    }

    /// The latest version of `subject`.
    pub(crate) fn latest(&self, subject: &str) -> Result<Registered, ConnectError> {
        let purpose = Purpose::Latest {
            subject: subject.to_owned(),
        };
        let path = ["subjects", subject, "versions", "latest"];
        let answer = self.answer(&purpose, call(Method::GET, &path))?;
        self.registered(&purpose, &answer)
    }

    /// The schema of an id; `subject` says to registries with contexts which one is meant.
    pub(crate) fn by_id(&self, id: i32, subject: Option<&str>) -> Result<Registered, ConnectError> {
        let purpose = Purpose::ById { id };
        let mut call = call(Method::GET, &["schemas", "ids", &id.to_string()]);
        if let Some(subject) = subject {
            call.query.push(("subject", subject.to_owned()));
        }
        let answer = self.answer(&purpose, call)?;
        let mut registered = self.registered(&purpose, &answer)?;
        registered.id = id;
        Ok(registered)
    }

    /// Which version of `subject` an id is, if the registry says so.
    pub(crate) fn version_of(&self, id: i32, subject: &str) -> Result<Option<i32>, ConnectError> {
        let purpose = Purpose::ById { id };
        let call = call(
            Method::GET,
            &["schemas", "ids", &id.to_string(), "versions"],
        );
        match wait::wait_for(Arc::clone(&self.transport).answer(call)) {
            Ok(Ok(answer)) => {
                let versions = answer.as_array().map(Vec::as_slice).unwrap_or_default();
                let own = versions
                    .iter()
                    .find(|version| version.get("subject").and_then(Json::as_str) == Some(subject));
                Ok(own.and_then(|own| integer(own.get("version"))))
            }
            // Not every registry tells; the version of a schema is an ornament.
            Ok(Err(CallError::Refused { .. } | CallError::Unreadable { .. })) => Ok(None),
            Ok(Err(error)) | Err(error) => Err(purpose.failed(self.kind, error)),
        }
    }

    /// The schemas that `registered` refers to, each after those that it refers to itself.
    pub(crate) fn referred(
        &self,
        references: &[Reference],
    ) -> Result<Vec<(String, String)>, ConnectError> {
        let mut found: Vec<(String, String)> = Vec::new();
        self.collect(references, &mut found, &mut Vec::new())?;
        Ok(found)
    }

    fn collect(
        &self,
        references: &[Reference],
        found: &mut Vec<(String, String)>,
        above: &mut Vec<String>,
    ) -> Result<(), ConnectError> {
        for reference in references {
            let is_known = found.iter().any(|(name, _)| *name == reference.name);
            if is_known || above.contains(&reference.name) {
                continue;
            }
            let purpose = Purpose::Reference {
                subject: reference.subject.clone(),
                version: reference.version,
            };
            if found.len() + above.len() >= REFERENCES_MAX {
                return Err(self.unreadable(&purpose, "too many schemas refer to each other"));
            }
            let version = reference.version.to_string();
            let path = ["subjects", &reference.subject, "versions", &version];
            let answer = self.answer(&purpose, call(Method::GET, &path))?;
            let schema = self.registered(&purpose, &answer)?;
            above.push(reference.name.clone());
            self.collect(&schema.text.references, found, above)?;
            above.pop();
            found.push((reference.name.clone(), schema.text.text));
        }
        Ok(())
    }

    fn registered(&self, purpose: &Purpose, answer: &Json) -> Result<Registered, ConnectError> {
        Registered::from_json(answer)
            .ok_or_else(|| self.unreadable(purpose, "there is no schema in it"))
    }

    fn answer(&self, purpose: &Purpose, call: Call) -> Result<Json, ConnectError> {
        wait::wait_for(Arc::clone(&self.transport).answer(call))
            .and_then(|answer| answer)
            .map_err(|error| purpose.failed(self.kind, error))
    }

    fn unreadable(&self, purpose: &Purpose, why: &str) -> ConnectError {
        let error = CallError::Unreadable {
            at: format!("{}schema.registry.url", prefix(self.kind)),
            why: why.to_owned(),
        };
        purpose.failed(self.kind, error)
    }
}

fn call(method: Method, path: &[&str]) -> Call {
    Call {
        method,
        path: path.iter().map(|part| (*part).to_owned()).collect(),
        query: Vec::new(),
        body: None,
    }
}

/// A JSON integer of 32 bits.
pub(super) fn integer(json: Option<&Json>) -> Option<i32> {
    json.and_then(Json::as_i64)
        .and_then(|number| i32::try_from(number).ok())
}

impl SchemaText {
    fn to_json(&self, format: SchemaFormat) -> Json {
        let mut body = json!({ "schema": self.text });
        if format != SchemaFormat::Avro {
            body["schemaType"] = format.name().into();
        }
        if !self.references.is_empty() {
            let references = self.references.iter().map(Reference::to_json);
            body["references"] = references.collect();
        }
        body
    }
}
