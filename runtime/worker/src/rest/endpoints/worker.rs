//! The worker itself: its health, its document, its loggers.

use super::{Endpoint, Operation, Parameter, ParameterKind, Resource, Verb, name, operation};
use crate::rest::admin::EXPIRES;
use crate::rest::health::READY;

pub(super) static WORKER: &[Endpoint] = &[
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
        "/ready",
        Ready,
        &[Operation {
            query: READY,
            answers: &[(200, Some("Ready")), (503, Some("Ready"))],
            ..operation(
                Verb::Get,
                "ready",
                "Whether the worker has started and the connectors that count are as they should be"
            )
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
                query: &[
                    Parameter {
                        name: "scope",
                        kind: ParameterKind::OneOf(&["worker", "cluster"]),
                        meaning: "Of this worker, or of all",
                    },
                    Parameter {
                        name: EXPIRES,
                        kind: ParameterKind::Number(1),
                        meaning: "After how many milliseconds the level before holds again; without it, never",
                    },
                ],
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
