//! Checks of keys that several components have.

use crate::value::Value;
use crate::{Config, ConfigEnum, Refusals};

/// The validator of a key that lists headers: each is one of `T`, none is there twice.
///
/// # Errors
/// The first header that is none or that is there again, and what to do.
pub fn headers<T: ConfigEnum>(_key: &str, value: &Value) -> Result<(), String> {
    let names = value.as_list().unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        if T::from_name(name).is_none() {
            let known: Vec<_> = T::NAMES.iter().map(|(name, _)| *name).collect();
            let known = known.join(", ");
            return Err(format!("there is no header '{name}'; choose of {known}"));
        }
        if names[..index].contains(name) {
            return Err(format!("'{name}' is there twice; name it once"));
        }
    }
    Ok(())
}

/// Checks that a text is not empty whose key may be left out; `instead` is what to do about one that is.
///
/// # Errors
/// That it is empty, and what to do.
pub fn filled(value: &Value, instead: &str) -> Result<(), String> {
    match value.as_str() {
        Some("") => Err(format!("it is empty; {instead}, or leave the key out")),
        _ => Ok(()),
    }
}

/// Refuses `include`, which says what files to read, where `exclude` takes all of it: by the same globs, or by one of
/// `everything`, which match any file.
pub fn exclude<C: Config>(
    include: &[String],
    exclude: &[String],
    everything: &[&str],
    refusals: &mut Refusals<'_, C>,
) {
    let is_excluded = |pattern: &String| {
        let mut excludes = exclude.iter();
        excludes.any(|other| other == pattern || everything.contains(&other.as_str()))
    };
    if include.iter().all(is_excluded) {
        let why =
            "exclude matches all of these files too, so nothing would be read; have it match fewer";
        refusals.refuse(&["include", "exclude"], &include.join(","), why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    enum Header {
        Path,
        Host,
    }

    impl ConfigEnum for Header {
        const NAMES: &'static [(&'static str, Self)] =
            &[("path", Self::Path), ("host", Self::Host)];
    }

    #[test]
    fn headers_are_known_and_there_once() {
        let told = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            headers::<Header>("headers", &Value::List(names.collect()))
        };
        assert_eq!(told(&[]).and(told(&["host", "path"])), Ok(()));
        let unknown = told(&["path", "size"]).unwrap_err();
        assert_eq!(unknown, "there is no header 'size'; choose of path, host");
        let again = told(&["path", "path"]).unwrap_err();
        assert_eq!(again, "'path' is there twice; name it once");
    }

    #[test]
    fn only_a_text_that_is_given_can_be_empty() {
        let told = |value: &Value| filled(value, "write one");
        let empty = told(&Value::from("")).unwrap_err();
        assert_eq!(empty, "it is empty; write one, or leave the key out");
        assert_eq!(told(&Value::from("x")).and(told(&Value::Null)), Ok(()));
    }
}
