//! One writer and its files: appends in bursts that may end inside a line, and rotates, packs, cuts, renames and deletes.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    fmt::{self, Write as _},
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use crate::random::Random;

/// Rotated generations that are kept.
const GENERATIONS: usize = 3;
/// The longest pause of the quickest writer, and of the slowest.
const PAUSE_MS_MAX: Range<u64> = 20..120;
const BURST_MAX: u64 = 40;
/// Lines that are written between a copy and its cut, at most.
const EXPOSED_MAX: u64 = 3;
/// What is remembered of a file, for the message of a failure.
const HISTORY: usize = 100;

/// What the writers did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Actions {
    rotated: u64,
    packed: u64,
    cut: u64,
    renamed: u64,
    deleted: u64,
}

impl Actions {
    pub(super) fn sum(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            rotated: sum.rotated + one.rotated,
            packed: sum.packed + one.packed,
            cut: sum.cut + one.cut,
            renamed: sum.renamed + one.renamed,
            deleted: sum.deleted + one.deleted,
        })
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rotations by rename, {} by copy and cut, {} generations packed, {} renames, {} deletions",
            self.rotated, self.cut, self.packed, self.renamed, self.deleted
        )
    }
}

/// Writes to some files.
pub(super) struct Writer {
    random: Random,
    pause_ms: u64,
    files: Vec<Growing>,
    pub(super) actions: Actions,
}

/// A log and its generations.
struct Growing {
    number: u64,
    folder: PathBuf,
    /// How often the log itself was renamed, which is part of its name.
    renames: u64,
    file: File,
    /// All that was ever written to the log, in one file that nobody renames.
    ledger: File,
    lines: u64,
    /// Text of the line that was begun.
    begun: Option<String>,
    /// The youngest first.
    generations: VecDeque<Generation>,
    /// Lines that are known to have been read.
    read: u64,
    /// The first line of the file as it is.
    first: u64,
    /// It was cut, and what was not read before may be in the copy only.
    is_cut: bool,
    copies: Vec<PathBuf>,
    /// Lines that were written between a copy and its cut.
    exposed: Vec<Range<u64>>,
    history: VecDeque<String>,
    /// How often a generation was compressed.
    packs: u64,
}

/// A rotated file.
#[derive(Debug, Clone, Copy)]
struct Generation {
    /// Lines that had been written to the log when it was rotated.
    lines: u64,
    packing: Option<Packing>,
    /// The log was cut before, and what was not read before may be in the copy only.
    is_cut: bool,
}

/// How a generation is compressed.
#[derive(Debug, Clone, Copy)]
enum Packing {
    Gzip,
    Zstd,
}

impl Generation {
    fn is_packed(&self) -> bool {
        self.packing.is_some()
    }

    /// The path of a generation whose path would be this if it were not compressed.
    fn path(&self, plain: PathBuf) -> PathBuf {
        match self.packing {
            None => plain,
            Some(Packing::Gzip) => plain.with_added_extension("gz"),
            Some(Packing::Zstd) => plain.with_added_extension("zst"),
        }
    }
}

/// The file and the number of a line.
pub(super) fn parse(line: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(line).ok()?;
    let mut words = text.split(' ');
    let file = words.next()?.parse().ok()?;
    let number = words.next()?.parse().ok()?;
    let padding: usize = words.next()?.parse().ok()?;
    (words.next()?.len() == padding && words.next().is_none()).then_some((file, number))
}

impl Writer {
    /// Writes to files in the first of the folders, and all of it to one file of each log in the second.
    pub(super) fn new(folders: (&Path, &Path), first: u64, count: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            pause_ms: PAUSE_MS_MAX.start + random.below(PAUSE_MS_MAX.end - PAUSE_MS_MAX.start),
            random,
            files: (first..first + count)
                .map(|number| Growing::new(folders, number))
                .collect(),
            actions: Actions::default(),
        }
    }

    /// Writes until it is told to stop; every line has its end then.
    pub(super) fn work(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let which = self.random.below(self.files.len() as u64) as usize;
            let file = &mut self.files[which];
            let actions = &mut self.actions;
            match self.random.below(40) {
                0 => actions.rotated += u64::from(file.rotate()),
                1 => actions.cut += u64::from(file.copy_and_cut(&mut self.random)),
                2 => actions.deleted += u64::from(file.delete()),
                3 => actions.packed += u64::from(file.pack()),
                4 => actions.renamed += u64::from(file.rename()),
                _ => file.burst(&mut self.random),
            }
            thread::park_timeout(Duration::from_millis(self.random.below(self.pause_ms)));
        }
        for file in &mut self.files {
            file.finish_line();
        }
    }

    /// Lines written.
    pub(super) fn lines(&self) -> u64 {
        self.files.iter().map(|file| file.lines).sum()
    }

    /// Lines written between a copy and its cut.
    pub(super) fn exposed(&self) -> u64 {
        let ranges = self.files.iter().flat_map(|file| &file.exposed);
        ranges.map(|range| range.end - range.start).sum()
    }

    /// Whether a line was written between a copy and its cut.
    pub(super) fn is_exposed(&self, number: u64, line: u64) -> bool {
        let of_file = self.files.iter().filter(|file| file.number == number);
        of_file
            .flat_map(|file| &file.exposed)
            .any(|range| range.contains(&line))
    }

    /// Lines written to each file.
    pub(super) fn written(&self) -> impl Iterator<Item = (u64, u64)> {
        self.files.iter().map(|file| (file.number, file.lines))
    }

    /// What was done to a file last, if it is one of this writer's.
    pub(super) fn history(&self, number: u64) -> Option<String> {
        let file = self.files.iter().find(|file| file.number == number)?;
        Some(file.history.iter().cloned().collect::<Vec<_>>().join("; "))
    }

    /// Everything written so far is in the topic.
    pub(super) fn all_is_read(&mut self) {
        for file in &mut self.files {
            file.all_is_read();
            if self.random.below(4) == 0 {
                self.actions.deleted += u64::from(file.delete());
            }
        }
    }
}

impl Growing {
    fn new((folder, ledger): (&Path, &Path), number: u64) -> Self {
        Self {
            number,
            folder: folder.to_owned(),
            renames: 0,
            file: open(&name(folder, number, 0)),
            ledger: open(&ledger.join(format!("{number:03}"))),
            lines: 0,
            begun: None,
            generations: VecDeque::new(),
            read: 0,
            first: 0,
            is_cut: false,
            copies: Vec::new(),
            exposed: Vec::new(),
            history: VecDeque::new(),
            packs: 0,
        }
    }

    fn path(&self) -> PathBuf {
        name(&self.folder, self.number, self.renames)
    }

    fn burst(&mut self, random: &mut Random) {
        let mut text = self.begun.take().unwrap_or_default();
        for _ in 0..=random.below(BURST_MAX) {
            self.line(&mut text, random.below(120) as usize);
        }
        self.append(&text);
        if random.below(3) == 0 {
            let mut line = String::new();
            self.line(&mut line, random.below(120) as usize);
            let cut = 1 + random.below(line.len() as u64 - 1) as usize;
            self.append(&line[..cut]);
            self.begun = Some(line.split_off(cut));
        }
        self.note("burst");
    }

    fn line(&mut self, text: &mut String, padding: usize) {
        writeln!(
            text,
            "{:03} {:010} {padding:03} {:x<padding$}",
            self.number, self.lines, ""
        )
        .expect("a String takes all");
        self.lines += 1;
    }

    fn append(&mut self, text: &str) {
        for mut file in [&self.file, &self.ledger] {
            file.write_all(text.as_bytes()).expect("the file grows");
        }
    }

    fn finish_line(&mut self) {
        if let Some(rest) = self.begun.take() {
            self.append(&rest);
        }
    }

    /// `a.log.1` becomes `a.log.2` and so on; the last is deleted if it was read, else nothing happens.
    fn rotate(&mut self) -> bool {
        if self.generations.len() == GENERATIONS {
            if self
                .generations
                .back()
                .is_some_and(|oldest| oldest.lines > self.read)
            {
                return false;
            }
            self.delete_oldest();
        }
        for older in (1..=self.generations.len()).rev() {
            fs::rename(self.generation(older), self.shifted(older)).expect("a generation");
        }
        fs::rename(self.path(), self.numbered(1)).expect("the file is there");
        // The old file is held for a moment more, as by a service that has not been told yet.
        self.finish_line();
        self.generations.push_front(Generation {
            lines: self.lines,
            packing: None,
            is_cut: self.is_cut,
        });
        self.file = open(&self.path());
        self.first = self.lines;
        self.note("rotate");
        true
    }

    /// Compresses the oldest generation that is not compressed yet, whether it was read or not; one that was cut before only
    /// if it was: the copy is found when the file is seen to begin anew, and it would not be seen any more.
    fn pack(&mut self) -> bool {
        let unpacked = |generation: &Generation| !generation.is_packed();
        let Some(index) = self.generations.iter().rposition(unpacked) else {
            return false;
        };
        let generation = &self.generations[index];
        if generation.is_cut && generation.lines > self.read {
            return false;
        }
        let plain = self.generation(index + 1);
        let packing = match self.packs % 2 {
            0 => Packing::Gzip,
            _ => Packing::Zstd,
        };
        self.packs += 1;
        self.generations[index].packing = Some(packing);
        pack(&plain, &self.generation(index + 1), packing).expect("a compressed copy");
        fs::remove_file(plain).expect("the generation is there");
        self.note("pack");
        true
    }

    /// What logrotate's `copytruncate` does, with some lines in between. Once until all was read, and only if some of it
    /// was: of two cuts while no worker runs, nobody could tell what the first copy was a copy of.
    fn copy_and_cut(&mut self, random: &mut Random) -> bool {
        if self.is_cut || self.read <= self.first {
            return false;
        }
        self.finish_line();
        let copy = self
            .path()
            .with_extension(format!("log.copy.{}", self.lines));
        fs::copy(self.path(), &copy).expect("a copy");
        let copied = self.lines;
        let mut text = String::new();
        for _ in 0..random.below(EXPOSED_MAX + 1) {
            self.line(&mut text, 0);
        }
        self.append(&text);
        self.file.set_len(0).expect("the file can be cut");
        self.exposed.push(copied..self.lines);
        self.copies.push(copy);
        self.is_cut = true;
        self.first = self.lines;
        self.note("cut");
        true
    }

    /// Gives the log another name under which it goes on; its generations have been read and are deleted.
    fn rename(&mut self) -> bool {
        if self.read <= self.first || self.is_cut {
            return false;
        }
        while !self.generations.is_empty() {
            self.delete_oldest();
        }
        let before = self.path();
        self.renames += 1;
        fs::rename(before, self.path()).expect("the file is there");
        self.note("rename");
        true
    }

    /// Everything written so far is in the topic.
    fn all_is_read(&mut self) {
        self.read = self.lines;
        self.is_cut = false;
        for copy in self.copies.drain(..) {
            fs::remove_file(copy).expect("the copy is there");
        }
    }

    /// Deletes the file and begins another one, which often gets the same inode; only if all of it was read.
    fn delete(&mut self) -> bool {
        if self.read < self.lines || self.begun.is_some() {
            return false;
        }
        fs::remove_file(self.path()).expect("the file is there");
        self.file = open(&self.path());
        self.first = self.lines;
        self.note("delete");
        true
    }

    fn delete_oldest(&mut self) {
        fs::remove_file(self.generation(self.generations.len())).expect("the generation is there");
        self.generations.pop_back();
    }

    /// The path of a generation, of which the youngest is 1.
    fn generation(&self, number: usize) -> PathBuf {
        self.generations[number - 1].path(self.numbered(number))
    }

    /// The path that a generation has after the next rotation.
    fn shifted(&self, number: usize) -> PathBuf {
        self.generations[number - 1].path(self.numbered(number + 1))
    }

    fn numbered(&self, number: usize) -> PathBuf {
        self.path().with_extension(format!("log.{number}"))
    }

    fn note(&mut self, what: &str) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history
            .push_back(format!("{what} up to line {}", self.lines));
    }
}

fn name(folder: &Path, number: u64, renames: u64) -> PathBuf {
    folder.join(format!("{number:03}-{renames}.log"))
}

/// Compresses a file as gzip(1) and zstd(1) do: what they make was last written to when the file was.
fn pack(from: &Path, to: &Path, packing: Packing) -> io::Result<()> {
    let mut plain = File::open(from)?;
    let to = File::create(to)?;
    match packing {
        Packing::Gzip => {
            let mut packed = GzEncoder::new(&to, Compression::fast());
            io::copy(&mut plain, &mut packed)?;
            packed.finish()?;
        }
        Packing::Zstd => zstd::stream::copy_encode(&mut plain, &to, 1)?,
    }
    to.set_modified(plain.metadata()?.modified()?)
}

/// What a generation holds, unpacked.
pub(super) fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    match path.extension().and_then(OsStr::to_str) {
        Some("gz") => {
            let mut unpacked = Vec::new();
            GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked)?;
            Ok(unpacked)
        }
        Some("zst") => zstd::decode_all(&bytes[..]),
        _ => Ok(bytes),
    }
}

fn open(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    options.open(path).expect("a file to grow")
}
