//! Plugins and their configurations.

use super::{Endpoint, Operation, Parameter, ParameterKind, Resource, Verb, flag, name, operation};

pub(super) static PLUGINS: &[Endpoint] = &[
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
];
