//! Values of folders, as secrets are mounted: the path is a folder, the key the name of a file in it, the value all
//! that the file holds.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use millrace_api::{ConfigData, ConfigProvider, ConnectError, Properties};

use super::access::{Access, read};

/// `${name:/path/to/folder:file}`.
#[derive(Debug, Default)]
pub struct DirectoryConfigProvider {
    access: Access,
}

impl ConfigProvider for DirectoryConfigProvider {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        self.access = Access::new(settings)?;
        Ok(())
    }

    fn get(&self, path: &str, keys: &BTreeSet<String>) -> Result<ConfigData, ConnectError> {
        if path.trim().is_empty() {
            return Ok(ConfigData::default());
        }
        let Some(folder) = self.access.permitted(path) else {
            log::warn!("the folder {path} is outside of allowed.paths and is not read");
            return Ok(ConfigData::default());
        };
        if !folder.is_dir() {
            log::warn!("the path {path} of a config provider is not a folder");
        }
        let mut values = Properties::new();
        for key in keys.iter().filter(|key| is_name(key)) {
            let file = folder.join(key);
            if !file.is_file() {
                continue;
            }
            let bytes = read(&file).map_err(|error| {
                ConnectError::config(format!("could not read file {}", file.display()))
                    .caused_by(error)
            })?;
            values.insert(key.clone(), String::from_utf8_lossy(&bytes).into_owned());
        }
        let ttl = self.access.ttl;
        Ok(ConfigData { values, ttl })
    }
}

/// Whether a key names a file of the folder itself.
fn is_name(key: &str) -> bool {
    let mut parts = Path::new(key).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(name)), None) if name == key
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use millrace_api::ConfigProvider;

    use super::DirectoryConfigProvider;

    #[test]
    fn values_are_whole_files_of_the_folder_itself() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(below.join("inner"), "x").unwrap();
        std::fs::write(folder.path().join("password"), " p w\n").unwrap();
        std::os::unix::fs::symlink(below.join("inner"), folder.path().join("link")).unwrap();
        let keys = [
            "password",
            "link",
            "below",
            "below/inner",
            "../x",
            ".",
            "",
            "password/",
        ];
        let keys: BTreeSet<String> = keys.map(str::to_owned).into();
        let provider = DirectoryConfigProvider::default();
        let data = provider
            .get(folder.path().to_str().unwrap(), &keys)
            .unwrap();
        let found: Vec<_> = data.values.into_iter().collect();
        let expected = [("link", "x"), ("password", " p w\n")];
        assert_eq!(
            found,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert!(provider.get("/no/such", &keys).unwrap().values.is_empty());
    }
}
