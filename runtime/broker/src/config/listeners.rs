//! Listeners as the properties file says them: `name://host:port`.

use millrace_config::ConfigErrors;

use super::keys::BrokerKeys;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address; empty stands for all addresses.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// A place where the broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Its name.
    pub name: String,
    /// What it binds to.
    pub bind: Endpoint,
    /// What clients are told; `None` for what it is bound to.
    pub advertised: Option<Endpoint>,
}

/// Resolves `listeners`, `advertised.listeners` and `listener.security.protocol.map`.
pub(super) fn resolve(keys: &BrokerKeys, errors: &mut ConfigErrors) -> Vec<ListenerConfig> {
    let mut listeners: Vec<ListenerConfig> = Vec::new();
    for text in &keys.listeners {
        let (name, bind) = match parse(text) {
            Ok(parsed) => parsed,
            Err(why) => {
                errors.push(
                    "listeners",
                    format!("Invalid value {text} for configuration listeners: {why}"),
                );
                continue;
            }
        };
        if is_of_controller(&name, keys) {
            continue;
        }
        check_protocol(&name, keys, errors);
        if listeners.iter().any(|other| other.name == name) {
            errors.push(
                "listeners",
                format!("Each listener must have a different name, {name} is named twice"),
            );
        }
        listeners.push(ListenerConfig {
            name,
            bind,
            advertised: None,
        });
    }
    for text in keys.advertised_listeners.iter().flatten() {
        advertise(text, &mut listeners, keys, errors);
    }
    if listeners.is_empty() && errors.is_empty() {
        errors.push(
            "listeners",
            "At least one listener must be given in listeners",
        );
    }
    listeners
}

/// Whether a listener is one on which Apache Kafka's controller would speak to others.
fn is_of_controller(name: &str, keys: &BrokerKeys) -> bool {
    let names = keys.controller_listener_names.iter().flatten();
    names
        .into_iter()
        .any(|controller| controller.eq_ignore_ascii_case(name))
}

fn advertise(
    text: &str,
    listeners: &mut [ListenerConfig],
    keys: &BrokerKeys,
    errors: &mut ConfigErrors,
) {
    const KEY: &str = "advertised.listeners";
    let result = parse(text).and_then(|(name, endpoint)| match endpoint.host.as_str() {
        _ if is_of_controller(&name, keys) => Ok(()),
        "" | "0.0.0.0" | "::" => {
            Err("clients cannot connect to a host that stands for all addresses".to_owned())
        }
        _ => listeners
            .iter_mut()
            .find(|listener| listener.name == name)
            .map(|listener| listener.advertised = Some(endpoint))
            .ok_or_else(|| format!("no listener is called {name}")),
    });
    if let Err(why) = result {
        errors.push(
            KEY,
            format!("Invalid value {text} for configuration {KEY}: {why}"),
        );
    }
}

/// Only plain connections are served; anything else would be a promise not kept.
fn check_protocol(name: &str, keys: &BrokerKeys, errors: &mut ConfigErrors) {
    let mapped = keys.listener_protocols.iter().flatten().find_map(|entry| {
        let (listener, protocol) = entry.split_once(':')?;
        listener
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| protocol.trim().to_owned())
    });
    let protocol = mapped.unwrap_or_else(|| name.to_owned());
    if protocol.eq_ignore_ascii_case("PLAINTEXT") {
        return;
    }
    let message = if ["SSL", "SASL_PLAINTEXT", "SASL_SSL"]
        .iter()
        .any(|known| protocol.eq_ignore_ascii_case(known))
    {
        format!("Listener {name} asks for {protocol}, the included broker offers PLAINTEXT only")
    } else {
        format!(
            "No security protocol is known for listener {name}: map it in listener.security.protocol.map"
        )
    };
    errors.push("listeners", message);
}

fn parse(text: &str) -> Result<(String, Endpoint), String> {
    let (name, address) = text
        .trim()
        .split_once("://")
        .ok_or("it must be name://host:port")?;
    let (host, port) = address.rsplit_once(':').ok_or("the port is missing")?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let port = port.parse().map_err(|_| format!("{port} is not a port"))?;
    if name.is_empty() {
        return Err("the listener's name is missing".to_owned());
    }
    Ok((
        name.to_uppercase(),
        Endpoint {
            host: host.to_owned(),
            port,
        },
    ))
}
