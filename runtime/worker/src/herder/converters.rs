//! The converters and transforms of a connector, made and configured.

use std::sync::Arc;

use millrace_api::{ConnectError, ConverterKind, Properties, TaskId};

use crate::config::WorkerConfig;
use crate::pipeline::build_chain;
use crate::registry::{Code, PluginKind, Registered, Registry};
use crate::task::Converters;

/// Makes the converters of a connector, its own or else the worker's, and its transforms. Runs their code.
///
/// # Errors
/// Which of them cannot be used, and why.
pub(crate) fn make_converters(
    registry: &Registry,
    worker: &Properties,
    defaults: &WorkerConfig,
    config: &Properties,
    id: TaskId,
) -> Result<Converters, ConnectError> {
    let choose = |key, kind| choose(registry, worker, defaults, config, key, kind);
    let (key, key_settings) = choose("key.converter", PluginKind::Converter)?;
    let (value, value_settings) = choose("value.converter", PluginKind::Converter)?;
    let (header, header_settings) = choose("header.converter", PluginKind::HeaderConverter)?;
    Ok(Converters {
        key: converter(&key, &key_settings, ConverterKind::Key)?,
        value: converter(&value, &value_settings, ConverterKind::Value)?,
        header: header_converter(&header, &header_settings)?,
        key_class: key.class(),
        value_class: value.class(),
        header_class: header.class(),
        chain: build_chain(registry, config, id)?,
    })
}

/// The converter class of a key and its settings. A class that the connector names does not inherit the worker's
/// settings.
fn choose(
    registry: &Registry,
    worker: &Properties,
    defaults: &WorkerConfig,
    connector: &Properties,
    key: &str,
    kind: PluginKind,
) -> Result<(Registered, Properties), ConnectError> {
    let default = match key {
        "key.converter" => &defaults.key_converter,
        "value.converter" => &defaults.value_converter,
        _ => &defaults.header_converter,
    };
    let own = connector.get(key).map(|class| class.trim());
    let class = own.unwrap_or(default);
    let prefix = format!("{key}.");
    let source = if own.is_some() { connector } else { worker };
    let settings = source
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), value.clone())));
    let plugin = registry.find(class, |other| other == kind);
    let plugin = plugin.ok_or_else(|| {
        ConnectError::config(format!("Class {class} could not be found for {key}"))
    })?;
    Ok((plugin.clone(), settings.collect()))
}

fn converter(
    plugin: &Registered,
    settings: &Properties,
    kind: ConverterKind,
) -> Result<Arc<dyn millrace_api::Converter>, ConnectError> {
    let Code::Converter(make, _) = &plugin.code else {
        return Err(ConnectError::config(format!(
            "{} is no converter",
            plugin.class()
        )));
    };
    let mut converter = make();
    converter.configure(settings, kind)?;
    Ok(Arc::from(converter))
}

fn header_converter(
    plugin: &Registered,
    settings: &Properties,
) -> Result<Arc<dyn millrace_api::HeaderConverter>, ConnectError> {
    let Code::HeaderConverter(make, _) = &plugin.code else {
        return Err(ConnectError::config(format!(
            "{} is no header converter",
            plugin.class()
        )));
    };
    let mut converter = make();
    converter.configure(settings)?;
    Ok(Arc::from(converter))
}
