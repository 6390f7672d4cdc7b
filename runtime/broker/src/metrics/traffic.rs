//! Bytes and messages in and out, of a partition or of all.

use millrace_wire::metrics::Counter;

/// What went in and out. Bytes are those of record batches, as they are stored and sent.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) bytes_in: Counter,
    pub(crate) messages_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) messages_out: Counter,
    pub(crate) produces: Counter,
    pub(crate) produces_failed: Counter,
    pub(crate) fetches: Counter,
    pub(crate) fetches_failed: Counter,
}

impl Traffic {
    /// A batch was appended, or not.
    pub(crate) fn produced(&self, appended: Option<(usize, u64)>) {
        self.produces.increment();
        match appended {
            Some((bytes, messages)) => {
                self.bytes_in.add(bytes as u64);
                self.messages_in.add(messages);
            }
            None => self.produces_failed.increment(),
        }
    }

    /// A partition was read for a fetch, or could not be.
    pub(crate) fn fetched(&self, sent: Option<(usize, u64)>) {
        self.fetches.increment();
        match sent {
            Some((bytes, messages)) => {
                self.bytes_out.add(bytes as u64);
                self.messages_out.add(messages);
            }
            None => self.fetches_failed.increment(),
        }
    }
}
