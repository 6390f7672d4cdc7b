//! Where the source is, and how that is stored as a Connect offset.
//!
//! ```text
//! partition  {"url": "https://example.org/items"}
//! offset     {"offset": "2024-05-01T10:00:00Z", "seen": "9f86d081884c7d65,…",   highest offset, who had it
//!             "since": "2024-05-01T09:00:00Z", "since.seen": "…",               what the present sweep began with
//!             "page": "3", "skip": 20,                                          which page, records of it that are done
//!             "validated": "https://…", "etag": "\"33a6\"", "modified": "…"}    the last page, if it has not changed
//! ```
//!
//! What is at its beginning is left out.

use millrace_api::{ConnectError, OffsetMap};
use serde_json::Value;

use super::level::Level;

const OFFSET: &str = "offset";
const SEEN: &str = "seen";
const SINCE: &str = "since";
const SINCE_SEEN: &str = "since.seen";
const PAGE: &str = "page";
const SKIP: &str = "skip";
const VALIDATED: &str = "validated";
const ETAG: &str = "etag";
const MODIFIED: &str = "modified";
const KEYS: [&str; 9] = [
    OFFSET, SEEN, SINCE, SINCE_SEEN, PAGE, SKIP, VALIDATED, ETAG, MODIFIED,
];

/// Where the source is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Position {
    /// What the sweep began with.
    pub(super) since: Level,
    /// The highest so far.
    pub(super) highest: Level,
    /// The page: a URL, cursor or number, as the pagination has it; none for the first one.
    pub(super) page: Option<String>,
    /// Records of the page that are done.
    pub(super) skip: u64,
    /// What the last page was when it was read.
    pub(super) validators: Option<Validators>,
}

/// What tells whether an answer has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Validators {
    /// Of which URL.
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
}

impl Position {
    /// As it is stored.
    pub(super) fn to_map(&self) -> OffsetMap {
        let mut map = OffsetMap::new();
        put_level(&mut map, (OFFSET, SEEN), &self.highest);
        if self.since != self.highest {
            put_level(&mut map, (SINCE, SINCE_SEEN), &self.since);
        }
        if let Some(page) = &self.page {
            map.insert(PAGE.to_owned(), page.as_str().into());
        }
        if self.skip > 0 {
            map.insert(SKIP.to_owned(), self.skip.into());
        }
        if let Some(validators) = &self.validators {
            map.insert(VALIDATED.to_owned(), validators.url.as_str().into());
            for (key, value) in [(ETAG, &validators.etag), (MODIFIED, &validators.modified)] {
                if let Some(value) = value {
                    map.insert(key.to_owned(), value.as_str().into());
                }
            }
        }
        // A sweep that began with nothing is told from one that is not under way.
        if self.since.value.is_none() && self.highest.value.is_some() {
            map.insert(SINCE.to_owned(), Value::Null);
        }
        map
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// Which part is none of this connector's.
    pub(super) fn from_map(map: &OffsetMap) -> Result<Self, ConnectError> {
        if let Some(unknown) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(wrong(unknown, "it is none of this connector's keys"));
        }
        let highest = level(map, (OFFSET, SEEN))?;
        let since = match map.contains_key(SINCE) {
            true => level(map, (SINCE, SINCE_SEEN))?,
            false => highest.clone(),
        };
        let skip = match map.get(SKIP) {
            None => 0,
            Some(skip) => skip
                .as_u64()
                .ok_or_else(|| wrong(SKIP, "it must be a whole number from 0 on"))?,
        };
        let validators = text(map, VALIDATED)?.map(|url| {
            Ok::<_, ConnectError>(Validators {
                url,
                etag: text(map, ETAG)?,
                modified: text(map, MODIFIED)?,
            })
        });
        Ok(Self {
            since,
            highest,
            page: text(map, PAGE)?,
            skip,
            validators: validators.transpose()?,
        })
    }
}

fn put_level(map: &mut OffsetMap, (value_key, seen_key): (&str, &str), level: &Level) {
    if let Some(value) = &level.value {
        map.insert(value_key.to_owned(), value.clone());
    }
    if !level.seen.is_empty() {
        let seen: Vec<_> = level.seen.iter().map(|id| format!("{id:016x}")).collect();
        map.insert(seen_key.to_owned(), seen.join(",").into());
    }
}

fn level(map: &OffsetMap, (value_key, seen_key): (&str, &str)) -> Result<Level, ConnectError> {
    let value = map.get(value_key).filter(|value| !value.is_null()).cloned();
    if value
        .as_ref()
        .is_some_and(|value| value.is_array() || value.is_object())
    {
        return Err(wrong(value_key, "it must be a number or a text"));
    }
    let seen = text(map, seen_key)?.unwrap_or_default();
    let ids = seen.split(',').filter(|id| !id.is_empty());
    let ids = ids.map(|id| u64::from_str_radix(id, 16));
    Ok(Level {
        value,
        seen: ids
            .collect::<Result<_, _>>()
            .map_err(|_| wrong(seen_key, "it must be hexadecimal numbers between commas"))?,
    })
}

fn text(map: &OffsetMap, key: &str) -> Result<Option<String>, ConnectError> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(key, "it must be a text")),
    }
}

fn wrong(key: &str, why: &str) -> ConnectError {
    ConnectError::connect(format!(
        "cannot use the stored offset's '{key}': {why}; delete or alter the connector's offsets"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn level(value: Option<Value>, seen: &[u64]) -> Level {
        Level {
            value,
            seen: seen.to_vec(),
        }
    }

    #[test]
    fn positions_survive_storage() {
        let full = Position {
            since: level(Some(json!("a")), &[1]),
            highest: level(Some(json!("b")), &[2, u64::MAX]),
            page: Some("3".to_owned()),
            skip: 20,
            validators: Some(Validators {
                url: "http://x/".to_owned(),
                etag: Some("\"e\"".to_owned()),
                modified: None,
            }),
        };
        let first_sweep = Position {
            highest: level(Some(json!(7)), &[]),
            page: Some("2".to_owned()),
            ..Position::default()
        };
        let between = Position {
            since: level(Some(json!(7)), &[5]),
            highest: level(Some(json!(7)), &[5]),
            ..Position::default()
        };
        for position in [full, first_sweep, between, Position::default()] {
            assert_eq!(Position::from_map(&position.to_map()).unwrap(), position);
        }
    }

    #[test]
    fn what_was_not_stored_by_this_connector_is_refused() {
        for (map, mention) in [
            (json!({"position": 1}), "position"),
            (json!({"skip": -1}), "skip"),
            (json!({"page": 3}), "page"),
            (json!({"seen": "x"}), "seen"),
            (json!({"offset": [1]}), "offset"),
        ] {
            let error = Position::from_map(map.as_object().unwrap()).unwrap_err();
            assert!(error.to_string().contains(mention), "{error}");
        }
    }
}
