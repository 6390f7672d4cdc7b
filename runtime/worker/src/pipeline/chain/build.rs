//! Making a chain of a connector's configuration.

use millrace_api::{ConnectError, Predicate, Properties, TaskId};

use super::{Chain, Step};
use crate::registry::{Code, PluginKind, Registered, Registry};

/// Makes and configures the steps that `transforms` lists.
///
/// # Errors
/// Which of them cannot be used, and why.
pub(crate) fn build(
    registry: &Registry,
    connector: &Properties,
    task: TaskId,
) -> Result<Chain, ConnectError> {
    let aliases = connector.get("transforms").map_or("", |list| list.trim());
    let aliases = aliases.split(',').map(str::trim);
    let steps = aliases
        .filter(|alias| !alias.is_empty())
        .map(|alias| step(registry, connector, alias));
    Ok(Chain {
        steps: steps.collect::<Result<_, _>>()?,
        task,
    })
}

fn step(registry: &Registry, connector: &Properties, alias: &str) -> Result<Step, ConnectError> {
    let prefix = format!("transforms.{alias}.");
    let plugin = plugin(registry, connector, PluginKind::Transformation, &prefix)?;
    let Code::Transform(make, _) = &plugin.code else {
        return Err(unknown(plugin.class(), &prefix));
    };
    let mut transform = make();
    transform
        .configure(&below(connector, &prefix))
        .map_err(|error| unusable("transformation", alias, plugin, error))?;
    let given = |key: &str| {
        connector
            .get(&format!("{prefix}{key}"))
            .map(|text| text.trim())
    };
    let predicate = given("predicate").filter(|name| !name.is_empty());
    let negate = given("negate");
    if negate.is_some() && predicate.is_none() {
        return Err(ConnectError::config(format!(
            "Config '{prefix}negate' was provided but there is no config '{prefix}predicate' defining a predicate to be negated."
        )));
    }
    Ok(Step {
        alias: alias.to_owned(),
        class: plugin.class(),
        transform,
        predicate: predicate
            .map(|name| make_predicate(registry, connector, name))
            .transpose()?,
        negate: negate.is_some_and(|text| text.eq_ignore_ascii_case("true")),
    })
}

fn make_predicate(
    registry: &Registry,
    connector: &Properties,
    alias: &str,
) -> Result<Box<dyn Predicate>, ConnectError> {
    let prefix = format!("predicates.{alias}.");
    let plugin = plugin(registry, connector, PluginKind::Predicate, &prefix)?;
    let Code::Predicate(make, _) = &plugin.code else {
        return Err(unknown(plugin.class(), &prefix));
    };
    let mut predicate = make();
    predicate
        .configure(&below(connector, &prefix))
        .map_err(|error| unusable("predicate", alias, plugin, error))?;
    Ok(predicate)
}

fn plugin<'r>(
    registry: &'r Registry,
    connector: &Properties,
    kind: PluginKind,
    prefix: &str,
) -> Result<&'r Registered, ConnectError> {
    let class = connector
        .get(&format!("{prefix}type"))
        .map(|text| text.trim());
    let class = class.filter(|class| !class.is_empty()).ok_or_else(|| {
        ConnectError::config(format!(
            "Missing required configuration \"{prefix}type\" which has no default value."
        ))
    })?;
    let found = registry.find(class, |other| other == kind);
    found.ok_or_else(|| unknown(class, prefix))
}

fn unknown(class: &str, prefix: &str) -> ConnectError {
    ConnectError::config(format!("Class {class} could not be found for {prefix}type"))
}

fn unusable(what: &str, alias: &str, plugin: &Registered, error: ConnectError) -> ConnectError {
    let text = format!(
        "the {what} {alias} of class {} cannot be used: {error}",
        plugin.class()
    );
    ConnectError::config(text).caused_by(error)
}

fn below(connector: &Properties, prefix: &str) -> Properties {
    let settings = connector.iter();
    let settings = settings.filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
    settings
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}
