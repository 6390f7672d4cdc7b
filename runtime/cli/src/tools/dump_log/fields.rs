//! One line of output: named fields in Kafka's form, or with `--json` an object of the same names.

use std::fmt::{self, Display};

use serde_json::{Map, Value, json};

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    Number(i64),
    Flag(bool),
    Name(&'a str),
    /// A number that need not be there; Java's `OptionalLong` in Kafka's form, else null.
    Optional(Option<i64>),
}

impl Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Optional(None) => f.write_str("OptionalLong.empty"),
            Self::Optional(Some(number)) => write!(f, "OptionalLong[{number}]"),
        }
    }
}

impl From<Field<'_>> for Value {
    fn from(field: Field<'_>) -> Self {
        match field {
            Field::Number(number) => json!(number),
            Field::Flag(flag) => json!(flag),
            Field::Name(name) => json!(name),
            Field::Optional(number) => json!(number),
        }
    }
}

/// The fields of a line, in their order.
pub(super) struct Fields<'a>(pub(super) &'a [(&'a str, Field<'a>)]);

impl Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, field)) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { " " };
            write!(f, "{between}{name}: {field}")?;
        }
        Ok(())
    }
}

impl Fields<'_> {
    /// The object, begun with the file's name.
    pub(super) fn object(&self, file: &str) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("file".to_owned(), json!(file));
        for (name, field) in self.0 {
            object.insert((*name).to_owned(), (*field).into());
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Field, Fields};

    #[test]
    fn a_line_and_an_object_have_the_same_fields() {
        let fields = Fields(&[
            ("offset", Field::Number(-1)),
            ("isvalid", Field::Flag(true)),
            ("compresscodec", Field::Name("zstd")),
            ("horizon", Field::Optional(None)),
            ("first", Field::Optional(Some(7))),
        ]);
        assert_eq!(
            fields.to_string(),
            "offset: -1 isvalid: true compresscodec: zstd horizon: OptionalLong.empty first: OptionalLong[7]"
        );
        let expected = json!({
            "file": "0.log", "offset": -1, "isvalid": true, "compresscodec": "zstd", "horizon": null, "first": 7,
        });
        assert_eq!(json!(fields.object("0.log")), expected);
    }
}
