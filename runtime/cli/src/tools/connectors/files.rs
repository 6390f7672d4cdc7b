//! Connectors in files and folders. What is wrong in any of them is said of all at once, before anything is asked.
#![expect(
    clippy::disallowed_methods,
    reason = "a command that reads its files before it does anything else"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{plan::ConnectorFile, tools::run::Usage};

/// Depth to which folders are walked; a deeper one is a loop of links.
const DEPTH_MAX: u32 = 16;

/// Reads the connectors of files, and of all `.json` and `.properties` files below folders.
///
/// # Errors
/// All that is wrong with them: files that cannot be read or are no connectors, folders without any, a name twice.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<ConnectorFile>, Usage> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        if let Err(why) = walk(path, 0, &mut files) {
            problems.push(why);
        } else if files.len() == before {
            problems.push(format!(
                "{}: holds no .json or .properties file",
                path.display()
            ));
        }
    }
    let mut connectors = Vec::new();
    let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in files {
        match ConnectorFile::read(&file) {
            Err(problem) => problems.push(problem.to_string()),
            Ok(connector) => match places.insert(connector.name.clone(), file.clone()) {
                Some(other) => problems.push(format!(
                    "{}: connector {} is in {} already",
                    file.display(),
                    connector.name,
                    other.display()
                )),
                None => connectors.push(connector),
            },
        }
    }
    match problems.is_empty() {
        true => Ok(connectors),
        false => Err(Usage::new(format!(
            "nothing was changed:\n  {}",
            problems.join("\n  ")
        ))),
    }
}

fn walk(folder: &Path, depth: u32, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{}: cannot be read: {error}", folder.display());
    if depth > DEPTH_MAX {
        return Err(format!("{}: is too deep a folder", folder.display()));
    }
    let mut entries = fs::read_dir(folder)
        .map_err(wrong)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let is_connector = path
            .extension()
            .is_some_and(|ending| ending == "json" || ending == "properties");
        if path.is_dir() {
            walk(&path, depth + 1, files)?;
        } else if is_connector {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::read;

    #[test]
    fn folders_are_walked_in_order_and_problems_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        write("c.properties", "name=c\n");
        write("a.json", r#"{"name": "a", "x": 1}"#);
        write("b/b.json", r#"{"name": "b", "config": {}}"#);
        write("README.md", "no connector");
        write(".hidden.json", "{");
        let whole = [folder.path().to_owned()];
        let names: Vec<String> = read(&whole)
            .unwrap()
            .into_iter()
            .map(|file| file.name)
            .collect();
        assert_eq!(names, ["a", "b", "c"]);

        write("d.json", r#"{"name": "a"}"#);
        write("e.json", "{");
        fs::create_dir(folder.path().join("empty")).unwrap();
        let paths = [
            folder.path().to_owned(),
            folder.path().join("empty"),
            folder.path().join("none.json"),
        ];
        let said = read(&paths).unwrap_err().to_string();
        for part in [
            "a is in",
            "e.json: not a JSON object",
            "empty: holds no",
            "none.json: no such file",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
