//! Connectors: what they are, what they do, where they are.

use super::{Endpoint, Operation, Parameter, ParameterKind, Resource, Verb, flag, name, operation};
use crate::rest::logs::LINES;

pub(super) static CONNECTORS: &[Endpoint] = &[
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
        "/connectors/{connector}/logs",
        Logs(1),
        &[Operation {
            query: LINES,
            answers: &[(200, Some("LogLines"))],
            refusals: &[404],
            ..operation(
                Verb::Get,
                "logs",
                "The last log lines of a connector, and of its tasks there, of the worker that has it"
            )
        }]
    ),
    endpoint!(
        "/connectors/{connector}/tasks/{task}/logs",
        TaskLogs(2),
        &[Operation {
            query: LINES,
            answers: &[(200, Some("LogLines"))],
            refusals: &[404],
            ..operation(
                Verb::Get,
                "taskLogs",
                "The last log lines of a task, of the worker that runs it"
            )
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
];
