//! The sender's side of the spill: opened in the background of sending, written when brokers do not keep up.

use std::io;
use std::time::Duration;

use super::window::{Sent, Window};
use crate::chunk::Chunk;
use crate::core::Core;
use crate::own;
use crate::queue::DropPolicy;
use crate::settings::SpillSettings;
use crate::spill::{Place, Spill};

/// How long to wait before the folder is tried again that another process uses or that cannot be opened.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// How often the folder may be found in use before that is said: an appender that a reload of the logging's configuration
/// replaces takes a while to end.
const PATIENCE: u32 = 10;

/// How long lines of a chunk that is not full may wait before they are written, where earlier ones lie in the spill.
const GATHERING: Duration = Duration::from_millis(100);

/// Bytes that are written before acknowledgements and whoever waits for a flush are looked after again.
const TURN_BYTES: usize = 4 << 20;

/// One of the two ways of writing a chunk.
type Append = fn(&mut Spill, &Chunk) -> io::Result<Place>;

/// The spill, if one is configured and could be opened.
pub(super) struct Store {
    settings: Option<SpillSettings>,
    spill: Option<Spill>,
    tried: Option<Duration>,
    /// How often another appender had the folder.
    found_in_use: u32,
    complained: bool,
    /// When writing failed last.
    failed: Option<Duration>,
    /// When queued lines were written last.
    written: Duration,
    /// All of this process's lines up to this number are delivered, refused or dropped.
    done_through: u64,
    /// All of them up to this number are that, or in the spill.
    saved_through: u64,
}

impl Store {
    pub(super) fn new(core: &Core) -> Self {
        Self {
            settings: core.settings.spill.clone(),
            spill: None,
            tried: None,
            found_in_use: 0,
            complained: false,
            failed: None,
            written: Duration::ZERO,
            done_through: 0,
            saved_through: 0,
        }
    }

    /// Opens the spill if that was not done, at most once in a while.
    pub(super) fn open(&mut self, core: &Core) {
        let Some(settings) = self.settings.as_ref().filter(|_| self.spill.is_none()) else {
            return;
        };
        let now = core.clock.monotonic();
        if self
            .tried
            .is_some_and(|tried| now.saturating_sub(tried) < RETRY)
        {
            return;
        }
        self.tried = Some(now);
        let folder = settings.folder.display();
        let trouble = match Spill::open(&settings.folder, settings.limit) {
            Ok(Some(spill)) => {
                core.metrics.recovered.add(spill.recovered);
                if spill.cut > 0 {
                    own::say(
                        &*core.clock,
                        format_args!(
                            "{} bytes in the spill {folder} were not written whole and are left out",
                            spill.cut
                        ),
                    );
                }
                self.complained = false;
                self.spill = Some(spill);
                return;
            }
            Ok(None) if self.found_in_use < PATIENCE => {
                self.found_in_use += 1;
                return;
            }
            Ok(None) => {
                "another appender uses it; give each process a spill.dir of its own".to_owned()
            }
            Err(error) => error.to_string(),
        };
        if !std::mem::replace(&mut self.complained, true) {
            own::say(
                &*core.clock,
                format_args!("cannot open the spill {folder}, going on without: {trouble}"),
            );
        }
    }

    /// Whether a spill is configured that could not be opened yet.
    pub(super) fn wants_opening(&self) -> bool {
        self.settings.is_some() && self.spill.is_none()
    }

    /// Whether lines of an earlier process are not delivered yet, as far as that is known.
    pub(super) fn has_inherited(&self) -> bool {
        match &self.spill {
            Some(spill) => spill.has_inherited(),
            None => self.settings.is_some() && self.tried.is_none(),
        }
    }

    /// Whether there is a spill.
    pub(super) fn is_saving(&self) -> bool {
        self.spill.is_some()
    }

    pub(super) fn has_unread(&self) -> bool {
        self.spill.as_ref().is_some_and(Spill::has_unread)
    }

    pub(super) fn done_through(&self) -> u64 {
        self.done_through
    }

    pub(super) fn saved_through(&self) -> u64 {
        self.saved_through
    }

    /// Reads the next chunk.
    pub(super) fn read(&mut self, core: &Core) -> Option<(Chunk, Option<Place>)> {
        if self.has_failed_lately(core) {
            return None;
        }
        let spill = self.spill.as_mut()?;
        let read = spill.read();
        let damaged = spill.take_damaged();
        if damaged > 0 {
            core.metrics.dropped.add(damaged);
            own::say(
                &*core.clock,
                format_args!("{damaged} lines in the spill are damaged; they are lost"),
            );
        }
        match read {
            Ok(read) => read.map(|(chunk, place)| (chunk, Some(place))),
            Err(error) => {
                self.complain(core, "read", &error);
                None
            }
        }
    }

    /// Whether the disk has failed so lately that it is let alone.
    fn has_failed_lately(&self, core: &Core) -> bool {
        let now = core.clock.monotonic();
        self.failed
            .is_some_and(|failed| now.saturating_sub(failed) < RETRY)
    }

    /// A chunk is done: its buffer is free, and so is its place in the spill.
    pub(super) fn done(&mut self, sent: Sent, core: &Core) {
        let is_own = match (&mut self.spill, sent.place) {
            (Some(spill), Some(place)) => {
                if let Err(error) = spill.delivered(place) {
                    own::say(
                        &*core.clock,
                        format_args!("cannot clear the spill: {error}"),
                    );
                }
                core.metrics.spill_bytes.set(signed(spill.bytes()));
                spill.is_own(place)
            }
            _ => true,
        };
        if is_own {
            self.done_through = self.done_through.max(sent.chunk.last_sequence);
        }
        core.queue.recycle(sent.chunk.bytes);
    }

    /// Moves queued lines to the spill where brokers do not keep up; says whether any were moved.
    pub(super) fn relieve(&mut self, window: &mut Window, core: &Core) -> bool {
        let is_crowded = core.queue.is_crowded();
        if self.spill.is_none() || !(is_crowded || self.gathers_no_more(core)) {
            return false;
        }
        if core.queue.is_empty() || self.has_failed_lately(core) {
            return false;
        }
        let has_moved = self.save_window(window, core) && self.save_queue(core);
        let has_to_drop =
            core.settings.bounds.policy == DropPolicy::Oldest && core.queue.is_crowded();
        if core.queue.take_pressed() || has_to_drop {
            return self.evict(core) || has_moved;
        }
        has_moved
    }

    /// Whether queued lines have to follow others into the spill now.
    fn gathers_no_more(&self, core: &Core) -> bool {
        self.has_unread()
            && (core.queue.has_full()
                || core.clock.monotonic().saturating_sub(self.written) >= GATHERING)
    }

    /// Writes what is in memory to the spill, as far as there is room; what is more than one turn may write follows.
    pub(super) fn save_all(&mut self, window: &mut Window, core: &Core) {
        if self.spill.is_some() && self.save_window(window, core) {
            self.save_queue(core);
        }
    }

    /// Writes all that is in memory to the spill at the end. Lines in flight that went before those of an earlier process
    /// are written behind them.
    pub(super) fn save_at_end(&mut self, window: &mut Window, core: &Core) {
        self.save_window(window, core);
        for sent in window.unsaved() {
            sent.place = self.write(&sent.chunk, Spill::append, core);
        }
        while self.save_queue(core) {}
    }

    /// Writes what is in flight to the spill; says whether all of it is there now. What is delivered from there stands for
    /// all before it, so that lines which went before those of an earlier process stay where they are.
    fn save_window(&mut self, window: &mut Window, core: &Core) -> bool {
        if self.has_unread() || !window.is_saved_in_front() {
            return window.is_saved();
        }
        window.unsaved().all(|sent| {
            sent.place = self.write(&sent.chunk, Spill::append_in_flight, core);
            sent.place.is_some()
        })
    }

    /// Writes queued chunks to the spill, as many as one turn may; says whether there were any.
    fn save_queue(&mut self, core: &Core) -> bool {
        let mut moved = 0;
        while moved < TURN_BYTES
            && let Some(chunk) = core.queue.pop_if(|chunk| self.has_room(chunk))
        {
            if self.write(&chunk, Spill::append, core).is_none() {
                core.queue.unpop(chunk);
                break;
            }
            moved += chunk.bytes.capacity();
            core.queue.recycle(chunk.bytes);
        }
        if moved > 0 {
            self.written = core.clock.monotonic();
        }
        moved > 0
    }

    fn has_room(&self, chunk: &Chunk) -> bool {
        self.spill
            .as_ref()
            .is_some_and(|spill| spill.has_room(chunk))
    }

    fn write(&mut self, chunk: &Chunk, append: Append, core: &Core) -> Option<Place> {
        let spill = self.spill.as_mut().filter(|spill| spill.has_room(chunk))?;
        match append(spill, chunk) {
            Ok(place) => {
                self.complained = false;
                self.saved_through = self.saved_through.max(chunk.last_sequence);
                core.metrics.spilled.add(chunk.lines.into());
                core.metrics.spill_bytes.set(signed(spill.bytes()));
                Some(place)
            }
            Err(error) => {
                self.complain(core, "write to", &error);
                None
            }
        }
    }

    /// Drops lines of the spill so that others find room.
    fn evict(&mut self, core: &Core) -> bool {
        let Some(spill) = &mut self.spill else {
            return false;
        };
        match spill.evict() {
            Ok(dropped) => {
                core.metrics.dropped.add(dropped);
                core.metrics.spill_bytes.set(signed(spill.bytes()));
                dropped > 0
            }
            Err(error) => {
                self.complain(core, "clear", &error);
                false
            }
        }
    }

    fn complain(&mut self, core: &Core, what: &str, error: &io::Error) {
        self.failed = Some(core.clock.monotonic());
        if !std::mem::replace(&mut self.complained, true) {
            own::say(
                &*core.clock,
                format_args!("cannot {what} the spill: {error}"),
            );
        }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
