//! The query of a request.

use super::route::decode;

/// Decoded pairs in order; what cannot be decoded stays as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(raw: &str) -> Self {
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let text = |raw: &str| decode(raw, true).unwrap_or_else(|| raw.to_owned());
            (text(key), text(value))
        };
        Self(
            raw.split('&')
                .filter(|part| !part.is_empty())
                .map(pair)
                .collect(),
        )
    }

    /// All values of a key.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a key.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number, if one is given.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let text = self.first(name).filter(|text| !text.is_empty());
        let read = text.map(|text| {
            let wrong =
                |_| format!("the query parameter {name} must be a whole number, not '{text}'");
            text.parse().map_err(wrong)
        });
        read.transpose()
    }

    /// A boolean: `true` in any case is true, an absent or empty one is `default`, anything else is false.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        match self.first(key) {
            None | Some("") => default,
            Some(value) => value.eq_ignore_ascii_case("true"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn flags_are_lenient() {
        let query = Query::parse("a=True&b=yes&c=&d&e=x+y%21&e=2&%zz=1&z=%zz");
        let flags = ["a", "b", "c", "d", "z"].map(|key| query.flag(key, true));
        assert_eq!(flags, [true, false, true, true, false]);
        assert_eq!(query.all("e").collect::<Vec<_>>(), ["x y!", "2"]);
    }
}
