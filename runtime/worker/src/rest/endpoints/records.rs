//! Records on their way: previews, dead letters.

use super::{Endpoint, Operation, Resource, Verb, name, operation};
use crate::rest::dead_letters::LETTERS;

pub(super) static RECORDS: &[Endpoint] = &[
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
            query: LETTERS,
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
];
