//! Messages and enums of a schema and its imports, with the types of fields found.

use std::collections::{BTreeMap, HashMap};

use millrace_api::ConnectError;

use super::lexer::refused;
use super::parser::{self, File, Label};
use super::well_known;

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    /// A message, by its place in the schema.
    Message(usize),
    /// An enum, by its place in the schema.
    Enum(usize),
}

impl Type {
    /// A simple type by its name.
    pub(super) fn simple(name: &str) -> Option<Self> {
        Some(match name {
            "double" => Self::Double,
            "float" => Self::Float,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "uint32" => Self::Uint32,
            "uint64" => Self::Uint64,
            "sint32" => Self::Sint32,
            "sint64" => Self::Sint64,
            "fixed32" => Self::Fixed32,
            "fixed64" => Self::Fixed64,
            "sfixed32" => Self::Sfixed32,
            "sfixed64" => Self::Sfixed64,
            "bool" => Self::Bool,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            _ => return None,
        })
    }

    /// The name of a number's type, where it is none that Connect has.
    pub(super) fn special_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Fixed32 => "fixed32",
            Self::Fixed64 => "fixed64",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            _ => return None,
        })
    }

    /// Whether several values may stand in one packed field.
    pub(super) fn packs(self) -> bool {
        !matches!(self, Self::String | Self::Bytes | Self::Message(_))
    }
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) full_name: String,
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    pub(super) oneofs: Vec<String>,
    /// The messages within it, in the order of the text.
    pub(super) nested: Vec<usize>,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) ty: Type,
    /// The type of a map's key.
    pub(super) key: Option<Type>,
    pub(super) repeated: bool,
    /// Whether it says `optional`.
    pub(super) optional: bool,
    /// Whether the file is one of proto2, whose fields are all either there or not.
    pub(super) proto2: bool,
    pub(super) oneof: Option<usize>,
    pub(super) packed: bool,
    pub(super) params: BTreeMap<String, String>,
}

/// An enum.
#[derive(Debug)]
pub(super) struct Enumeration {
    pub(super) full_name: String,
    pub(super) name: String,
    pub(super) values: Vec<(String, i32)>,
}

/// A schema.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enumeration>,
    /// The messages of the schema itself, in the order of the text.
    pub(super) roots: Vec<usize>,
    names: HashMap<String, Type>,
}

impl Model {
    /// Reads a schema and those that it imports: from `references`, or the well-known ones.
    pub(super) fn parse(text: &str, references: &[(String, String)]) -> Result<Self, ConnectError> {
        let mut model = Self {
            messages: Vec::new(),
            enums: Vec::new(),
            roots: Vec::new(),
            names: HashMap::new(),
        };
        let root = parser::parse(text)?;
        let mut files = Vec::new();
        let mut known: Vec<&str> = Vec::new();
        for (name, text) in references {
            files.push(parser::parse(text)?);
            known.push(name);
        }
        let mut wanted: Vec<String> = root.imports.clone();
        wanted.extend(files.iter().flat_map(|file| file.imports.clone()));
        wanted.sort();
        wanted.dedup();
        for import in &wanted {
            if let Some(text) =
                well_known::text(import).filter(|_| !known.contains(&import.as_str()))
            {
                files.push(parser::parse(text)?);
            }
        }
        files.push(root);
        for file in &files {
            model.roots = model.declare_file(file)?;
        }
        let mut place = 0;
        for file in &files {
            for message in &file.messages {
                model.link(file, message, &mut place)?;
            }
        }
        Ok(model)
    }

    /// The message that a path of places leads to: into the file's, then into each one's own.
    pub(super) fn at(&self, path: &[i32]) -> Result<usize, ConnectError> {
        let mut among = &self.roots;
        let mut found = None;
        for index in path {
            let message = usize::try_from(*index)
                .ok()
                .and_then(|index| among.get(index));
            let message = message.ok_or_else(|| {
                ConnectError::data(format!(
                    "the schema has no message with the indexes {path:?}"
                ))
            })?;
            found = Some(*message);
            among = &self.messages[*message].nested;
        }
        found.ok_or_else(|| ConnectError::data("the schema has no message"))
    }

    /// The path to the message of a name, in full or simple; else to the first.
    pub(super) fn path_to(&self, name: &str) -> (usize, Vec<i32>) {
        let simple = name.rsplit('.').next().unwrap_or(name);
        let first = || self.roots.first().map(|root| (*root, vec![0]));
        self.search(&self.roots, &|message| message.full_name == name)
            .or_else(|| self.search(&self.roots, &|message| message.name == simple))
            .or_else(first)
            .unwrap_or((0, vec![0]))
    }

    fn search(&self, among: &[usize], is: &impl Fn(&Message) -> bool) -> Option<(usize, Vec<i32>)> {
        for (index, place) in (0..).zip(among) {
            if is(&self.messages[*place]) {
                return Some((*place, vec![index]));
            }
            if let Some((found, mut path)) = self.search(&self.messages[*place].nested, is) {
                path.insert(0, index);
                return Some((found, path));
            }
        }
        None
    }

    fn declare_file(&mut self, file: &File) -> Result<Vec<usize>, ConnectError> {
        for enumeration in &file.enums {
            self.declare_enum(&file.package, enumeration)?;
        }
        let messages = file.messages.iter();
        messages
            .map(|message| self.declare(&file.package, message))
            .collect()
    }

    fn declare(&mut self, scope: &str, message: &parser::Message) -> Result<usize, ConnectError> {
        let full_name = joined(scope, &message.name);
        let place = self.messages.len();
        self.name(&full_name, Type::Message(place))?;
        self.messages.push(Message {
            name: message.name.clone(),
            fields: Vec::new(),
            oneofs: message.oneofs.clone(),
            nested: Vec::new(),
            full_name: full_name.clone(),
        });
        for enumeration in &message.enums {
            self.declare_enum(&full_name, enumeration)?;
        }
        for nested in &message.messages {
            let nested = self.declare(&full_name, nested)?;
            self.messages[place].nested.push(nested);
        }
        Ok(place)
    }

    fn declare_enum(
        &mut self,
        scope: &str,
        enumeration: &parser::Enumeration,
    ) -> Result<(), ConnectError> {
        let full_name = joined(scope, &enumeration.name);
        self.name(&full_name, Type::Enum(self.enums.len()))?;
        self.enums.push(Enumeration {
            full_name,
            name: enumeration.name.clone(),
            values: enumeration.values.clone(),
        });
        Ok(())
    }

    fn name(&mut self, full_name: &str, ty: Type) -> Result<(), ConnectError> {
        match self.names.insert(full_name.to_owned(), ty) {
            Some(_) => Err(refused(format!("{full_name} is described twice"))),
            None => Ok(()),
        }
    }

    /// Finds the types of a message's fields; messages come in the order in which they were declared.
    fn link(
        &mut self,
        file: &File,
        message: &parser::Message,
        place: &mut usize,
    ) -> Result<(), ConnectError> {
        let own = *place;
        *place += 1;
        let scope = self.messages[own].full_name.clone();
        let mut fields = Vec::with_capacity(message.fields.len());
        for field in &message.fields {
            let ty = self.find(&scope, &field.ty)?;
            let key = field
                .key
                .as_deref()
                .map(|key| self.find(&scope, key))
                .transpose()?;
            if key.is_some_and(|key| {
                matches!(
                    key,
                    Type::Double | Type::Float | Type::Bytes | Type::Message(_) | Type::Enum(_)
                )
            }) {
                return Err(refused(format!(
                    "{scope}.{} is a map with keys that maps cannot have",
                    field.name
                )));
            }
            fields.push(Field {
                name: field.name.clone(),
                number: field.number,
                ty,
                key,
                repeated: field.label == Label::Repeated,
                optional: field.label == Label::Optional,
                proto2: file.proto2,
                oneof: field.oneof,
                packed: field.packed.unwrap_or(!file.proto2) && ty.packs(),
                params: field.params.clone(),
            });
        }
        self.messages[own].fields = fields;
        for nested in &message.messages {
            self.link(file, nested, place)?;
        }
        Ok(())
    }

    /// The type of a name as it is seen from `scope`: the innermost first.
    fn find(&self, scope: &str, name: &str) -> Result<Type, ConnectError> {
        if let Some(simple) = Type::simple(name) {
            return Ok(simple);
        }
        let missing = || {
            refused(format!(
                "{scope} has a field of the type {name}, which is described nowhere"
            ))
        };
        if let Some(absolute) = name.strip_prefix('.') {
            return self.names.get(absolute).copied().ok_or_else(missing);
        }
        let mut scope_left = scope;
        loop {
            if let Some(found) = self.names.get(&joined(scope_left, name)) {
                return Ok(*found);
            }
            if scope_left.is_empty() {
                return Err(missing());
            }
            scope_left = scope_left.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    }
}

fn joined(scope: &str, name: &str) -> String {
    match scope {
        "" => name.to_owned(),
        scope => format!("{scope}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_from_within_outward() {
        let other = r#"syntax="proto3"; package x; message T { int32 a = 1; }"#.to_owned();
        let text = r#"syntax="proto3"; package a.b; import "x.proto"; import "google/protobuf/timestamp.proto";
            message M { message T { string s = 1; } T own = 1; x.T other = 2; .a.b.N next = 3;
              google.protobuf.Timestamp at = 4; E e = 5; }
            message N { message Deep { } } enum E { Z = 0; }"#;
        let model = Model::parse(text, &[("x.proto".into(), other)]).unwrap();
        let root = model.at(&[0]).unwrap();
        let names: Vec<&str> = model.messages[root]
            .fields
            .iter()
            .map(|field| match field.ty {
                Type::Message(place) => model.messages[place].full_name.as_str(),
                Type::Enum(place) => model.enums[place].full_name.as_str(),
                _ => "simple",
            })
            .collect();
        assert_eq!(
            names,
            [
                "a.b.M.T",
                "x.T",
                "a.b.N",
                "google.protobuf.Timestamp",
                "a.b.E"
            ]
        );
        assert_eq!(model.path_to("a.b.N.Deep").1, [1, 0]);
        assert_eq!(model.path_to("other.N").1, [1]);
        assert_eq!(model.path_to("none").1, [0]);
        assert!(model.at(&[2]).is_err() && model.at(&[]).is_err() && model.at(&[-1]).is_err());
        let missing = Model::parse("message M { optional Nope n = 1; }", &[]).unwrap_err();
        assert!(missing.to_string().contains("Nope"), "{missing}");
    }
}
