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

/// All endpoints.
pub(super) static ENDPOINTS: &[Endpoint] = &[
    endpoint!(
        "/",
        Root,
        &[Operation {
            answers: &[(200, Some("Worker"))],
            ..operation(Verb::Get, "worker", "The worker's version and cluster")
        }]
    ),
    endpoint!(
        "/health",
        Health,
        &[Operation {
            answers: &[(200, Some("Health")), (503, Some("Health"))],
            ..operation(Verb::Get, "health", "Whether the worker has started")
        }]
    ),
    endpoint!(
        "/openapi.json",
        OpenApi,
        &[Operation {
            answers: &[(200, Some("Document"))],
            ..operation(Verb::Get, "openapi", "This document")
        }]
    ),
    endpoint!(
        "/connectors",
        Connectors,
        &[
            Operation {
                body: Some("CreateRequest"),
                answers: &[(201, Some("Connector"))],
                refusals: &[400, 409],
                ..operation(Verb::Post, "createConnector", "Creates a connector")
            },
            Operation {
                query: &[Parameter {
                    name: "expand",
                    kind: ParameterKind::Several(&["info", "status"]),
                    meaning: "Shows the connectors with this part rather than their names only",
                }],
                answers: &[(200, Some("Connectors"))],
                ..operation(Verb::Get, "listConnectors", "All connectors")
            },
        ]
    ),
    endpoint!(
        "/connectors/{connector}",
        Connector(1),
        &[
            Operation {
                answers: &[(204, None)],
                refusals: &[404],
                ..operation(
                    Verb::Delete,
                    "deleteConnector",
                    "Deletes a connector; its offsets stay"
                )
            },
            Operation {
                answers: &[(200, Some("Connector"))],
                refusals: &[404],
                ..operation(Verb::Get, "connector", "A connector")
            },
        ]
    ),
    endpoint!(
        "/connectors/{connector}/config",
        Config(1),
        &[
            Operation {
                body: Some("Config"),
                answers: &[(200, Some("Connector")), (201, Some("Connector"))],
                refusals: &[400, 409],
                ..operation(
                    Verb::Put,
                    "putConfig",
                    "Creates a connector or replaces its configuration"
                )
            },
            Operation {
                body: Some("Config"),
                answers: &[(200, Some("Connector"))],
                refusals: &[400, 404],
                ..operation(
                    Verb::Patch,
                    "patchConfig",
                    "Changes keys of a configuration; null deletes a key"
                )
            },
            Operation {
                answers: &[(200, Some("Config"))],
                refusals: &[404],
                ..operation(Verb::Get, "config", "The configuration of a connector")
            },
        ]
    ),
    endpoint!(
        "/connectors/{connector}/status",
        Status(1),
        &[Operation {
            answers: &[(200, Some("ConnectorStatus"))],
            refusals: &[404],
            ..operation(
                Verb::Get,
                "connectorStatus",
                "The states of a connector and its tasks"
            )
        }]
    ),
    endpoint!(
        "/connectors/{connector}/tasks",
        Tasks(1),
        &[
            Operation {
                body: Some("Configs"),
                ..operation(Verb::Post, "putTasks", "Between the workers of a group")
            },
            Operation {
                answers: &[(200, Some("Tasks"))],
                refusals: &[404],
                ..operation(
                    Verb::Get,
                    "tasks",
                    "The tasks of a connector with their configurations"
                )
            },
        ]
    ),
    endpoint!(
        "/connectors/{connector}/tasks/{task}/status",
        TaskStatus(2),
        &[Operation {
            answers: &[(200, Some("TaskStatus"))],
            refusals: &[404],
            ..operation(Verb::Get, "taskStatus", "The state of a task")
        }]
    ),
    endpoint!(
        "/connectors/{connector}/tasks/{task}/restart",
        TaskRestart(2),
        &[Operation {
            answers: &[(204, None)],
            refusals: &[404],
            ..operation(Verb::Post, "restartTask", "Restarts a task")
        }]
    ),
    endpoint!(
        "/connectors/{connector}/restart",
        Restart(1),
        &[Operation {
            query: &[
                flag("includeTasks", false, "Restarts the tasks too"),
                flag("onlyFailed", false, "Restarts only what has failed"),
            ],
            answers: &[(202, Some("ConnectorStatus")), (204, None)],
            refusals: &[404],
            ..operation(Verb::Post, "restartConnector", "Restarts a connector")
        }]
    ),
    endpoint!(
        "/connectors/{connector}/pause",
        Pause(1),
        &[Operation {
            answers: &[(202, None)],
            refusals: &[404],
            ..operation(
                Verb::Put,
                "pause",
                "Makes a connector and its tasks stand still"
            )
        }]
    ),
    endpoint!(
        "/connectors/{connector}/resume",
        Resume(1),
        &[Operation {
            answers: &[(202, None)],
            refusals: &[404],
            ..operation(Verb::Put, "resume", "Makes a connector run")
        }]
    ),
    endpoint!(
        "/connectors/{connector}/stop",
        Stop(1),
        &[Operation {
            answers: &[(204, None)],
            refusals: &[404],
            ..operation(Verb::Put, "stop", "Shuts a connector's tasks down")
        }]
    ),
    endpoint!(
        "/connectors/{connector}/topics",
        Topics(1),
        &[Operation {
            answers: &[(200, Some("Topics"))],
            refusals: &[403],
            ..operation(Verb::Get, "topics", "The topics that a connector uses")
        }]
    ),
    endpoint!(
        "/connectors/{connector}/topics/reset",
        TopicsReset(1),
        &[Operation {
            answers: &[(202, None)],
            refusals: &[403],
            ..operation(
                Verb::Put,
                "resetTopics",
                "Forgets the topics that a connector uses"
            )
        }]
    ),
    endpoint!(
        "/connectors/{connector}/offsets",
        Offsets(1),
        &[
            Operation {
                answers: &[(200, Some("Message"))],
                refusals: &[400, 404],
                ..operation(
                    Verb::Delete,
                    "resetOffsets",
                    "Forgets the offsets of a stopped connector"
                )
            },
            Operation {
                body: Some("Offsets"),
                answers: &[(200, Some("Message"))],
                refusals: &[400, 404],
                ..operation(
                    Verb::Patch,
                    "alterOffsets",
                    "Changes offsets of a stopped connector"
                )
            },
            Operation {
                answers: &[(200, Some("Offsets"))],
                refusals: &[404],
                ..operation(Verb::Get, "offsets", "The offsets of a connector")
            },
        ]
    ),
    endpoint!(
        "/connectors/{connector}/faults",
        Faults(1),
        &[
            Operation {
                body: Some("Faults"),
                answers: &[(200, Some("ShownFaults"))],
                refusals: &[400, 404],
                ..operation(
                    Verb::Put,
                    "putFaults",
                    "Has a connector that fails on purpose do so"
                )
            },
            Operation {
                answers: &[(200, Some("ShownFaults"))],
                refusals: &[404],
                ..operation(
                    Verb::Delete,
                    "clearFaults",
                    "Has a connector do right from here on"
                )
            },
            Operation {
                answers: &[(200, Some("ShownFaults"))],
                refusals: &[404],
                ..operation(
                    Verb::Get,
                    "faults",
                    "What a connector is told to do wrong, and what it has done"
                )
            },
        ]
    ),
    endpoint!(
        "/connectors/{connector}/fence",
        Fence(1),
        &[operation(
            Verb::Put,
            "fence",
            "Between the workers of a group"
        )]
    ),
    endpoint!(
        "/preview",
        Preview,
        &[Operation {
            body: Some("PreviewRequest"),
            answers: &[(200, Some("Preview"))],
            refusals: &[404, 409],
            ..operation(
                Verb::Post,
                "preview",
                "Records through each step of a connector's configuration, written nowhere"
            )
        }]
    ),
    endpoint!(
        "/dead-letters",
        DeadLetterQueues,
        &[Operation {
            answers: &[(200, Some("DeadLetterQueues"))],
            ..operation(
                Verb::Get,
                "deadLetterQueues",
                "The dead letter queues of connectors, with how many letters they hold"
            )
        }]
    ),
    endpoint!(
        "/dead-letters/{queue}",
        DeadLetters(1),
        &[Operation {
            query: super::dead_letters::LETTERS,
            answers: &[(200, Some("DeadLetters"))],
            refusals: &[404],
            ..operation(
                Verb::Get,
                "deadLetters",
                "Letters of a queue with their causes"
            )
        }]
    ),
    endpoint!(
        "/dead-letters/{queue}/replay",
        DeadLetterReplay(1),
        &[Operation {
            body: Some("DeadLetterReplay"),
            answers: &[(200, Some("DeadLetterOutcome"))],
            refusals: &[404],
            ..operation(
                Verb::Post,
                "replayDeadLetters",
                "Gives letters back to the topics they came from, each once"
            )
        }]
    ),
    endpoint!(
        "/connector-plugins",
        Plugins,
        &[Operation {
            query: &[flag(
                "connectorsOnly",
                true,
                "Leaves out what is no connector"
            )],
            answers: &[(200, Some("Plugins"))],
            ..operation(Verb::Get, "plugins", "The plugins of the worker")
        }]
    ),
    endpoint!(
        "/connector-plugins/{plugin}/config",
        PluginConfig(1),
        &[Operation {
            query: &[Parameter {
                name: "version",
                kind: ParameterKind::Text,
                meaning: "A version, a range of versions, or latest",
            }],
            answers: &[(200, Some("Keys"))],
            refusals: &[400, 404],
            ..operation(Verb::Get, "pluginConfig", "The keys of a plugin")
        }]
    ),
    endpoint!(
        "/connector-plugins/{plugin}/config/validate",
        PluginValidate(1),
        &[Operation {
            body: Some("Config"),
            answers: &[(200, Some("Verdicts"))],
            refusals: &[400],
            ..operation(Verb::Put, "validate", "Judges a configuration")
        }]
    ),
    endpoint!(
        "/admin/loggers",
        Loggers,
        &[Operation {
            answers: &[(200, Some("Loggers"))],
            ..operation(Verb::Get, "loggers", "All loggers with their levels")
        }]
    ),
    endpoint!(
        "/admin/loggers/{logger}",
        Logger(1),
        &[
            Operation {
                body: Some("Level"),
                query: &[Parameter {
                    name: "scope",
                    kind: ParameterKind::OneOf(&["worker", "cluster"]),
                    meaning: "Of this worker, or of all",
                }],
                answers: &[(200, Some("Names")), (204, None)],
                refusals: &[400, 404],
                ..operation(
                    Verb::Put,
                    "setLevel",
                    "Sets the level of a logger and those below it"
                )
            },
            Operation {
                answers: &[(200, Some("Logger"))],
                refusals: &[404],
                ..operation(Verb::Get, "logger", "The level of a logger")
            },
        ]
    ),
];

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
