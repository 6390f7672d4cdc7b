//! Values of properties files: the path is a file, the key one of its properties.

use std::collections::BTreeSet;

use millrace_api::{ConfigData, ConfigProvider, ConnectError, Properties};
use millrace_config::properties::parse_bytes;

use super::access::{Access, read};

/// `${name:/path/to/file:property}`.
#[derive(Debug, Default)]
pub struct FileConfigProvider {
    access: Access,
}

impl ConfigProvider for FileConfigProvider {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.access = Access::new(settings)?;
        Ok(())
    }

    fn get(&self, path: &str, keys: &BTreeSet<String>) -> Result<ConfigData, ConnectError> {
        let ttl = self.access.ttl;
        if path.trim().is_empty() {
            return Ok(ConfigData::default());
        }
        let Some(path) = self.access.permitted(path) else {
            log::warn!("the file {path} is outside of allowed.paths and is not read");
            return Ok(ConfigData::default());
        };
        let failed = || {
            ConnectError::config(format!(
                "could not read properties from file {}",
                path.display()
            ))
        };
        let bytes = read(&path).map_err(|error| failed().caused_by(error))?;
        let mut values = parse_bytes(&bytes).map_err(|error| failed().caused_by(error))?;
        values.retain(|key, _| keys.contains(key));
        Ok(ConfigData { values, ttl })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use millrace_api::{ConfigProvider, Properties};

    use super::FileConfigProvider;

    #[test]
    fn properties_are_found_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.properties");
        std::fs::write(&path, "user=\\u00e9va\npassword = a b \nother=x\n").unwrap();
        let mut provider = FileConfigProvider::default();
        let settings = [("ttl.ms".to_owned(), "50".to_owned())].into();
        provider.configure(&settings).unwrap();
        let keys = BTreeSet::from(["user", "password", "missing"].map(str::to_owned));
        let data = provider.get(path.to_str().unwrap(), &keys).unwrap();
        let expected: Properties = [("user", "éva"), ("password", "a b ")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        assert_eq!(data.values, expected);
        assert_eq!(data.ttl.unwrap().as_millis(), 50);
        assert!(provider.get("", &keys).unwrap().values.is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let provider = FileConfigProvider::default();
        for path in [folder.path().to_owned(), folder.path().join("absent")] {
            let error = provider.get(path.to_str().unwrap(), &BTreeSet::new());
            let text = error.unwrap_err().to_string();
            let expected = format!("could not read properties from file {}", path.display());
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_file_outside_of_the_allowed_paths_has_no_values() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = outside.path().join("f");
        std::fs::write(&path, "k=v").unwrap();
        let mut provider = FileConfigProvider::default();
        let allowed = inside.path().display().to_string();
        provider
            .configure(&[("allowed.paths".to_owned(), allowed)].into())
            .unwrap();
        let keys = BTreeSet::from(["k".to_owned()]);
        let data = provider.get(path.to_str().unwrap(), &keys).unwrap();
        assert!(data.values.is_empty());
    }
}
