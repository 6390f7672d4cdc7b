//! Whether the system will find and start a program, asked before it is to. Blocks.

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Where programs are looked for without PATH.
const USUAL: &str = "/bin:/usr/bin";

/// Why a program without arguments of its own cannot be started in `folder`; none where it can. `path` is the command's
/// own PATH, if it has one.
pub(crate) fn fault(program: &str, folder: Option<&str>, path: Option<&str>) -> Option<String> {
    if program.contains('/') {
        // Seen from the folder that the command runs in.
        let whole = folder
            .map_or_else(PathBuf::new, PathBuf::from)
            .join(program);
        return unusable(&whole).map(|why| format!("the program {program} {why}"));
    }
    let path = path.map(OsString::from).or_else(|| env::var_os("PATH"));
    let path = path.unwrap_or_else(|| USUAL.into());
    let found: Vec<_> = env::split_paths(&path)
        .map(|place| match folder {
            Some(folder) => Path::new(folder).join(place).join(program),
            None => place.join(program),
        })
        .collect();
    if found.iter().any(|found| unusable(found).is_none()) {
        return None;
    }
    let told = found.iter().find(|found| found.exists());
    Some(
        match told.and_then(|found| Some((found, unusable(found)?))) {
            Some((found, why)) => format!("the program {} {why}", found.display()),
            None => format!(
                "there is no program {program} in PATH={}; write its path, or install it",
                path.display()
            ),
        },
    )
}

/// Why nothing can run in a folder; none where it can.
pub(crate) fn folder_fault(folder: &str) -> Option<String> {
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => access(folder, Access::EXEC_OK).err().map(|error| {
            format!(
                "this process may not go there: {error}; give it the right, or name another folder"
            )
        }),
        Ok(_) => Some("it is a file; name a folder".to_owned()),
        Err(error) => Some(format!(
            "there is no such folder: {error}; make it, or name another"
        )),
    }
}

/// Why the system cannot start the file of a program.
fn unusable(program: &Path) -> Option<String> {
    let found = match std::fs::metadata(program) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Some("is not there; write where it is, or install it".to_owned());
        }
        Err(error) => return Some(format!("cannot be reached: {error}; write where it is")),
    };
    if !found.is_file() {
        return Some("is a folder; name a program in it".to_owned());
    }
    let may = access(program, Access::EXEC_OK);
    may.err().map(|_| {
        "may not be run by this process; give it the right (chmod +x), or run it by a shell"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn programs_that_can_be_started_and_others() {
        let dir = tempfile::tempdir().unwrap();
        let (program, text) = (dir.path().join("program"), dir.path().join("text"));
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        fs::write(&text, "").unwrap();
        let folder = dir.path().to_str().unwrap();
        let (program, text) = (program.to_str().unwrap(), text.to_str().unwrap());
        for (name, place, path, mention) in [
            ("sh", None, None, None),
            ("/bin/sh", None, Some(folder), None),
            (program, None, None, None),
            ("./program", Some(folder), None, None),
            ("program", None, Some(folder), None),
            ("program", Some(folder), Some("."), None),
            ("program", None, None, Some("no program program in PATH=")),
            ("sh", None, Some(folder), Some("no program sh in PATH=")),
            ("./program", Some("/"), None, Some("is not there")),
            ("/no/such", None, None, Some("is not there")),
            (folder, None, None, Some("is a folder")),
            (text, None, None, Some("chmod +x")),
            ("text", None, Some(folder), Some("chmod +x")),
        ] {
            let fault = fault(name, place, path);
            match mention {
                None => assert_eq!(fault, None, "{name}"),
                Some(mention) => assert!(
                    fault.as_ref().is_some_and(|fault| fault.contains(mention)),
                    "{name}: {fault:?}"
                ),
            }
        }
        assert_eq!(folder_fault(folder), None);
        assert!(folder_fault(text).unwrap().contains("it is a file"));
        assert!(folder_fault("/no/such").unwrap().contains("make it"));
    }
}
