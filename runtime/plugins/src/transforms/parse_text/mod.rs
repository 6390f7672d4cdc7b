//! ParseRegex and ParseGrok: the parts of a text as fields.
//!
//! A text that is the whole key or value is replaced by a struct (a map where it has no schema) of the parts; the parts
//! of a field are added beside it.

mod grok;
mod patterns;

use std::sync::Arc;

use fancy_regex::Captures;
use millrace_api::config::{Config, ConfigDef, Value as Given};
use millrace_api::{
    ConnectError, Datum, Field, Needs, Properties, Records, Schema, SchemaType, Side, Struct,
    Transform, Value,
};

use self::grok::{Grok, Kind};
use super::support::{
    JavaRegex, SchemaCache, Unreadable, part, put_entry, put_values, text_of, with_fields,
};
use crate::converters::parse;

/// What ParseRegex needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ParseRegexConfig {
    /// The regular expression, in Java's syntax, that the whole text has to match. Its named groups are the fields.
    #[config(name = "regex", importance = high, validator = has_groups)]
    pub(crate) regex: String,
    /// The field that holds the text; empty if the whole key or value is the text.
    #[config(name = "field", default = "", importance = high)]
    pub(crate) field: String,
    /// What becomes of a record whose text does not match: fail it, keep it as it is, or drop it.
    #[config(name = "behavior.on.mismatch", default = "fail")]
    pub(crate) mismatch: Unreadable,
}

/// What ParseGrok needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ParseGrokConfig {
    /// The grok pattern, which is looked for anywhere in the text: a regular expression in which %{NAME:field} stands
    /// for a pattern of that name and makes a field, %{NAME:field:type} one of a type: int, long, float, double,
    /// boolean or string.
    #[config(name = "pattern", importance = high, validator = is_grok)]
    pub(crate) pattern: String,
    /// Patterns of one's own, one a line: a name, a blank, a grok pattern. They win over those that are known.
    #[config(name = "pattern.definitions", default = "", validator = are_definitions)]
    pub(crate) definitions: String,
    /// The field that holds the text; empty if the whole key or value is the text.
    #[config(name = "field", default = "", importance = high)]
    pub(crate) field: String,
    /// What becomes of a record whose text does not match: fail it, keep it as it is, or drop it.
    #[config(name = "behavior.on.mismatch", default = "fail")]
    pub(crate) mismatch: Unreadable,
}

fn has_groups(_key: &str, value: &Given) -> Result<(), String> {
    let Some(pattern) = value.as_str() else {
        return Ok(());
    };
    let regex = JavaRegex::new(pattern).map_err(|why| format!("Invalid regex: {why}"))?;
    match regex.group_names().flatten().next() {
        Some(_) => Ok(()),
        None => Err("no named group, as in (?<name>…), which would be a field".to_owned()),
    }
}

fn is_grok(_key: &str, value: &Given) -> Result<(), String> {
    match value.as_str() {
        Some("") => Err("String must be non-empty".to_owned()),
        Some(pattern) => Grok::check(pattern),
        None => Ok(()),
    }
}

fn are_definitions(_key: &str, value: &Given) -> Result<(), String> {
    grok::definitions(value.as_str().unwrap_or_default()).map(|_| ())
}

/// The keys of one of the two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Syntax {
    /// ParseRegex.
    Regex,
    /// ParseGrok.
    Grok,
}

impl Syntax {
    /// The keys below the step's prefix.
    pub(crate) fn definition(self) -> ConfigDef {
        match self {
            Self::Regex => ParseRegexConfig::definition(),
            Self::Grok => ParseGrokConfig::definition(),
        }
    }
}

/// A pattern with the fields that its groups make.
#[derive(Debug)]
struct Pattern {
    regex: JavaRegex,
    /// Whether the whole text must match.
    whole: bool,
    /// The fields in order, with their types.
    fields: Vec<(String, Kind)>,
    /// The groups, by index, each with the field that it makes.
    groups: Vec<(usize, usize)>,
    /// The fields and their schemas.
    added: Vec<Field>,
}

impl Pattern {
    fn new(regex: JavaRegex, whole: bool, named: impl Fn(&str) -> (String, Kind)) -> Self {
        let mut fields: Vec<(String, Kind)> = Vec::new();
        let mut groups = Vec::new();
        for (index, group) in regex.group_names().enumerate() {
            let Some(group) = group else {
                continue;
            };
            let (name, kind) = named(group);
            let field = fields.iter().position(|(known, _)| *known == name);
            groups.push((index, field.unwrap_or(fields.len())));
            if field.is_none() {
                fields.push((name, kind));
            }
        }
        let added = fields.iter().map(|(name, kind)| Field {
            name: name.clone(),
            schema: Arc::new(kind.schema()),
        });
        Self {
            added: added.collect(),
            regex,
            whole,
            fields,
            groups,
        }
    }

    /// The values of the fields; a field with several groups has the value of the first that takes part.
    fn values(&self, text: &str) -> Result<Vec<Value>, ConnectError> {
        let found = match self.whole {
            true => self.regex.match_whole(text),
            false => self.regex.find(text),
        };
        let found: Captures<'_, str> =
            found.ok_or_else(|| ConnectError::data("the text does not match the pattern"))?;
        let mut values = vec![Value::Null; self.fields.len()];
        for (group, field) in &self.groups {
            if let (Value::Null, Some(text)) = (&values[*field], found.get(*group)) {
                let (name, kind) = &self.fields[*field];
                values[*field] = kind.read(text.as_str()).ok_or_else(|| {
                    ConnectError::data(format!("the field {name} is no {}", kind.name()))
                })?;
            }
        }
        Ok(values)
    }
}

/// Takes texts apart.
#[derive(Debug)]
pub(crate) struct ParseText {
    side: Side,
    syntax: Syntax,
    field: String,
    mismatch: Unreadable,
    pattern: Option<Pattern>,
    /// Of a whole text.
    schema: Option<Arc<Schema>>,
    schemas: SchemaCache,
}

impl ParseText {
    pub(crate) fn new(syntax: Syntax, side: Side) -> Self {
        Self {
            side,
            syntax,
            field: String::new(),
            mismatch: Unreadable::default(),
            pattern: None,
            schema: None,
            schemas: SchemaCache::default(),
        }
    }

    fn put(
        &self,
        pattern: &Pattern,
        values: Vec<Value>,
        datum: &mut Datum,
    ) -> Result<(), ConnectError> {
        let names = pattern.fields.iter().map(|(name, _)| name);
        if self.field.is_empty() {
            *datum = match (&datum.schema, &self.schema) {
                (Some(_), Some(schema)) => {
                    let value = Struct::from_values(Arc::clone(schema), values);
                    Datum::new(Arc::clone(schema), Value::Struct(value))
                }
                _ => {
                    let names = names.map(|name| Value::String(name.clone()));
                    Datum::schemaless(Value::Map(names.zip(values).collect()))
                }
            };
            return Ok(());
        }
        match &mut datum.value {
            Value::Map(entries) => {
                for (name, value) in names.zip(values) {
                    put_entry(entries, name, value);
                }
            }
            Value::Struct(old) => {
                let made = self
                    .schemas
                    .get(old.schema(), |schema| with_fields(schema, &pattern.added))?;
                let new = put_values(old.clone(), &made, names.zip(values));
                *datum = Datum::new(made, Value::Struct(new));
            }
            _ => {}
        }
        Ok(())
    }

    fn change(&self, pattern: &Pattern, datum: &mut Datum) -> Result<bool, ConnectError> {
        let text = part(datum, &self.field).and_then(text_of);
        let values = match text {
            Ok(Some(text)) => pattern.values(&text),
            Ok(None) => return Ok(true),
            Err(error) => Err(error),
        };
        match values {
            Ok(values) => self.put(pattern, values, datum).map(|()| true),
            Err(error) => self.mismatch.settle(error),
        }
    }
}

impl Transform for ParseText {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let pattern = match self.syntax {
            Syntax::Regex => {
                let config: ParseRegexConfig = parse(settings)?;
                (self.field, self.mismatch) = (config.field, config.mismatch);
                let regex = JavaRegex::new(&config.regex).map_err(ConnectError::config)?;
                Pattern::new(regex, true, |group| (group.to_owned(), Kind::Text))
            }
            Syntax::Grok => {
                let config: ParseGrokConfig = parse(settings)?;
                (self.field, self.mismatch) = (config.field, config.mismatch);
                let grok = Grok::compile(&config.pattern, &config.definitions).map_err(|why| {
                    ConnectError::config(format!("pattern cannot be used: {why}"))
                })?;
                let (regex, fields) = grok.into_parts();
                Pattern::new(regex, false, |group| match grok::index(group) {
                    Some(index) => fields[index].clone(),
                    None => (group.to_owned(), Kind::Text),
                })
            }
        };
        let schema = Schema::new(SchemaType::Struct(pattern.added.clone()));
        self.schema = Some(Arc::new(schema));
        self.pattern = Some(pattern);
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let Some(pattern) = &self.pattern else {
            return;
        };
        records.each_kept(Needs::only(self.side), |mut record| {
            self.change(pattern, record.side(self.side))
        });
    }
}
