//! Configurations, as Kafka's tool prints them, or as JSON.

use millrace_client::admin::{Admin, ConfigEntry, ConfigResource, DescribeConfigs};
use serde_json::{Value, json};

use super::entity::{Entities, own_source};
use crate::tools::stdout::{print, print_json};

pub(super) async fn describe(
    admin: &Admin,
    entities: &Entities,
    all: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let mut text = String::new();
    let mut documents = Vec::new();
    for resource in entities.list(admin).await? {
        let what = DescribeConfigs {
            synonyms: true,
            ..DescribeConfigs::default()
        };
        let configs = admin.describe_configs(&resource, &what).await?;
        let own = own_source(&resource);
        let shown: Vec<&ConfigEntry> = configs
            .values()
            .filter(|entry| all || entry.source == own)
            .collect();
        if as_json {
            documents.push(document(&resource, &shown));
            continue;
        }
        let heading = match (&resource, all) {
            (ConfigResource::AllBrokers, _) => {
                "Default configs for brokers in the cluster are:".to_owned()
            }
            (resource, true) => format!("All configs for {resource} are:"),
            (resource, false) => format!("Dynamic configs for {resource} are:"),
        };
        text.push_str(&heading);
        text.push('\n');
        for entry in shown {
            text.push_str(&line(entry));
            text.push('\n');
        }
    }
    if as_json {
        return Ok(print_json(&Value::Array(documents))?);
    }
    Ok(print(text)?)
}

fn line(entry: &ConfigEntry) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms: Vec<String> = entry
        .synonyms
        .iter()
        .map(|synonym| {
            format!(
                "{}:{}={}",
                synonym.source.name(),
                synonym.name,
                value(&synonym.value)
            )
        })
        .collect();
    format!(
        "  {}={} sensitive={} synonyms={{{}}}",
        entry.name,
        value(&entry.value),
        entry.is_sensitive,
        synonyms.join(", ")
    )
}

fn document(resource: &ConfigResource, entries: &[&ConfigEntry]) -> Value {
    let entry = |entry: &&ConfigEntry| {
        let synonyms = entry.synonyms.iter().map(|synonym| {
            json!({"name": synonym.name, "value": synonym.value, "source": synonym.source.name()})
        });
        json!({
            "name": entry.name,
            "value": entry.value,
            "source": entry.source.name(),
            "readOnly": entry.is_read_only,
            "sensitive": entry.is_sensitive,
            "synonyms": synonyms.collect::<Vec<_>>(),
        })
    };
    json!({
        "entity": resource.to_string(),
        "configs": entries.iter().map(entry).collect::<Vec<_>>(),
    })
}
