//! One writer and its files: appends in bursts that may end inside a line, and rotates, cuts and deletes.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::random::Random;

/// Rotated generations that are kept.
const GENERATIONS: usize = 3;
const PAUSE_MS_MAX: u64 = 60;
const BURST_MAX: u64 = 40;
/// What is remembered of a file, for the message of a failure.
const HISTORY: usize = 100;

/// What the writers did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Actions {
    rotated: u64,
    cut: u64,
    deleted: u64,
}

impl Actions {
    pub(super) fn sum(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            rotated: sum.rotated + one.rotated,
            cut: sum.cut + one.cut,
            deleted: sum.deleted + one.deleted,
        })
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rotations by rename, {} by copy and cut, {} deletions",
            self.rotated, self.cut, self.deleted
        )
    }
}

/// Writes to some files.
pub(super) struct Writer {
    random: Random,
    files: Vec<Growing>,
    pub(super) actions: Actions,
}

/// A log and its generations.
struct Growing {
    number: u64,
    path: PathBuf,
    file: File,
    lines: u64,
    /// Text of the line that was begun.
    begun: Option<String>,
    /// Lines that had been written when a generation was rotated, the youngest first.
    generations: VecDeque<u64>,
    /// Lines that are known to have been read.
    read: u64,
    /// The first line of the file as it is.
    first: u64,
    /// It was cut, and what was not read before may be in the copy only.
    is_cut: bool,
    copies: Vec<PathBuf>,
    history: VecDeque<String>,
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
    pub(super) fn new(folder: &Path, first: u64, count: u64, seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            files: (first..first + count)
                .map(|number| Growing::new(folder, number))
                .collect(),
            actions: Actions::default(),
        }
    }

    /// Writes until it is told to stop; every line has its end then.
    pub(super) fn work(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let which = self.random.below(self.files.len() as u64) as usize;
            let file = &mut self.files[which];
            match self.random.below(40) {
                0 => {
                    file.rotate();
                    self.actions.rotated += 1;
                }
                1 => self.actions.cut += u64::from(file.copy_and_cut()),
                2 => self.actions.deleted += u64::from(file.delete()),
                _ => file.burst(&mut self.random),
            }
            thread::park_timeout(Duration::from_millis(self.random.below(PAUSE_MS_MAX)));
        }
        for file in &mut self.files {
            file.finish_line();
        }
    }

    /// Lines written.
    pub(super) fn lines(&self) -> u64 {
        self.files.iter().map(|file| file.lines).sum()
    }

    /// Lines written to each file.
    pub(super) fn written(&self) -> impl Iterator<Item = (u64, u64)> {
        self.files.iter().map(|file| (file.number, file.lines))
    }

    /// What was done to a file last.
    pub(super) fn history(&self, number: u64) -> String {
        let file = self.files.iter().find(|file| file.number == number);
        file.map(|file| file.history.iter().cloned().collect::<Vec<_>>().join("; "))
            .unwrap_or_default()
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
    fn new(folder: &Path, number: u64) -> Self {
        let path = folder.join(format!("{number:03}.log"));
        Self {
            number,
            file: open(&path),
            path,
            lines: 0,
            begun: None,
            generations: VecDeque::new(),
            read: 0,
            first: 0,
            is_cut: false,
            copies: Vec::new(),
            history: VecDeque::new(),
        }
    }

    fn burst(&mut self, random: &mut Random) {
        let mut text = self.begun.take().unwrap_or_default();
        for _ in 0..=random.below(BURST_MAX) {
            self.line(&mut text, random.below(120) as usize);
        }
        self.file
            .write_all(text.as_bytes())
            .expect("the file grows");
        if random.below(3) == 0 {
            let mut line = String::new();
            self.line(&mut line, random.below(120) as usize);
            let cut = 1 + random.below(line.len() as u64 - 1) as usize;
            self.file
                .write_all(&line.as_bytes()[..cut])
                .expect("the file grows");
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

    fn finish_line(&mut self) {
        if let Some(rest) = self.begun.take() {
            self.file
                .write_all(rest.as_bytes())
                .expect("the file grows");
        }
    }

    /// `a.log.1` becomes `a.log.2` and so on; the last is deleted if it was read, else nothing happens.
    fn rotate(&mut self) {
        if self.generations.len() == GENERATIONS {
            if self
                .generations
                .back()
                .is_some_and(|&lines| lines > self.read)
            {
                return;
            }
            fs::remove_file(self.generation(GENERATIONS)).expect("the oldest generation is there");
            self.generations.pop_back();
        }
        for older in (1..=self.generations.len()).rev() {
            fs::rename(self.generation(older), self.generation(older + 1)).expect("a generation");
        }
        fs::rename(&self.path, self.generation(1)).expect("the file is there");
        // The old file is held for a moment more, as by a service that has not been told yet.
        self.finish_line();
        self.generations.push_front(self.lines);
        self.file = open(&self.path);
        self.first = self.lines;
        self.note("rotate");
    }

    /// What logrotate's `copytruncate` does, without a line in between. Once until all was read, and only if some of it
    /// was: of two cuts while no worker runs, nobody could tell what the first copy was a copy of.
    fn copy_and_cut(&mut self) -> bool {
        if self.is_cut || self.read <= self.first {
            return false;
        }
        self.finish_line();
        let copy = self.path.with_extension(format!("log.copy.{}", self.lines));
        fs::copy(&self.path, &copy).expect("a copy");
        self.file.set_len(0).expect("the file can be cut");
        self.copies.push(copy);
        self.is_cut = true;
        self.first = self.lines;
        self.note("cut");
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

    /// Deletes the file and begins another one; only if all of it was read.
    fn delete(&mut self) -> bool {
        if self.read < self.lines || self.begun.is_some() {
            return false;
        }
        fs::remove_file(&self.path).expect("the file is there");
        self.file = open(&self.path);
        self.first = self.lines;
        self.note("delete");
        true
    }

    fn generation(&self, number: usize) -> PathBuf {
        self.path.with_extension(format!("log.{number}"))
    }

    fn note(&mut self, what: &str) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history
            .push_back(format!("{what} up to line {}", self.lines));
    }
}

fn open(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    options.open(path).expect("a file to grow")
}
