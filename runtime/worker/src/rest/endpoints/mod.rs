//! The table of the API: every path, its methods, what they take and what they answer. Requests are routed by it, and
//! the OpenAPI document is made from it.

use axum::http::Method;

use super::route::Resource;

/// A path with what is at it.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The path; a segment in braces stands for a name.
    pub(super) path: &'static str,
    /// The resource of the names, in their order.
    pub(super) resource: fn(&[String]) -> Resource,
    /// The methods, HEAD and OPTIONS left out.
    pub(super) operations: &'static [Operation],
}

/// A method of a path.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) verb: Verb,
    /// Its name in the OpenAPI document.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// The schema of the body that it takes.
    pub(super) body: Option<&'static str>,
    pub(super) query: &'static [Parameter],
    /// Statuses of success, and the schemas of what they carry.
    pub(super) answers: &'static [(u16, Option<&'static str>)],
    /// Statuses of refusal beside those that every operation has.
    pub(super) refusals: &'static [u16],
}

/// The methods that operations have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// The method's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A parameter of the query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: ParameterKind,
    pub(super) meaning: &'static str,
}

/// What a parameter of the query may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum ParameterKind {
    /// `true` in any case, or not.
    Flag(bool),
    /// A whole number of at least so much.
    Number(u32),
    /// Any text.
    Text,
    /// Some of these texts, one parameter each.
    Several(&'static [&'static str]),
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

const NO_QUERY: &[Parameter] = &[];

const fn operation(verb: Verb, id: &'static str, summary: &'static str) -> Operation {
    Operation {
        verb,
        id,
        summary,
        body: None,
        query: NO_QUERY,
        answers: &[],
        refusals: &[],
    }
}

const fn flag(name: &'static str, default: bool, meaning: &'static str) -> Parameter {
    Parameter {
        name,
        kind: ParameterKind::Flag(default),
        meaning,
    }
}

fn name(names: &[String], at: usize) -> String {
    names.get(at).cloned().unwrap_or_default()
}

/// Declares an endpoint: its path, its resource made of `n` names, its operations.
macro_rules! endpoint {
    ($path:literal, $resource:ident, $operations:expr) => {
        Endpoint {
            path: $path,
            resource: |_| Resource::$resource,
            operations: $operations,
        }
    };
    ($path:literal, $resource:ident(1), $operations:expr) => {
        Endpoint {
            path: $path,
            resource: |names| Resource::$resource(name(names, 0)),
            operations: $operations,
        }
    };
    ($path:literal, $resource:ident(2), $operations:expr) => {
        Endpoint {
            path: $path,
            resource: |names| Resource::$resource(name(names, 0), name(names, 1)),
            operations: $operations,
        }
    };
}

mod connectors;
mod plugins;
mod records;
mod worker;

/// All endpoints.
pub(super) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    let parts = [
        worker::WORKER,
        connectors::CONNECTORS,
        records::RECORDS,
        plugins::PLUGINS,
    ];
    parts.into_iter().flatten()
}

impl Endpoint {
    /// Whether it is there only where connectors fail on purpose.
    pub(super) fn is_of_faults(&self) -> bool {
        self.path.ends_with("/faults")
    }

    /// Whether it is there only where records can be previewed.
    pub(super) fn is_of_previews(&self) -> bool {
        self.path == "/preview"
    }

    /// Whether it is there only where dead letters can be reached.
    pub(super) fn is_of_dead_letters(&self) -> bool {
        self.path.starts_with("/dead-letters")
    }

    /// The operation of a method.
    pub(super) fn operation(&self, method: &Method) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| operation.verb.name() == method.as_str())
    }

    /// All methods as the `Allow` header lists them.
    pub(super) fn allow(&self) -> String {
        let head = self.operation(&Method::GET).map(|_| "HEAD");
        let own = self
            .operations
            .iter()
            .map(|operation| operation.verb.name());
        head.into_iter()
            .chain(own)
            .chain(["OPTIONS"])
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Whether it is below `/admin`.
    pub(super) fn is_admin(&self) -> bool {
        self.path.starts_with("/admin/")
    }
}
