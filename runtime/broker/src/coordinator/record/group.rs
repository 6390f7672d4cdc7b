//! Values of groups: the generation and its members.
//!
//! ```text
//! version i16
//! protocol type string
//! generation i32
//! protocol string?               null while nothing is chosen
//! leader string?
//! state time i64                 version 2 and above, -1 unknown
//! members [i32 count]
//!   member id string
//!   instance id string?          version 3 and above
//!   client id string
//!   client host string
//!   rebalance timeout i32        version 1 and above, else the session timeout
//!   session timeout i32
//!   subscription bytes
//!   assignment bytes
//! ```

use bytes::Bytes;

use super::RecordError;
use super::cursor::{Cursor, put_bytes, put_len, put_nullable_string, put_string};

const VERSION: i16 = 3;
const MEMBER_LEN_MIN: usize = 20;

/// A generation of a group as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupValue {
    /// `consumer`, `connect` or whatever the clients said; empty when there never was a member.
    pub protocol_type: String,
    /// Its number.
    pub generation: i32,
    /// The assignor, null while nothing is chosen.
    pub protocol: Option<String>,
    /// The member that assigns.
    pub leader: Option<String>,
    /// When the group entered its state, wall clock; -1 in records of old brokers.
    pub state_ms: i64,
    /// Its members.
    pub members: Vec<MemberValue>,
}

/// A member of a stored generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberValue {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// Its static name.
    pub instance_id: Option<String>,
    /// The client's name for itself.
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// How long a rebalance waits for it.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// The member's metadata for the chosen protocol.
    pub subscription: Bytes,
    /// What the leader told it.
    pub assignment: Bytes,
}

impl GroupValue {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.members.len() * 256);
        out.extend_from_slice(&VERSION.to_be_bytes());
        put_string(&mut out, &self.protocol_type);
        out.extend_from_slice(&self.generation.to_be_bytes());
        put_nullable_string(&mut out, self.protocol.as_deref());
        put_nullable_string(&mut out, self.leader.as_deref());
        out.extend_from_slice(&self.state_ms.to_be_bytes());
        put_len(&mut out, self.members.len());
        for member in &self.members {
            member.encode(&mut out);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<GroupValue, RecordError> {
        let mut cursor = Cursor::new(bytes, "the group value");
        let version = cursor.i16()?;
        if !(0..=4).contains(&version) {
            return Err(RecordError::UnknownVersion {
                part: "group value",
                version,
            });
        }
        if version >= 4 {
            cursor.set_flexible();
        }
        let mut value = GroupValue {
            protocol_type: cursor.string()?,
            generation: cursor.i32()?,
            protocol: cursor.nullable_string()?,
            leader: cursor.nullable_string()?,
            state_ms: if version >= 2 { cursor.i64()? } else { -1 },
            members: Vec::new(),
        };
        let count = cursor.array_len()?;
        // The count is only a claim: room is made for no more members than the record can hold.
        value
            .members
            .reserve(count.min(bytes.len() / MEMBER_LEN_MIN));
        for _ in 0..count {
            value
                .members
                .push(MemberValue::decode(&mut cursor, version)?);
        }
        Ok(value)
    }
}

impl MemberValue {
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, &self.member_id);
        put_nullable_string(out, self.instance_id.as_deref());
        put_string(out, &self.client_id);
        put_string(out, &self.client_host);
        out.extend_from_slice(&self.rebalance_timeout_ms.to_be_bytes());
        out.extend_from_slice(&self.session_timeout_ms.to_be_bytes());
        put_bytes(out, &self.subscription);
        put_bytes(out, &self.assignment);
    }

    fn decode(cursor: &mut Cursor<'_>, version: i16) -> Result<MemberValue, RecordError> {
        let mut member = MemberValue {
            member_id: cursor.string()?,
            instance_id: if version >= 3 {
                cursor.nullable_string()?
            } else {
                None
            },
            client_id: cursor.string()?,
            client_host: cursor.string()?,
            rebalance_timeout_ms: if version >= 1 { cursor.i32()? } else { 0 },
            session_timeout_ms: cursor.i32()?,
            subscription: cursor.bytes()?,
            assignment: cursor.bytes()?,
        };
        if version == 0 {
            member.rebalance_timeout_ms = member.session_timeout_ms;
        }
        cursor.skip_tags()?;
        Ok(member)
    }
}
