//! Rows of CSV (RFC 4180): fields between separators, in quotes where they hold separators, quotes or line ends.

use std::sync::Arc;

use millrace_api::{Datum, Field, Schema, Struct, Value};

/// The fields of a row, without its line end.
///
/// # Errors
/// When a quote is where none may be.
pub(crate) fn fields(row: &[u8], separator: u8) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = row;
    loop {
        let (field, behind) = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = memchr::memchr(separator, rest).unwrap_or(rest.len());
                (rest[..end].to_vec(), &rest[end..])
            }
        };
        fields.push(text(field));
        rest = match behind {
            [] => return Ok(fields),
            [byte, behind @ ..] if *byte == separator => behind,
            _ => {
                return Err(format!(
                    "there is text behind the quotes of field {}",
                    fields.len()
                ));
            }
        };
    }
}

/// A field behind its first quote, and what is behind its last one.
fn quoted_field(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    let mut field = Vec::new();
    loop {
        let Some(quote) = memchr::memchr(b'"', rest) else {
            return Err("a quote is not closed".to_owned());
        };
        field.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(behind) => {
                field.push(b'"');
                rest = behind;
            }
            None => return Ok((field, rest)),
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The structure of rows: an optional string for each name of the first row.
///
/// # Errors
/// When a name is missing or there twice.
pub(crate) fn schema(header: &[u8], separator: u8) -> Result<Arc<Schema>, String> {
    let names = fields(header, separator)?;
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("column {} has no name", index + 1));
        }
        if names[..index].contains(name) {
            return Err(format!("two columns have the name {name}"));
        }
    }
    let fields = names.into_iter().map(|name| Field {
        name,
        schema: Schema::optional_string(),
    });
    let schema = Schema::structure(fields.collect()).map_err(|error| error.to_string())?;
    Ok(Arc::new(schema))
}

/// A row as a structure.
///
/// # Errors
/// When it has more or fewer fields than the first row, or quotes where none may be.
pub(crate) fn datum(row: &[u8], separator: u8, schema: &Arc<Schema>) -> Result<Datum, String> {
    let fields = fields(row, separator)?;
    let expected = schema.fields().len();
    if fields.len() != expected {
        return Err(format!(
            "it has {} fields, the first row {expected}",
            fields.len()
        ));
    }
    let values = fields.into_iter().map(Value::String).collect();
    let value = Struct::from_values(Arc::clone(schema), values);
    Ok(Datum::new(Arc::clone(schema), Value::Struct(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_row() {
        let cases: [(&str, &[&str]); 7] = [
            ("a,b", &["a", "b"]),
            ("", &[""]),
            (",", &["", ""]),
            ("\"a,\"\"b\"\"\nc\",d", &["a,\"b\"\nc", "d"]),
            ("\"\",x", &["", "x"]),
            ("a\"b,c", &["a\"b", "c"]),
            ("é,\u{1F600}", &["é", "\u{1F600}"]),
        ];
        for (row, expected) in cases {
            assert_eq!(fields(row.as_bytes(), b',').unwrap(), expected, "{row}");
        }
        assert_eq!(fields(b"a;b,c", b';').unwrap(), ["a", "b,c"]);
        for wrong in ["\"a", "\"a\"b,c", "x,\"a"] {
            assert!(fields(wrong.as_bytes(), b',').is_err(), "{wrong}");
        }
    }

    #[test]
    fn rows_have_the_names_of_the_first() {
        let schema = schema(b"id,name", b',').unwrap();
        let row = datum(b"7,Ada", b',', &schema).unwrap();
        let Value::Struct(row) = row.value else {
            panic!("{row:?}")
        };
        assert_eq!(row.get("name").unwrap(), &Value::String("Ada".to_owned()));
        let wrong = datum(b"7", b',', &schema).unwrap_err();
        assert!(wrong.contains("1 fields, the first row 2"), "{wrong}");
        assert!(super::schema(b"id,id", b',').is_err());
        assert!(super::schema(b"id,", b',').is_err());
    }
}
