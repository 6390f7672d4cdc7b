//! ReplaceField: fields left out, or under another name.

use std::sync::Arc;

use millrace_api::config::{Config, Value as Given};
use millrace_api::{
    ConnectError, Datum, Field, Properties, Records, Schema, Side, Struct, Transform, Value,
};

use super::support::{
    Entries, SchemaCache, apply_defaults, basics, copied, each_present, map_of, struct_of,
};
use crate::converters::parse;

const PURPOSE: &str = "field replacement";

/// What ReplaceField needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ReplaceFieldConfig {
    /// Fields to leave out, even if they are included.
    #[config(name = "exclude", default = "")]
    pub(crate) exclude: Vec<String>,
    /// Fields to keep; if there are any, all others are left out.
    #[config(name = "include", default = "")]
    pub(crate) include: Vec<String>,
    /// New names of fields, as old:new.
    #[config(name = "renames", default = "", validator = are_renames)]
    pub(crate) renames: Vec<String>,
    /// Whether a null in a field that has a default becomes that default.
    #[config(name = "replace.null.with.default", default = true)]
    pub(crate) replace_null: bool,
}

/// Leaves out and renames fields.
#[derive(Debug)]
pub(crate) struct ReplaceField {
    side: Side,
    exclude: Vec<String>,
    include: Vec<String>,
    renames: Vec<(String, String)>,
    replace_null: bool,
    schemas: SchemaCache,
}

impl ReplaceField {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            exclude: Vec::new(),
            include: Vec::new(),
            renames: Vec::new(),
            replace_null: true,
            schemas: SchemaCache::default(),
        }
    }

    fn keeps(&self, field: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|name| name == field);
        !is_in(&self.exclude) && (self.include.is_empty() || is_in(&self.include))
    }

    fn renamed<'a>(&'a self, field: &'a str) -> &'a str {
        let rename = self.renames.iter().find(|(old, _)| old == field);
        rename.map_or(field, |(_, new)| new)
    }

    fn change(&self, datum: &mut Datum) -> Result<(), ConnectError> {
        let value = std::mem::take(&mut datum.value);
        let Some(schema) = &datum.schema else {
            datum.value = Value::Map(self.entries(map_of(value, PURPOSE)?));
            return Ok(());
        };
        let made = self.schemas.get(schema, |schema| {
            let kept = schema.fields().iter();
            let kept = kept.filter(|field| self.keeps(&field.name));
            let fields = kept.map(|field| Field {
                name: self.renamed(&field.name).to_owned(),
                schema: Arc::clone(&field.schema),
            });
            Ok(basics(schema, Schema::structure(fields.collect())?.ty))
        })?;
        let old = struct_of(value, PURPOSE)?;
        let from = Arc::clone(old.schema());
        let mut values = old.into_values();
        apply_defaults(&from, &mut values, self.replace_null);
        let kept = from.fields().iter().zip(values);
        let kept = kept.filter(|(field, _)| self.keeps(&field.name));
        let kept = kept.map(|(field, value)| copied(&field.name, &field.schema, value));
        let values = kept.collect::<Result<_, _>>()?;
        datum.value = Value::Struct(Struct::from_values(Arc::clone(&made), values));
        datum.schema = Some(made);
        Ok(())
    }

    fn entries(&self, mut entries: Entries) -> Entries {
        entries.retain(|(key, _)| matches!(key, Value::String(key) if self.keeps(key)));
        let mut renamed = false;
        for (key, _) in &mut entries {
            let Value::String(name) = key else {
                continue;
            };
            if let Some((_, new)) = self.renames.iter().find(|(old, _)| old == name) {
                name.clone_from(new);
                renamed = true;
            }
        }
        if renamed {
            self.merge_clashes(&mut entries);
        }
        entries
    }

    /// Where a new name was there already, the last value counts, in the place of the first.
    fn merge_clashes(&self, entries: &mut Entries) {
        for (_, new) in &self.renames {
            let is_new = |key: &Value| matches!(key, Value::String(key) if key == new);
            let Some(first) = entries.iter().position(|(key, _)| is_new(key)) else {
                continue;
            };
            while let Some(next) = entries[first + 1..].iter().position(|(key, _)| is_new(key)) {
                entries[first].1 = entries.remove(first + 1 + next).1;
            }
        }
    }
}

impl Transform for ReplaceField {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: ReplaceFieldConfig = parse(settings)?;
        self.exclude = or_former(config.exclude, settings, "blacklist");
        self.include = or_former(config.include, settings, "whitelist");
        self.renames = renames(&config.renames).map_err(ConnectError::config)?;
        self.replace_null = config.replace_null;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        each_present(records, self.side, |datum| self.change(datum));
    }
}

/// A list, or what is given under the name that its key had up to Kafka 3.
fn or_former(list: Vec<String>, settings: &Properties, former: &str) -> Vec<String> {
    match settings.get(former).map(|text| text.trim()) {
        Some(text) if list.is_empty() && !text.is_empty() => {
            text.split(',').map(|item| item.trim().to_owned()).collect()
        }
        _ => list,
    }
}

fn are_renames(_key: &str, value: &Given) -> Result<(), String> {
    renames(value.as_list().unwrap_or_default()).map(|_| ())
}

fn renames(items: &[String]) -> Result<Vec<(String, String)>, String> {
    let pair = |item: &String| match item.trim_end_matches(':').split(':').collect::<Vec<_>>()[..] {
        [old, new] => Ok((old.to_owned(), new.to_owned())),
        _ => Err(format!("Invalid rename mapping: {item}")),
    };
    items.iter().map(pair).collect()
}
