//! Walks the folders. Blocks: for the blocking pool.

#![expect(
    clippy::disallowed_methods,
    reason = "walking folders is all it does, and it runs on the blocking pool"
)]

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::globs::{Globs, Route, Step};
use crate::identity::FileId;
use crate::listing::{self, Kind, Name};
use crate::packed::{Packing, first_bytes};

/// Folders below one another that `**` follows.
const DEPTH_MAX: usize = 64;

/// Further looks, where files keep coming.
const LOOKS_MAX: usize = 4;
/// How often a folder is read again in which names come and go meanwhile.
const READS_MAX: usize = 8;
/// A folder's time of change does not tell two changes apart that are closer than this.
const TICK: Duration = Duration::from_millis(10);

/// A file that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) id: FileId,
    pub(crate) path: Arc<Path>,
    pub(crate) len: u64,
    /// When it was made, where the file system knows that.
    pub(crate) born: Option<SystemTime>,
    /// When it was last written to.
    pub(crate) modified: SystemTime,
    /// How long ago that was.
    pub(crate) age: Duration,
    /// Whether its name is one that the globs match.
    pub(crate) matched: bool,
    /// How a compressed file is unpacked, and what its first bytes unpack to, unless that is known.
    pub(crate) packed: Option<Packed>,
}

/// A compressed file that is not known, or has changed.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) packing: Packing,
    /// What its first bytes unpack to, or why they cannot be unpacked.
    pub(crate) head: Result<Arc<[u8]>, Arc<io::Error>>,
}

/// What a walk looks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) globs: Arc<Globs>,
    /// Files of the folders that are wanted whatever they are called.
    pub(crate) strays: Strays,
    /// Compressed files that are known, with their lengths; none where compressed files are files like others.
    pub(crate) packed: Option<Arc<HashSet<(FileId, u64)>>>,
}

/// Files that are wanted though the globs do not match their names.
#[derive(Debug, Clone)]
pub(crate) enum Strays {
    /// All: some may have been read before they got their names.
    All,
    /// Those with these inodes.
    Inodes(Arc<HashSet<u64>>),
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) files: HashMap<FileId, Found>,
    /// Folders that cannot be read, and why.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
    /// Folders in which names came or went while they were read: a file that was renamed may have been passed by.
    pub(crate) unsettled: HashSet<PathBuf>,
}

/// Looks for files; `enter` is told of each folder before it is read.
pub(crate) fn scan(wanted: &Wanted, mut enter: impl FnMut(&Path)) -> Findings {
    let mut findings = Findings::default();
    let mut folders = HashSet::new();
    for route in wanted.globs.routes() {
        collect_folders(route, &mut folders, &mut enter);
    }
    for folder in &folders {
        match read_settled(folder, wanted, &mut findings.files) {
            Ok(true) => {}
            Ok(false) => drop(findings.unsettled.insert(folder.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => findings.unreadable.push((folder.clone(), error)),
        }
    }
    findings
}

/// Looks until two looks have found the same: a single walk passes by files that are renamed under it, and where nothing
/// is known yet, a file that is found late is read late.
pub(crate) fn scan_settled(wanted: &Wanted, mut enter: impl FnMut(&Path)) -> Findings {
    let mut findings = scan(wanted, &mut enter);
    for _ in 0..LOOKS_MAX {
        let known = findings.files.len();
        let again = scan(wanted, &mut enter);
        findings.unreadable = again.unreadable;
        findings.unsettled = again.unsettled;
        findings.files.extend(again.files);
        if findings.files.len() == known {
            break;
        }
    }
    findings
}

/// The folders at the end of a route.
fn collect_folders(route: &Route, folders: &mut HashSet<PathBuf>, enter: &mut dyn FnMut(&Path)) {
    enter_existing(&route.root, enter);
    walk(route.root.clone(), &route.steps, 0, folders, enter);
}

/// Where the root is not there yet, the nearest folder that is: its change shows when the root appears.
fn enter_existing(root: &Path, enter: &mut dyn FnMut(&Path)) {
    if let Some(folder) = root.ancestors().find(|folder| folder.is_dir()) {
        enter(folder);
    }
}

fn walk(
    folder: PathBuf,
    steps: &[Step],
    depth: usize,
    folders: &mut HashSet<PathBuf>,
    enter: &mut dyn FnMut(&Path),
) {
    let Some((step, rest)) = steps.split_first() else {
        if folder.is_dir() && !folders.contains(&folder) {
            enter(&folder);
            folders.insert(folder);
        }
        return;
    };
    if depth >= DEPTH_MAX {
        return;
    }
    enter(&folder);
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        match step {
            // A link is not followed here: it may lead back.
            Step::Anywhere if kind.is_dir() => {
                walk(entry.path(), steps, depth + 1, folders, enter);
            }
            Step::Into(name) if kind.is_dir() || kind.is_symlink() => {
                if name.is_match(Path::new(&entry.file_name())) {
                    walk(entry.path(), rest, depth + 1, folders, enter);
                }
            }
            Step::Anywhere | Step::Into(_) => {}
        }
    }
    if matches!(step, Step::Anywhere) {
        walk(folder, rest, depth, folders, enter);
    }
}

/// Reads a folder until what was found is how the folder was at one moment; false if it never was.
///
/// A rotation renames several files, one after another. Whoever reads the folder while it is under way may see the new
/// file and pass by an older one. It is one moment where the names are a snapshot and each still is the name of the same
/// file once that was looked at, or where no name has come or gone meanwhile.
fn read_settled(
    folder: &Path,
    wanted: &Wanted,
    files: &mut HashMap<FileId, Found>,
) -> io::Result<bool> {
    let mut found = HashMap::new();
    let mut settled = false;
    for _ in 0..READS_MAX {
        let before = fs::metadata(folder)?.modified()?;
        let at_rest = before.elapsed().map_or(true, |age| age >= TICK);
        found.clear();
        settled = read_folder(folder, wanted, &mut found)?
            || at_rest && fs::metadata(folder)?.modified()? == before;
        if settled {
            break;
        }
    }
    for file in found.into_values() {
        add(file, files);
    }
    Ok(settled)
}

/// Reads a folder; true if what was found is how it was at one moment.
fn read_folder(
    folder: &Path,
    wanted: &Wanted,
    files: &mut HashMap<FileId, Found>,
) -> io::Result<bool> {
    let listing = listing::list(folder)?;
    let mut one_moment = listing.is_snapshot;
    let plain = plain_names(&listing.names, wanted, folder);
    for name in &listing.names {
        let path = folder.join(&name.name);
        let matched = wanted.globs.matches(&path);
        if !matched && !is_stray(name, &path, &wanted.strays) {
            continue;
        }
        // A link is followed. What vanishes meanwhile is found under its other name the next time.
        let Ok(metadata) = fs::metadata(&path) else {
            one_moment &= name.kind == Kind::Link;
            continue;
        };
        one_moment &= name.kind == Kind::Link || metadata.ino() == name.inode;
        if !metadata.is_file() {
            continue;
        }
        let mut found = found(path, &metadata, matched);
        if let Some(known) = &wanted.packed
            && let Some(packing) = Packing::of(&found.path)
            && !known.contains(&(found.id, found.len))
        {
            // Whoever compresses a file deletes it when that is done.
            if plain.contains(&found.path.with_extension("")) {
                continue;
            }
            let head = first_bytes(&found.path, packing).map_err(Arc::new);
            found.packed = Some(Packed { packing, head });
        }
        add(found, files);
    }
    Ok(one_moment)
}

/// Files beside which there may be what they are compressed to, and which are read themselves; none where nothing is
/// compressed.
fn plain_names(names: &[Name], wanted: &Wanted, folder: &Path) -> HashSet<PathBuf> {
    let is_packed = |name: &&Name| Packing::of(Path::new(&name.name)).is_some();
    if wanted.packed.is_none() {
        return HashSet::new();
    }
    let packed = names.iter().filter(is_packed);
    let plain: HashSet<PathBuf> = packed
        .map(|name| Path::new(&name.name).with_extension(""))
        .collect();
    let wanted = |name: &&Name| {
        let path = folder.join(&name.name);
        plain.contains(Path::new(&name.name))
            && (wanted.globs.matches(&path) || is_stray(name, &path, &wanted.strays))
    };
    names
        .iter()
        .filter(wanted)
        .map(|name| folder.join(&name.name))
        .collect()
}

fn is_stray(name: &Name, path: &Path, strays: &Strays) -> bool {
    let is_file = match name.kind {
        Kind::File => true,
        Kind::Unknown => fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()),
        Kind::Link | Kind::Other => false,
    };
    is_file
        && match strays {
            Strays::All => true,
            Strays::Inodes(inodes) => inodes.contains(&name.inode),
        }
}

/// A file as it was found.
pub(crate) fn found(path: PathBuf, metadata: &Metadata, matched: bool) -> Found {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Found {
        id: FileId::of(metadata),
        path: path.into(),
        len: metadata.len(),
        born: metadata.created().ok(),
        modified,
        age: modified.elapsed().unwrap_or_default(),
        matched,
        packed: None,
    }
}

/// A file with several names counts once: under one that is meant, and of these under the first in order.
fn add(file: Found, files: &mut HashMap<FileId, Found>) {
    match files.get_mut(&file.id) {
        Some(known) => {
            if (file.matched, &known.path) > (known.matched, &file.path) {
                *known = file;
            }
        }
        None => {
            files.insert(file.id, file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    fn names(include: &str, root: &Path, strays: Strays) -> Vec<(String, bool)> {
        let include = root.join(include).display().to_string();
        let globs = Globs::new(&[include], &[]).unwrap();
        let wanted = Wanted {
            globs: Arc::new(globs),
            strays,
            packed: None,
        };
        let findings = scan(&wanted, |_| {});
        let mut names: Vec<_> = findings
            .files
            .values()
            .map(|file| {
                let name = file.path.strip_prefix(root).unwrap();
                (name.display().to_string(), file.matched)
            })
            .collect();
        names.sort();
        names
    }

    fn none() -> Strays {
        Strays::Inodes(Arc::default())
    }

    #[test]
    fn files_are_found_in_the_folders_of_the_globs() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in [
            "a/x/1.log",
            "a/x/2.txt",
            "b/x/1.log",
            "b/y/1.log",
            "a/x/d/e/1.log",
        ] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), name).unwrap();
        }
        fs::create_dir(root.join("a/x/folder.log")).unwrap();
        std::os::unix::fs::symlink(root.join("b"), root.join("c")).unwrap();
        std::os::unix::fs::symlink(root, root.join("a/x/d/loop")).unwrap();
        for (include, expected) in [
            ("a/x/*.log", &["a/x/1.log"][..]),
            ("a/x/1.log", &["a/x/1.log"]),
            ("*/x/*.log", &["a/x/1.log", "b/x/1.log"]),
            ("c/*/1.log", &["c/x/1.log", "c/y/1.log"]),
            ("a/**/*.log", &["a/x/1.log", "a/x/d/e/1.log"]),
            ("none/*.log", &[]),
        ] {
            let found: Vec<_> = names(include, root, none())
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            assert_eq!(found, expected, "{include}");
        }
    }

    #[test]
    fn a_file_with_two_names_is_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::write(root.join("b.log"), "").unwrap();
        fs::hard_link(root.join("b.log"), root.join("a.log")).unwrap();
        fs::hard_link(root.join("b.log"), root.join("a.old")).unwrap();
        assert_eq!(
            names("*.log", root, Strays::All),
            [("a.log".to_owned(), true)]
        );
    }

    #[test]
    fn what_is_settled_has_every_file_though_names_change_without_a_pause() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        for number in 0..100 {
            fs::write(folder.join(format!("{number}.log")), "").unwrap();
        }
        let include = folder.join("*.log*").display().to_string();
        let wanted = Wanted {
            globs: Arc::new(Globs::new(&[include], &[]).unwrap()),
            strays: none(),
            packed: None,
        };
        let look = || {
            let mut files = HashMap::new();
            let settled = read_settled(folder, &wanted, &mut files).unwrap();
            (settled, files.len())
        };
        let stop = AtomicBool::new(false);
        let looks: Vec<_> = thread::scope(|scope| {
            scope.spawn(|| {
                let rename = |from: &str, to: &str| {
                    fs::rename(folder.join(from), folder.join(to)).unwrap();
                };
                while !stop.load(Ordering::Relaxed) {
                    rename("7.log", "7.log.1");
                    rename("8.log", "7.log");
                    rename("7.log.1", "8.log");
                    thread::park_timeout(Duration::from_micros(500));
                }
            });
            let looks = (0..50).map(|_| look()).collect();
            stop.store(true, Ordering::Relaxed);
            looks
        });
        for (settled, count) in looks {
            assert!(!settled || count == 100, "{count}");
        }
        // Where inodes are not what the folder says they are, a moment's rest is waited for.
        let last = std::iter::repeat_with(look).find(|(settled, _)| *settled);
        assert_eq!(last, Some((true, 100)));
    }

    #[test]
    fn strays_are_files_of_the_same_folders() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::write(root.join("a.log"), "").unwrap();
        fs::write(root.join("a.log.1"), "").unwrap();
        let all = names("*.log", root, Strays::All);
        assert_eq!(
            all,
            [("a.log".to_owned(), true), ("a.log.1".to_owned(), false)]
        );
        let inode = FileId::of(&fs::metadata(root.join("a.log.1")).unwrap()).inode;
        let known = Strays::Inodes(Arc::new(HashSet::from([inode])));
        assert_eq!(names("*.log", root, known).len(), 2);
        assert_eq!(names("*.log", root, none()).len(), 1);
    }
}
