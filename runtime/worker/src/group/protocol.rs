//! The bytes of the `connect` protocol, versions 0 (eager), 1 (compatible) and 2 (sessioned).
//!
//! ```text
//! metadata:   version i16, url string, config offset i64; from 1: the member's last assignment, nullable bytes
//! assignment: version i16, error i16, leader string, leader's url string, config offset i64,
//!             work array; from 1: revoked array, delay i32 (ms)
//! work:       connector string, tasks array of i32; task -1 is the connector's own instance
//! ```
//!
//! Numbers are big-endian, strings have a 16-bit length, arrays and bytes a 32-bit one, -1 for null. What is missing
//! at the end of a message is read as null or zero, as Kafka Connect's readers do.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::work::{Item, Share, Work, by_connector};

/// The number that stands for a connector's own instance among its tasks.
const INSTANCE: i32 = -1;

/// How workers divide their work; later ones know what earlier ones do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// Everything stops in a rebalance, assignments are complete.
    Eager,
    /// Assignments say what is new and what is revoked.
    Compatible,
    /// The same, and requests between workers are signed.
    Sessioned,
}

impl Version {
    /// Its name as a protocol of the group.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Eager => "default",
            Self::Compatible => "compatible",
            Self::Sessioned => "sessioned",
        }
    }

    /// Its name as metrics show it.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::Eager => "EAGER",
            Self::Compatible => "COMPATIBLE",
            Self::Sessioned => "SESSIONED",
        }
    }

    /// The version of a protocol's name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Eager, Self::Compatible, Self::Sessioned]
            .into_iter()
            .find(|version| version.name() == name)
    }

    /// This and all earlier versions, the best first.
    pub(crate) fn offered(self) -> impl Iterator<Item = Self> {
        [Self::Sessioned, Self::Compatible, Self::Eager]
            .into_iter()
            .filter(move |version| *version <= self)
    }

    fn number(self) -> i16 {
        match self {
            Self::Eager => 0,
            Self::Compatible => 1,
            Self::Sessioned => 2,
        }
    }
}

/// Why bytes of another member could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read a {what} of the connect protocol: {why}")]
pub(crate) struct ProtocolError {
    what: &'static str,
    why: String,
}

/// What a member tells the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Where others reach the member.
    pub(crate) url: String,
    /// How far it has read the configurations; -1 for nothing.
    pub(crate) config_offset: i64,
    /// What it holds, as its last assignment; none before the first.
    pub(crate) allocation: Option<Assignment>,
}

/// What the leader tells a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// 0, or 1 where nobody can be assigned work because the leader has not read the configurations far enough.
    pub(crate) error: i16,
    /// The leader's member id.
    pub(crate) leader: String,
    /// Where the leader is reached.
    pub(crate) leader_url: String,
    /// The state of the configurations that the work was divided by.
    pub(crate) config_offset: i64,
    /// What the member has to take up; all that it has to run with [`Version::Eager`].
    pub(crate) assigned: Work,
    /// What it has to give up.
    pub(crate) revoked: Work,
    /// When the member is to join again, in milliseconds; 0 for not at all.
    pub(crate) delay_ms: i32,
}

/// The error of an assignment whose leader has not read the configurations far enough.
pub(crate) const CONFIG_MISMATCH: i16 = 1;

impl Metadata {
    pub(crate) fn encode(&self, version: Version) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(version.number());
        put_string(&mut out, &self.url);
        out.put_i64(self.config_offset);
        if version > Version::Eager {
            match &self.allocation {
                None => out.put_i32(-1),
                Some(allocation) => {
                    let bytes = allocation.encode(version);
                    out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
                    out.put_slice(&bytes);
                }
            }
        }
        out.freeze()
    }

    /// # Errors
    /// When the bytes are not such metadata.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader {
            what: "subscription",
            rest: bytes,
        };
        let version = reader.version()?;
        let url = reader.string()?;
        let config_offset = reader.i64()?;
        let mut allocation = None;
        if version > 0 && !reader.is_done() {
            let len = reader.i32()?;
            if len >= 0 {
                let bytes = reader.take(usize::try_from(len).unwrap_or(usize::MAX))?;
                allocation = Some(Assignment::decode(bytes)?);
            }
        }
        Ok(Self {
            url,
            config_offset,
            allocation,
        })
    }
}

impl Assignment {
    pub(crate) fn encode(&self, version: Version) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(version.number());
        out.put_i16(self.error);
        put_string(&mut out, &self.leader);
        put_string(&mut out, &self.leader_url);
        out.put_i64(self.config_offset);
        put_work(&mut out, &self.assigned);
        if version > Version::Eager {
            put_work(&mut out, &self.revoked);
            out.put_i32(self.delay_ms);
        }
        out.freeze()
    }

    /// # Errors
    /// When the bytes are not such an assignment.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader {
            what: "assignment",
            rest: bytes,
        };
        let version = reader.version()?;
        Ok(Self {
            error: reader.i16()?,
            leader: reader.string()?,
            leader_url: reader.string()?,
            config_offset: reader.i64()?,
            assigned: reader.work()?,
            revoked: if version > 0 {
                reader.work()?
            } else {
                Work::new()
            },
            delay_ms: if version > 0 && !reader.is_done() {
                reader.i32()?
            } else {
                0
            },
        })
    }
}

fn put_string(out: &mut BytesMut, text: &str) {
    // A name or URL that is longer cannot come from a configuration that was accepted.
    let text = &text.as_bytes()[..text.len().min(i16::MAX as usize)];
    out.put_i16(text.len() as i16);
    out.put_slice(text);
}

fn put_work(out: &mut BytesMut, work: &Work) {
    let shares = by_connector(work);
    out.put_i32(shares.len() as i32);
    for (connector, Share { instance, tasks }) in shares {
        put_string(out, &connector);
        out.put_i32(tasks.len() as i32 + i32::from(instance));
        if instance {
            out.put_i32(INSTANCE);
        }
        tasks.into_iter().for_each(|task| out.put_u32(task));
    }
}

struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn error(&self, why: impl Into<String>) -> ProtocolError {
        ProtocolError {
            what: self.what,
            why: why.into(),
        }
    }

    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| self.error("it ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn i16(&mut self) -> Result<i16, ProtocolError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    fn i32(&mut self) -> Result<i32, ProtocolError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, ProtocolError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    fn version(&mut self) -> Result<i16, ProtocolError> {
        let version = self.i16()?;
        if version < 0 {
            return Err(self.error(format!("its version is {version}")));
        }
        Ok(version)
    }

    fn string(&mut self) -> Result<String, ProtocolError> {
        let len = self.i16()?;
        let len = usize::try_from(len).map_err(|_| self.error("a text has a negative length"))?;
        let bytes = self.take(len)?.to_vec();
        String::from_utf8(bytes).map_err(|_| self.error("a text is not UTF-8"))
    }

    /// Work; nothing where it is null or missing.
    fn work(&mut self) -> Result<Work, ProtocolError> {
        let mut work = Work::new();
        if self.is_done() {
            return Ok(work);
        }
        for _ in 0..self.i32()?.max(0) {
            let connector: Arc<str> = self.string()?.into();
            for _ in 0..self.i32()?.max(0) {
                let item = match self.i32()? {
                    INSTANCE => Item::Connector(Arc::clone(&connector)),
                    task => {
                        let task =
                            u32::try_from(task).map_err(|_| self.error("a task is negative"))?;
                        Item::Task(Arc::clone(&connector), task)
                    }
                };
                work.insert(item);
            }
        }
        Ok(work)
    }
}
