//! Which names are read, and how names are marked that were.

use globset::{Glob, GlobSet, GlobSetBuilder};
use millrace_api::config::Value;

/// Bytes of a mark at most, which leaves names most of the 255 that file systems allow.
const MARK_BYTES_MAX: usize = 100;

/// Which names are read.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    include: GlobSet,
    exclude: GlobSet,
    /// The end of names of files that were read.
    marked: Option<String>,
}

impl Names {
    /// By globs, and by the mark of files that were read, if they are marked.
    ///
    /// # Errors
    /// Which glob is none.
    pub(crate) fn new(
        include: &[String],
        exclude: &[String],
        marked: Option<String>,
    ) -> Result<Self, String> {
        Ok(Self {
            include: globs(include)?,
            exclude: globs(exclude)?,
            marked,
        })
    }

    /// Whether files of this name are read.
    pub(crate) fn are_read(&self, name: &str) -> bool {
        let is_marked = |suffix: &String| name.ends_with(suffix);
        !name.starts_with('.')
            && !self.marked.as_ref().is_some_and(is_marked)
            && self.include.is_match(name)
            && !self.exclude.is_match(name)
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in &joined(patterns) {
        let glob = Glob::new(pattern).map_err(|error| {
            format!(
                "cannot read the glob {pattern}: {}; write names such as *.csv or {{a,b}}*",
                error.kind()
            )
        })?;
        set.add(glob);
    }
    set.build()
        .map_err(|error| format!("the globs are too large: {error}; write shorter ones"))
}

/// Puts together what the commas of a list cut apart within braces.
fn joined(items: &[String]) -> Vec<String> {
    let mut patterns: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    for item in items {
        match patterns.last_mut().filter(|_| depth > 0) {
            Some(pattern) => {
                pattern.push(',');
                pattern.push_str(item);
            }
            None => patterns.push(item.clone()),
        }
        for letter in item.chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    patterns
}

/// The validator of names that are not read.
pub(crate) fn check_exclude(_key: &str, value: &Value) -> Result<(), String> {
    let patterns = value.as_list().unwrap_or_default();
    if let Some(pattern) = patterns.iter().find(|pattern| pattern.contains('/')) {
        return Err(format!(
            "'{pattern}' has a slash, and no name in the folder has; write names such as *.csv"
        ));
    }
    globs(patterns).map(drop)
}

/// The validator of names that are read.
pub(crate) fn check_include(key: &str, value: &Value) -> Result<(), String> {
    let patterns = value.as_list().unwrap_or_default();
    if patterns.is_empty() {
        return Err(
            "there is none, so nothing would be read; write names such as *.csv".to_owned(),
        );
    }
    if let Some(pattern) = joined(patterns)
        .iter()
        .find(|pattern| pattern.starts_with('.'))
    {
        return Err(format!(
            "'{pattern}' begins with a dot, and files of such names are left alone; write names such as *.csv"
        ));
    }
    check_exclude(key, value)
}

/// The validator of a mark.
pub(crate) fn check_mark(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some("") => Err("it is empty; write a mark such as .done, or leave it out".to_owned()),
        Some(mark) if mark.contains(['/', '\0']) => Err(
            "no name has a slash or a NUL character in it; write a mark such as .done, or set when.done=move and done.folder"
                .to_owned(),
        ),
        Some(mark) if mark.len() > MARK_BYTES_MAX => Err(format!(
            "it has more than {MARK_BYTES_MAX} bytes, of the 255 of a name; write a shorter one"
        )),
        _ => Ok(()),
    }
}
