//! Connect schemas as .proto texts.
//!
//! Facts: Confluent's documentation of ProtobufConverter, and what its converter writes.

use std::fmt::Write as _;

use millrace_api::{ConnectError, Schema, SchemaType, logical};

use super::super::registry::{full_name_parts, scrub};
use super::config::{ProtobufConfig, is_enum, is_union, props};
use super::to_connect::{simple_name, wrapper_of};
use super::well_known::WRAPPERS;

/// A .proto text, and the full name of the message in it that values are written as.
pub(super) fn proto_text(
    config: &ProtobufConfig,
    schema: &Schema,
) -> Result<(String, String), ConnectError> {
    let SchemaType::Struct(_) = schema.ty else {
        let wrapper = wrapper_of(&schema.ty).ok_or_else(|| {
            ConnectError::data(
                "a list or map has no Protobuf schema of its own; put it into a field (HoistField)",
            )
        })?;
        return Ok((WRAPPERS.to_owned(), wrapper.to_owned()));
    };
    let mut builder = Builder {
        config,
        imports: Vec::new(),
        unnamed: 0,
    };
    let full = builder.name_or_default(schema.name.as_deref());
    let (package, name) = full_name_parts(&full);
    let message = builder.message(name, schema)?;
    let mut text = "syntax = \"proto3\";\n".to_owned();
    if let Some(package) = package {
        line(&mut text, 0, &format!("package {package};"));
    }
    text.push('\n');
    builder.imports.sort_unstable();
    builder.imports.dedup();
    for import in &builder.imports {
        line(&mut text, 0, &format!("import \"{import}\";"));
    }
    if !builder.imports.is_empty() {
        text.push('\n');
    }
    message.print(&mut text, 0);
    Ok((text, full))
}

struct Builder<'a> {
    config: &'a ProtobufConfig,
    imports: Vec<&'static str>,
    unnamed: usize,
}

/// A message to be printed: what is in it, line by line.
#[derive(Debug, PartialEq, Default)]
struct Block {
    head: String,
    lines: Vec<String>,
    blocks: Vec<Block>,
}

impl Block {
    fn print(&self, text: &mut String, indent: usize) {
        line(text, indent, &format!("{} {{", self.head));
        for own in &self.lines {
            line(text, indent + 1, own);
        }
        for (index, block) in self.blocks.iter().enumerate() {
            if index > 0 || !self.lines.is_empty() {
                text.push('\n');
            }
            block.print(text, indent + 1);
        }
        line(text, indent, "}");
    }
}

fn line(text: &mut String, indent: usize, line: &str) {
    writeln!(text, "{:indent$}{line}", "", indent = indent * 2)
        .expect("writing to memory succeeds");
}

/// Numbers that fields of a message have.
struct Numbers {
    taken: Vec<u32>,
    next: u32,
}

impl Numbers {
    /// The numbers that the fields of a struct, and of the oneofs in it, say they have.
    fn of(schema: &Schema) -> Self {
        let unions = schema
            .fields()
            .iter()
            .filter(|field| is_union(&field.schema));
        let members = unions.flat_map(|field| field.schema.fields());
        let all = schema.fields().iter().chain(members);
        Self {
            taken: all.filter_map(|field| tag(&field.schema)).collect(),
            next: 0,
        }
    }

    fn number(&mut self, schema: &Schema) -> u32 {
        if let Some(own) = tag(schema) {
            return own;
        }
        loop {
            self.next += 1;
            if !self.taken.contains(&self.next) {
                return self.next;
            }
        }
    }
}

fn tag(schema: &Schema) -> Option<u32> {
    schema
        .parameters
        .get(props::TAG)
        .and_then(|tag| tag.parse().ok())
}

impl Builder<'_> {
    fn name_or_default(&mut self, name: Option<&str>) -> String {
        match name.filter(|name| !name.is_empty()) {
            Some(name) if self.config.scrub => {
                let parts: Vec<String> = name.split('.').map(|part| scrub(part, true)).collect();
                parts.join(".")
            }
            Some(name) => name.to_owned(),
            None => {
                self.unnamed += 1;
                format!("{}{}", props::DEFAULT_NAME, self.unnamed)
            }
        }
    }

    fn message(&mut self, name: &str, schema: &Schema) -> Result<Block, ConnectError> {
        let mut block = Block {
            head: format!("message {name}"),
            ..Block::default()
        };
        let mut numbers = Numbers::of(schema);
        let mut oneofs = Vec::new();
        for field in schema.fields() {
            if is_union(&field.schema) {
                oneofs.push(self.oneof(&field.schema, &mut numbers, &mut block)?);
                continue;
            }
            let number = numbers.number(&field.schema);
            let line = self.field(&field.name, &field.schema, number, false, &mut block)?;
            block.lines.push(line);
        }
        let nested = std::mem::take(&mut block.blocks);
        block.blocks = oneofs.into_iter().chain(nested).collect();
        Ok(block)
    }

    fn oneof(
        &mut self,
        schema: &Schema,
        numbers: &mut Numbers,
        message: &mut Block,
    ) -> Result<Block, ConnectError> {
        let name = match schema.parameters.get(props::GENERAL_UNION) {
            Some(name) => name.clone(),
            None => {
                let name = schema.name.as_deref().unwrap_or_default();
                simple_name(name.strip_prefix(props::UNION_PREFIX).unwrap_or(name)).to_owned()
            }
        };
        let mut block = Block {
            head: format!("oneof {name}"),
            ..Block::default()
        };
        for field in schema.fields() {
            let number = numbers.number(&field.schema);
            let line = self.field(&field.name, &field.schema, number, true, message)?;
            block.lines.push(line);
        }
        Ok(block)
    }

    /// The line of a field; what its type needs is put into the message.
    fn field(
        &mut self,
        name: &str,
        schema: &Schema,
        number: u32,
        in_oneof: bool,
        message: &mut Block,
    ) -> Result<String, ConnectError> {
        let name = if self.config.scrub {
            scrub(name, true)
        } else {
            name.to_owned()
        };
        let mut params = Vec::new();
        let ty = match &schema.ty {
            SchemaType::Array(Some(element)) => {
                let ty = self.single(&name, element, in_oneof, message, &mut params)?;
                format!("repeated {ty}")
            }
            SchemaType::Map(Some(key), Some(value)) => {
                let key = map_key(key)?;
                let value = self.single(&name, value, in_oneof, message, &mut Vec::new())?;
                format!("map<{key}, {value}>")
            }
            SchemaType::Array(None) | SchemaType::Map(..) => {
                return Err(ConnectError::data(format!(
                    "field {name}: a list or map whose elements have no common type has no Protobuf schema"
                )));
            }
            _ => {
                let ty = self.single(&name, schema, in_oneof, message, &mut params)?;
                let says_optional =
                    self.config.optional_for_nullables && schema.optional && !in_oneof;
                match says_optional {
                    true => format!("optional {ty}"),
                    false => ty,
                }
            }
        };
        Ok(format!("{ty} {name} = {number}{};", self.options(&params)))
    }

    /// What Protobuf cannot say of a type, as Confluent's option has it.
    fn options(&mut self, params: &[(&str, String)]) -> String {
        if params.is_empty() {
            return String::new();
        }
        self.imports.push("confluent/meta.proto");
        let entries = params.iter().map(|(key, value)| {
            format!(
                "{{ key: \"{key}\", value: \"{}\" }}",
                value.replace(['"', '\\'], "")
            )
        });
        let entries: Vec<String> = entries.collect();
        format!(
            " [(confluent.field_meta) = {{ params: [{}] }}]",
            entries.join(", ")
        )
    }

    /// The type of a single value.
    fn single(
        &mut self,
        field: &str,
        schema: &Schema,
        in_oneof: bool,
        message: &mut Block,
        params: &mut Vec<(&'static str, String)>,
    ) -> Result<String, ConnectError> {
        if let Some(logical) = self.logical(schema, params) {
            return Ok(logical.to_owned());
        }
        if is_enum(schema) && matches!(schema.ty, SchemaType::String | SchemaType::Int32) {
            return self.enumeration(schema, message);
        }
        if self.config.wraps(schema, in_oneof)
            && let Some(wrapper) = wrapper_of(&schema.ty)
        {
            self.imports.push("google/protobuf/wrappers.proto");
            return Ok(wrapper.to_owned());
        }
        let own = schema.parameters.get(props::TYPE).map(String::as_str);
        let simple = match &schema.ty {
            SchemaType::Int8 => {
                params.push((props::CONNECT_TYPE, "int8".to_owned()));
                "int32"
            }
            SchemaType::Int16 => {
                params.push((props::CONNECT_TYPE, "int16".to_owned()));
                "int32"
            }
            SchemaType::Int32 => own.unwrap_or("int32"),
            SchemaType::Int64 => own.unwrap_or("int64"),
            SchemaType::Float32 => "float",
            SchemaType::Float64 => "double",
            SchemaType::Boolean => "bool",
            SchemaType::String => "string",
            SchemaType::Bytes => "bytes",
            SchemaType::Array(_) | SchemaType::Map(..) => {
                return Err(ConnectError::data(format!(
                    "field {field}: Array cannot be nested"
                )));
            }
            SchemaType::Struct(_) => return self.nested(field, schema, message),
        };
        Ok(simple.to_owned())
    }

    fn logical(
        &mut self,
        schema: &Schema,
        params: &mut Vec<(&'static str, String)>,
    ) -> Option<&'static str> {
        let (ty, import) = match schema.name.as_deref()? {
            logical::DATE => (props::DATE, "google/type/date.proto"),
            logical::TIME => (props::TIME, "google/type/timeofday.proto"),
            logical::TIMESTAMP => (props::TIMESTAMP, "google/protobuf/timestamp.proto"),
            logical::DECIMAL => {
                for (key, own) in [
                    (props::PRECISION, props::CONNECT_PRECISION),
                    (props::SCALE, props::SCALE),
                ] {
                    if let Some(value) = schema.parameters.get(own) {
                        params.push((key, value.clone()));
                    }
                }
                (props::DECIMAL, "confluent/type/decimal.proto")
            }
            _ => return None,
        };
        self.imports.push(import);
        Some(ty)
    }

    fn nested(
        &mut self,
        field: &str,
        schema: &Schema,
        message: &mut Block,
    ) -> Result<String, ConnectError> {
        let full = self.name_or_default(schema.name.as_deref());
        let mut name = simple_name(&full).to_owned();
        if name == field {
            // A message and a field of the same name cannot stand in one message.
            name.push_str("Message");
        }
        let block = self.message(&name, schema)?;
        put(message, block, &full)?;
        Ok(name)
    }

    fn enumeration(
        &mut self,
        schema: &Schema,
        message: &mut Block,
    ) -> Result<String, ConnectError> {
        let full = self.name_or_default(schema.name.as_deref());
        let name = simple_name(&full).to_owned();
        let prefix = format!("{}.", self.config.enum_parameter());
        let values = schema.parameters.iter().filter_map(|(key, number)| {
            Some((key.strip_prefix(&prefix)?, number.parse::<i32>().ok()?))
        });
        let mut values: Vec<(&str, i32)> = values.collect();
        // proto3 wants the value 0 first.
        values.sort_by_key(|(_, number)| (*number != 0, *number));
        let block = Block {
            head: format!("enum {name}"),
            lines: values
                .iter()
                .map(|(symbol, number)| format!("{symbol} = {number};"))
                .collect(),
            blocks: Vec::new(),
        };
        put(message, block, &full)?;
        Ok(name)
    }
}

/// Puts a type into a message, once.
fn put(message: &mut Block, block: Block, name: &str) -> Result<(), ConnectError> {
    match message.blocks.iter().find(|known| known.head == block.head) {
        Some(known) if *known == block => Ok(()),
        Some(_) => Err(ConnectError::data(format!(
            "two types of the schema are called {name} and differ; give each a name of its own (SetSchemaMetadata)"
        ))),
        None => {
            message.blocks.push(block);
            Ok(())
        }
    }
}

fn map_key(key: &Schema) -> Result<&'static str, ConnectError> {
    Ok(match key.ty {
        SchemaType::String => "string",
        SchemaType::Int8 | SchemaType::Int16 | SchemaType::Int32 => "int32",
        SchemaType::Int64 => "int64",
        SchemaType::Boolean => "bool",
        _ => {
            return Err(ConnectError::data(
                "the keys of a map are neither texts nor whole numbers nor booleans, which Protobuf's maps need",
            ));
        }
    })
}
