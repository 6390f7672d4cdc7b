//! References to config providers (`${file:/path:key}`) in files for brokers and clients, and in what the command
//! line has to know of a worker before it starts.

use millrace_config::Properties;
use millrace_worker::ConfigProviders;

const PROVIDERS: &str = "config.providers";

/// The properties with values in the place of references, and without the keys that say where values come from.
///
/// # Errors
/// Providers that cannot be used, or cannot read what is referred to.
pub(crate) fn resolved(properties: &Properties) -> Result<Properties, Vec<String>> {
    if !properties.contains_key(PROVIDERS) {
        return Ok(properties.clone());
    }
    let providers = ConfigProviders::stock(properties).map_err(|errors| {
        errors
            .iter()
            .map(|error| error.message.clone())
            .collect::<Vec<_>>()
    })?;
    let resolved = providers.resolve_blocking(properties);
    let mut resolved = resolved
        .map_err(|error| vec![error.to_string()])?
        .properties;
    resolved.retain(|key, _| key != PROVIDERS && !key.starts_with("config.providers."));
    Ok(resolved)
}
