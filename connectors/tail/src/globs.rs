//! Which files are meant: globs to include and to exclude.
//!
//! `*`, `?`, `[…]` and `{a,b}` match within one name, `**` matches any number of folders.

use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use millrace_api::config;

/// Globs to include and to exclude.
#[derive(Debug, Clone)]
pub(crate) struct Globs {
    include: GlobSet,
    exclude: GlobSet,
    routes: Vec<Route>,
}

/// The way to the folders that may hold files of one glob.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The folder to start from: what stands before the first wildcard.
    pub(crate) root: PathBuf,
    /// One step for each folder on the way.
    pub(crate) steps: Vec<Step>,
}

/// A step into folders.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Folders whose names match.
    Into(GlobMatcher),
    /// Any number of folders.
    Anywhere,
}

impl Globs {
    /// Reads the lists of globs. Relative ones start at the working directory.
    ///
    /// # Errors
    /// What is wrong with the first glob that cannot be used.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self, String> {
        let include = joined(include);
        let routes = include
            .iter()
            .map(|pattern| route(pattern))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            include: set(&include, absolute)?,
            exclude: set(&joined(exclude), excluded)?,
            routes,
        })
    }

    /// Whether the file of this absolute path is meant.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }
}

/// Checks the list of globs to include, for the definition of the keys.
pub(crate) fn check_include(_key: &str, value: &config::Value) -> Result<(), String> {
    let config::Value::List(patterns) = value else {
        return Ok(());
    };
    let patterns = joined(patterns);
    if patterns.is_empty() {
        return Err("name at least one file or glob, such as /var/log/*.log".to_owned());
    }
    set(&patterns, absolute)?;
    patterns
        .iter()
        .try_for_each(|pattern| route(pattern).map(drop))
}

/// Checks the list of globs to exclude.
pub(crate) fn check_exclude(_key: &str, value: &config::Value) -> Result<(), String> {
    let config::Value::List(patterns) = value else {
        return Ok(());
    };
    set(&joined(patterns), excluded).map(drop)
}

/// Puts together what the commas of a list cut apart within braces.
fn joined(items: &[String]) -> Vec<String> {
    let mut patterns: Vec<String> = Vec::new();
    let mut depth = 0_i32;
    for item in items {
        match patterns.last_mut().filter(|_| depth > 0) {
            Some(open) => {
                open.push(',');
                open.push_str(item);
            }
            None => patterns.push(item.clone()),
        }
        depth += braces(item);
    }
    patterns.retain(|pattern| !pattern.is_empty());
    patterns
}

fn braces(item: &str) -> i32 {
    item.chars()
        .map(|character| match character {
            '{' => 1,
            '}' => -1,
            _ => 0,
        })
        .sum()
}

fn set(
    patterns: &[String],
    place: impl Fn(&str) -> Result<String, String>,
) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(&place(pattern)?)?);
    }
    set.build().map_err(|error| error.to_string())
}

fn glob(pattern: &str) -> Result<Glob, String> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| format!("cannot read the glob: {}", error.kind()))
}

/// A name to exclude is excluded in any folder.
fn excluded(pattern: &str) -> Result<String, String> {
    if !pattern.contains('/') {
        Ok(format!("**/{pattern}"))
    } else if pattern.starts_with("**/") {
        Ok(pattern.to_owned())
    } else {
        absolute(pattern)
    }
}

fn absolute(pattern: &str) -> Result<String, String> {
    let path = std::path::absolute(pattern)
        .map_err(|error| format!("cannot tell the working directory: {error}"))?;
    path.into_os_string()
        .into_string()
        .map_err(|_| "the working directory is not UTF-8; write an absolute path".to_owned())
}

fn route(pattern: &str) -> Result<Route, String> {
    if pattern.ends_with('/') {
        return Err(format!(
            "'{pattern}' names a folder; name its files, such as {pattern}*.log"
        ));
    }
    let absolute = absolute(pattern)?;
    let names: Vec<&str> = Path::new(&absolute)
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let Some((_, folders)) = names.split_last() else {
        return Err("'/' is a folder; name files".to_owned());
    };
    if let Some(cut) = names.iter().find(|name| braces(name) != 0) {
        return Err(format!(
            "the braces in '{cut}' reach over a '/'; write one glob for each folder"
        ));
    }
    let mut route = Route {
        root: PathBuf::from("/"),
        steps: Vec::new(),
    };
    for folder in folders {
        if *folder == "**" {
            route.steps.push(Step::Anywhere);
        } else if route.steps.is_empty() && !is_wild(folder) {
            route.root.push(folder);
        } else {
            let matcher = glob(folder)?.compile_matcher();
            route.steps.push(Step::Into(matcher));
        }
    }
    // A last `**` means all files below.
    if names.last() == Some(&"**") {
        route.steps.push(Step::Anywhere);
    }
    Ok(route)
}

fn is_wild(name: &str) -> bool {
    name.contains(['*', '?', '[', '{', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(include: &[&str], exclude: &[&str]) -> Result<Globs, String> {
        let owned = |list: &[&str]| {
            list.iter()
                .map(|item| (*item).to_owned())
                .collect::<Vec<_>>()
        };
        Globs::new(&owned(include), &owned(exclude))
    }

    #[test]
    fn what_is_meant() {
        for (include, exclude, path, meant) in [
            ("/l/*.log", "", "/l/a.log", true),
            ("/l/*.log", "", "/l/b/a.log", false),
            ("/l/*.log", "", "/l/a.log.1", false),
            ("/l/**/*.log", "", "/l/a.log", true),
            ("/l/**/*.log", "", "/l/b/c/a.log", true),
            ("/l/**", "", "/l/b/c/a.log", true),
            ("/l/app?.log", "", "/l/app1.log", true),
            ("/l/[ab].log", "", "/l/c.log", false),
            ("/l/*.log", "/l/debug*", "/l/debug.log", false),
            ("/l/*", "**/*.gz", "/l/a.gz", false),
            ("/l/*", "*.gz", "/l/a.gz", false),
            ("/l/**", "**/old/*", "/l/old/a", false),
            ("/l/one", "", "/l/one", true),
        ] {
            let globs = globs(&[include], &[exclude]).unwrap();
            assert_eq!(
                globs.matches(Path::new(path)),
                meant,
                "{include} -{exclude} {path}"
            );
        }
    }

    #[test]
    fn a_list_does_not_cut_braces() {
        let globs = globs(&["/l/{a", "b}.log", "/x/*"], &[]).unwrap();
        assert!(globs.matches(Path::new("/l/b.log")));
        assert_eq!(globs.routes().len(), 2);
    }

    #[test]
    fn relative_globs_start_at_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        let globs = globs(&["logs/*.log"], &[]).unwrap();
        assert!(globs.matches(&here.join("logs/a.log")));
        assert_eq!(globs.routes()[0].root, here.join("logs"));
    }

    #[test]
    fn what_cannot_be_used() {
        for (pattern, mention) in [
            ("/l/[a.log", "glob"),
            ("/l/", "folder"),
            ("/", "folder"),
            ("/l/{a/b,c}/x", "braces"),
            ("/l/{a", "braces"),
        ] {
            let error = globs(&[pattern], &[]).err().unwrap_or_default();
            assert!(error.contains(mention), "{pattern}: {error}");
        }
    }
}
