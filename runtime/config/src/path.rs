//! What a path must be like to name a file or a folder at all. Whether there is one is for its user to find out.

use crate::check::filled;
use crate::value::Value;

/// Bytes of a path, and of each name in it, that Linux takes.
const PATH_BYTES_MAX: usize = 4095;
const NAME_BYTES_MAX: usize = 255;

/// The validator of a key that names a file or a folder.
///
/// # Errors
/// Why no system could have a file there, and what to do.
pub fn check(_key: &str, value: &Value) -> Result<(), String> {
    filled(value, "write a path")?;
    let Some(path) = value.as_str() else {
        return Ok(());
    };
    if path.contains('\0') {
        return Err("no path has a NUL character in it; leave that out".to_owned());
    }
    let is_long = |name: &str| name.len() > NAME_BYTES_MAX;
    if path.len() > PATH_BYTES_MAX || path.split('/').any(is_long) {
        return Err(format!(
            "it is too long: names have {NAME_BYTES_MAX} bytes at most, paths {PATH_BYTES_MAX}; write a shorter one"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_can_be_and_others() {
        let (name, path) = ("n".repeat(256), "/n".repeat(2_048));
        for (path, mention) in [
            ("", "empty"),
            ("a\0b", "NUL"),
            (&name, "255 bytes"),
            (&format!("/a/{name}/b"), "255 bytes"),
            (&path, "4095"),
        ] {
            let why = check("file", &Value::from(path)).unwrap_err();
            assert!(why.contains(mention), "{path:?}: {why}");
        }
        for path in ["a", "/", "../a b/ü", &name[1..], &path[2..]] {
            assert_eq!(check("file", &Value::from(path)), Ok(()), "{path}");
        }
        assert_eq!(check("file", &Value::Null), Ok(()));
    }
}
