//! JSON Schemas as Connect schemas.
//!
//! Facts: the drafts 4 to 2020-12 of JSON Schema, and what Confluent's converter makes of them. References lead to parts
//! of the same text, or to the schemas that the registry says it refers to.

use std::sync::Arc;

use millrace_api::{ConnectError, Field, Schema, SchemaType, Value};
use serde_json::{Map, Value as Json};

use super::super::json::Document;
use super::config::{JsonSchemaConfig, props};
use super::read;

/// A schema that unfolds to more types than this is a mistake or malice.
const TYPES_MAX: usize = 100_000;

/// The Connect schema of a JSON Schema. `references` are named texts; `version` counts where the schema names none.
pub(super) fn connect_schema(
    config: &JsonSchemaConfig,
    root: &Json,
    references: &[(String, Json)],
    version: Option<i32>,
) -> Result<Arc<Schema>, ConnectError> {
    let mut builder = Builder {
        config,
        references,
        open: Vec::new(),
        types: 0,
        unions: 0,
    };
    builder
        .part(Place { root, json: root }, version, false)
        .map(Arc::new)
}

/// A part of a text.
#[derive(Clone, Copy)]
struct Place<'a> {
    root: &'a Json,
    json: &'a Json,
}

struct Builder<'a> {
    config: &'a JsonSchemaConfig,
    references: &'a [(String, Json)],
    /// The references that are being followed.
    open: Vec<*const Json>,
    types: usize,
    unions: usize,
}

fn refused(why: impl std::fmt::Display) -> ConnectError {
    ConnectError::data(format!("the JSON Schema has no Connect schema: {why}"))
}

impl<'a> Builder<'a> {
    fn part(
        &mut self,
        place: Place<'a>,
        version: Option<i32>,
        optional: bool,
    ) -> Result<Schema, ConnectError> {
        self.types += 1;
        if self.types > TYPES_MAX {
            return Err(refused("it unfolds to too many types"));
        }
        let Json::Object(members) = place.json else {
            return Err(refused("a part of it allows every value, or none"));
        };
        if let Some(reference) = members.get("$ref").and_then(Json::as_str) {
            let target = self.follow(place.root, reference)?;
            let address: *const Json = target.json;
            if self.open.contains(&address) {
                return Err(refused(format!(
                    "{reference} holds itself, and a Connect schema here cannot; use JsonConverter or ByteArrayConverter to pass such records on"
                )));
            }
            self.open.push(address);
            let schema = self.part(target, version, optional);
            self.open.pop();
            return schema;
        }
        let at = |json| Place {
            root: place.root,
            json,
        };
        for keyword in ["oneOf", "anyOf"] {
            if let Some(list) = members.get(keyword).and_then(Json::as_array)
                && !has_properties(members)
            {
                let list = list.iter().map(at).collect();
                return self.one_of(members, list, version, optional);
            }
        }
        if let Some(list) = members.get("allOf").and_then(Json::as_array) {
            let mut parts: Vec<Place<'a>> = list.iter().map(at).collect();
            if has_properties(members) {
                parts.push(place);
            }
            return self.all_of(members, &parts, version, optional);
        }
        if let Some(types) = members.get("type").and_then(Json::as_array) {
            return self.types(place, members, types, version, optional);
        }
        let ty = members.get("type").and_then(Json::as_str);
        let schema = self.typed(place, members, ty)?;
        self.described(schema, members, version, optional)
    }

    /// The part that a reference leads to.
    fn follow(&self, root: &'a Json, reference: &str) -> Result<Place<'a>, ConnectError> {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let nowhere = || refused(format!("{reference} leads nowhere"));
        let root = match file {
            "" => root,
            file => {
                let found = self.references.iter().find(|(name, _)| name == file);
                match found {
                    Some((_, json)) => json,
                    // A schema may name itself by its own id.
                    None if root.get("$id").and_then(Json::as_str) == Some(file) => root,
                    None => return Err(nowhere()),
                }
            }
        };
        let json = match pointer.is_empty() || pointer.starts_with('/') {
            true => root.pointer(pointer),
            false => None,
        };
        Ok(Place {
            root,
            json: json.ok_or_else(nowhere)?,
        })
    }

    /// Several types, of which a value has one.
    fn types(
        &mut self,
        place: Place<'a>,
        members: &'a Map<String, Json>,
        types: &'a [Json],
        version: Option<i32>,
        optional: bool,
    ) -> Result<Schema, ConnectError> {
        let names: Vec<&str> = types.iter().filter_map(Json::as_str).collect();
        let real: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| *name != "null")
            .collect();
        let nullable = real.len() < names.len();
        if let [ty] = real.as_slice() {
            let schema = self.typed(place, members, Some(ty))?;
            return self.described(schema, members, version, optional || nullable);
        }
        let mut schemas = Vec::with_capacity(real.len());
        for ty in real {
            let mut schema = self.typed(place, members, Some(ty))?;
            schema.optional = true;
            schemas.push(schema);
        }
        let schema = self.union(schemas, nullable)?;
        self.described(schema, members, version, optional)
    }

    fn one_of(
        &mut self,
        members: &'a Map<String, Json>,
        list: Vec<Place<'a>>,
        version: Option<i32>,
        optional: bool,
    ) -> Result<Schema, ConnectError> {
        let is_null =
            |place: &Place<'_>| place.json.get("type").and_then(Json::as_str) == Some("null");
        match list.as_slice() {
            [one] if self.config.flatten_singletons => return self.part(*one, None, false),
            [a, b] if is_null(a) != is_null(b) => {
                let member = if is_null(a) { b } else { a };
                return self.part(*member, version, true);
            }
            _ => {}
        }
        let nullable = list.iter().any(is_null);
        let mut schemas = Vec::with_capacity(list.len());
        for place in list.into_iter().filter(|place| !is_null(place)) {
            schemas.push(self.part(place, None, true)?);
        }
        let schema = self.union(schemas, nullable)?;
        self.described(schema, members, version, optional)
    }

    fn union(&mut self, schemas: Vec<Schema>, nullable: bool) -> Result<Schema, ConnectError> {
        let general = self.config.generalized;
        let name = match general {
            true => format!("connect_union_{}", self.unions),
            false => props::ONE_OF.to_owned(),
        };
        self.unions += 1;
        let fields = schemas
            .into_iter()
            .enumerate()
            .map(|(index, schema)| Field {
                name: match general {
                    true => format!("connect_union_field_{index}"),
                    false => format!("{name}.field.{index}"),
                },
                schema: Arc::new(schema),
            });
        let mut schema = Schema::structure(fields.collect())?.named(name.clone());
        schema.optional = nullable;
        if general {
            schema = schema.with_parameter(props::GENERAL_UNION, name);
        }
        Ok(schema)
    }

    /// Several schemas that all hold: their properties together, or the one that says most of a simple value.
    fn all_of(
        &mut self,
        members: &'a Map<String, Json>,
        parts: &[Place<'a>],
        version: Option<i32>,
        optional: bool,
    ) -> Result<Schema, ConnectError> {
        if let [one] = parts
            && self.config.flatten_singletons
        {
            return self.part(*one, None, false);
        }
        let mut properties = Vec::new();
        for part in parts {
            self.collect(*part, &mut properties, 0)?;
        }
        if !properties.is_empty() {
            let schema = self.structure(properties)?;
            return self.described(schema, members, None, optional);
        }
        let has = |place: &&Place<'_>, keyword: &str| place.json.get(keyword).is_some();
        let find = |keywords: &[&str]| {
            parts
                .iter()
                .find(|place| keywords.iter().any(|keyword| has(place, keyword)))
        };
        let found = find(&["oneOf", "anyOf", "allOf"])
            .or_else(|| {
                find(&["enum"]).filter(|_| !parts.iter().any(|place| is_number(place.json)))
            })
            .or_else(|| find(&["type"]))
            .or_else(|| find(&["$ref", "const"]));
        match found {
            Some(place) => self.part(*place, version, optional),
            None => Err(refused(
                "the parts of an allOf have neither type nor properties",
            )),
        }
    }

    /// Adds the properties of a part and of those that it refers to; of the same name, the last one counts.
    fn collect(
        &self,
        place: Place<'a>,
        found: &mut Vec<Property<'a>>,
        depth: usize,
    ) -> Result<(), ConnectError> {
        if depth > 100 {
            return Err(refused("its parts refer to each other without end"));
        }
        if let Some(reference) = place.json.get("$ref").and_then(Json::as_str) {
            return self.collect(self.follow(place.root, reference)?, found, depth + 1);
        }
        for part in place
            .json
            .get("allOf")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            self.collect(
                Place {
                    root: place.root,
                    json: part,
                },
                found,
                depth + 1,
            )?;
        }
        for property in own_properties(place) {
            match found.iter_mut().find(|known| known.name == property.name) {
                Some(known) => *known = property,
                None => found.push(property),
            }
        }
        Ok(())
    }

    fn structure(&mut self, mut properties: Vec<Property<'a>>) -> Result<Schema, ConnectError> {
        properties.sort_by_key(|property| property.index);
        let mut fields = Vec::with_capacity(properties.len());
        for property in properties {
            let optional = self.config.optional_nonrequired && !property.required;
            fields.push(Field {
                name: property.name.to_owned(),
                schema: Arc::new(self.part(property.place, None, optional)?),
            });
        }
        Schema::structure(fields)
    }

    fn typed(
        &mut self,
        place: Place<'a>,
        members: &'a Map<String, Json>,
        ty: Option<&str>,
    ) -> Result<Schema, ConnectError> {
        let exact = members.get(props::CONNECT_TYPE).and_then(Json::as_str);
        let is_text = matches!(ty, None | Some("string"));
        if let Some(symbols) = members
            .get("enum")
            .and_then(Json::as_array)
            .filter(|_| is_text)
        {
            return Ok(self.enumeration(symbols));
        }
        if let (None, Some(constant)) = (ty, members.get("const")) {
            return Ok(self.enumeration(std::slice::from_ref(constant)));
        }
        let at = |json| Place {
            root: place.root,
            json,
        };
        Ok(match ty {
            Some("boolean") => Schema::new(SchemaType::Boolean),
            Some(ty @ ("integer" | "number")) => number(ty, exact)?,
            Some("string") if exact == Some("bytes") => Schema::new(SchemaType::Bytes),
            Some("string") => Schema::new(SchemaType::String),
            Some("array") => {
                let items = members.get("items").filter(|items| !items.is_array());
                let items =
                    items.ok_or_else(|| refused("Array schema did not specify the items type"))?;
                let own = items.get("properties");
                match own.map(|own| (own.get("key"), own.get("value"))) {
                    Some((Some(key), Some(value))) if exact == Some("map") => {
                        let key = Arc::new(self.part(at(key), None, false)?);
                        let value = Arc::new(self.part(at(value), None, false)?);
                        Schema::new(SchemaType::Map(Some(key), Some(value)))
                    }
                    _ => {
                        let element = Arc::new(self.part(at(items), None, false)?);
                        Schema::new(SchemaType::Array(Some(element)))
                    }
                }
            }
            Some("object") | None if exact == Some("map") => {
                let value = members.get("additionalProperties");
                let value =
                    value.ok_or_else(|| refused("a map does not say what its values are"))?;
                let value = Arc::new(self.part(at(value), None, false)?);
                Schema::new(SchemaType::Map(Some(Schema::string()), Some(value)))
            }
            Some("object") => self.structure(own_properties(place))?,
            None if has_properties(members) => self.structure(own_properties(place))?,
            Some(other) => {
                return Err(refused(format!(
                    "{other} is no type that a record's value has"
                )));
            }
            None => return Err(refused("a part of it names no type")),
        })
    }

    fn enumeration(&self, symbols: &[Json]) -> Schema {
        let parameter = self.config.enum_parameter();
        let mut schema = Schema::new(SchemaType::String).with_parameter(parameter, "");
        for (index, symbol) in symbols.iter().enumerate() {
            let symbol = match symbol {
                Json::Null => props::NULL.to_owned(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            let value = match self.config.generalized {
                true => index.to_string(),
                false => symbol.clone(),
            };
            schema = schema.with_parameter(format!("{parameter}.{symbol}"), value);
        }
        schema
    }

    /// The schema with what stands beside its type.
    fn described(
        &self,
        mut schema: Schema,
        members: &Map<String, Json>,
        version: Option<i32>,
        optional: bool,
    ) -> Result<Schema, ConnectError> {
        let text = |key: &str| members.get(key).and_then(Json::as_str).map(str::to_owned);
        if schema.name.is_none() {
            schema.name = text("title");
        }
        let own = members.get(props::CONNECT_VERSION).and_then(Json::as_i64);
        schema.version = own.and_then(|own| i32::try_from(own).ok()).or(version);
        schema.doc = text("description");
        if let Some(parameters) = members
            .get(props::CONNECT_PARAMETERS)
            .and_then(Json::as_object)
        {
            let texts = parameters
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
            schema.parameters.extend(texts);
        }
        if let Some(default) = members.get("default").filter(|default| !default.is_null()) {
            let text = default.to_string();
            let value = read::value(
                &Arc::new(schema.clone()),
                Some(&Document::parse_all(&text)?),
            )?;
            schema.default = Some(value).filter(|value| *value != Value::Null);
        }
        schema.optional |= optional;
        Ok(schema)
    }
}

/// A property of an object.
struct Property<'a> {
    name: &'a str,
    place: Place<'a>,
    required: bool,
    index: i64,
}

fn own_properties(place: Place<'_>) -> Vec<Property<'_>> {
    let Some(properties) = place.json.get("properties").and_then(Json::as_object) else {
        return Vec::new();
    };
    let required = place.json.get("required").and_then(Json::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|known| known.as_str() == Some(name)))
    };
    let own = properties
        .iter()
        .zip(0..)
        .map(|((name, json), position)| Property {
            name,
            place: Place {
                root: place.root,
                json,
            },
            required: is_required(name),
            index: json
                .get(props::CONNECT_INDEX)
                .and_then(Json::as_i64)
                .unwrap_or(position),
        });
    own.collect()
}

fn has_properties(members: &Map<String, Json>) -> bool {
    members
        .get("properties")
        .and_then(Json::as_object)
        .is_some_and(|own| !own.is_empty())
}

fn is_number(json: &Json) -> bool {
    matches!(
        json.get("type").and_then(Json::as_str),
        Some("number" | "integer")
    )
}

fn number(ty: &str, exact: Option<&str>) -> Result<Schema, ConnectError> {
    Ok(Schema::new(match (exact, ty) {
        (Some("int8"), _) => SchemaType::Int8,
        (Some("int16"), _) => SchemaType::Int16,
        (Some("int32"), _) => SchemaType::Int32,
        (Some("int64"), _) | (None, "integer") => SchemaType::Int64,
        (Some("float32"), _) => SchemaType::Float32,
        (Some("float64"), _) | (None, _) => SchemaType::Float64,
        (Some("bytes"), _) => SchemaType::Bytes,
        (Some(other), _) => return Err(refused(format!("connect.type {other} is no number"))),
    }))
}
