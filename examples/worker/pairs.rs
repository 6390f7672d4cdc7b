//! A converter between flat values and text like `meter=m1;watts=100`.

use millrace_api::{
    ConnectError, Converter, ConverterKind, Datum, Execution, Plugin, Properties, Value,
};
use millrace_config::Config;

/// What the worker lists.
pub(crate) const PLUGIN: Plugin = Plugin {
    class: "example.PairsConverter",
    aliases: &[],
    version: env!("CARGO_PKG_VERSION"),
    execution: Execution::Async,
};

/// The keys below `key.converter.` or `value.converter.`.
#[derive(Debug, Clone, Config)]
pub(crate) struct PairsConfig {
    /// What stands between two pairs.
    #[config(name = "separator", default = ";", non_empty)]
    separator: String,
}

/// Writes the fields of structs and maps; reads maps of texts, for pairs tell no types.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    separator: String,
}

impl Pairs {
    fn write(&self, name: &str, value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        let text = match value {
            Value::Null => return Ok(()),
            Value::Array(_) | Value::Map(_) | Value::Struct(_) => {
                return Err(ConnectError::data(format!("the field {name} is not flat")));
            }
            value => value.to_string(),
        };
        if [name, &text]
            .iter()
            .any(|part| part.contains(&self.separator))
        {
            let text = format!("the field {name} contains the separator");
            return Err(ConnectError::data(text));
        }
        if !out.is_empty() {
            out.extend_from_slice(self.separator.as_bytes());
        }
        out.extend_from_slice(format!("{name}={text}").as_bytes());
        Ok(())
    }
}

impl Converter for Pairs {
    fn configure(
        &mut self,
        settings: &Properties,
        _kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        let config = PairsConfig::parse(settings)
            .map_err(|errors| ConnectError::config(errors.to_string()))?;
        self.separator = config.separator;
        Ok(())
    }

    fn encode(&self, _topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        // Other records' bytes stand before these.
        let mut pairs = Vec::new();
        match &datum.value {
            Value::Null => return Ok(false),
            Value::Struct(fields) => {
                for (field, value) in fields.iter() {
                    self.write(&field.name, value, &mut pairs)?;
                }
            }
            Value::Map(entries) => {
                for (name, value) in entries {
                    self.write(&name.to_string(), value, &mut pairs)?;
                }
            }
            _ => return Err(ConnectError::data("only structs and maps are pairs")),
        }
        out.extend_from_slice(&pairs);
        Ok(true)
    }

    fn decode(&self, _topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        let Some(bytes) = bytes else {
            return Ok(Datum::default());
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ConnectError::data("pairs are UTF-8").caused_by(error))?;
        let parts = text.split(&self.separator).filter(|part| !part.is_empty());
        let pair = |part: &str| match part.split_once('=') {
            Some((name, value)) => Ok((
                Value::String(name.to_owned()),
                Value::String(value.to_owned()),
            )),
            None => Err(ConnectError::data(format!("\"{part}\" is no pair"))),
        };
        let entries = parts.map(pair).collect::<Result<_, _>>()?;
        Ok(Datum::schemaless(Value::Map(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converter() -> Pairs {
        let mut converter = Pairs::default();
        let settings = Properties::new();
        converter
            .configure(&settings, ConverterKind::Value)
            .unwrap();
        converter
    }

    #[test]
    fn pairs_survive_the_way_there_and_back() {
        let datum = converter().decode("t", Some(b"a=1;b=x=y")).unwrap();
        let mut out = b"before".to_vec();
        assert!(converter().encode("t", &datum, &mut out).unwrap());
        assert_eq!(out, b"beforea=1;b=x=y");
    }

    #[test]
    fn what_are_no_pairs_is_refused() {
        for bytes in [&b"a"[..], b"a=1;b", b"\xff"] {
            assert!(converter().decode("t", Some(bytes)).is_err(), "{bytes:?}");
        }
        let separator = (Value::String("a".into()), Value::String("1;2".into()));
        let datum = Datum::schemaless(Value::Map(vec![separator]));
        assert!(converter().encode("t", &datum, &mut Vec::new()).is_err());
    }
}
