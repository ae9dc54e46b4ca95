//! An event: its header, its payload, and the facts it may state.
//!
//! The bytes are the contract (`v` 1): a header is canonical JSON and is hashed as written; a payload is
//! JSON hashed as stored. Types here are what is *stored*; what is printed has types of its own.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::actor::Actor;
use super::id::{EventId, Hash, IdError, StreamId, hex, unhex};
use super::observation::{BlobRef, Observation};
use super::time::Timestamp;

mod facts;
mod ledger;
mod plain;

pub use facts::*;
pub use ledger::*;

/// The envelope's version that this build writes.
pub const HEADER_VERSION: u64 = 1;
/// The payload schema version that this build writes.
pub const PAYLOAD_VERSION: u64 = 1;
/// A header may not be longer than this, in bytes.
pub const HEADER_MAX: usize = 8 * 1024;

/// What every event says about itself. Field order is the canonical (sorted) order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Who acted and how that was known, see [`Actor`].
    pub actor: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// The event that led to this one.
    pub cause: Option<EventId>,
    /// The event's own id.
    pub id: EventId,
    /// SHA-256 of the payload's bytes.
    pub payload: Hash,
    /// Hash of the previous header of the same stream; zeros at seq 1.
    pub prev: Hash,
    /// Position in the stream, from 1.
    pub seq: u64,
    /// The stream's name.
    pub stream: StreamId,
    /// What happened, past tense and dotted.
    #[serde(rename = "type")]
    pub kind: String,
    /// The envelope's version.
    pub v: u64,
}

/// Why stored bytes are not a header or payload of ours.
#[derive(Debug, thiserror::Error)]
pub enum BytesError {
    /// Longer than [`HEADER_MAX`].
    #[error("header of {0} bytes is longer than {HEADER_MAX}")]
    TooLong(usize),
    /// Not JSON of the expected form.
    #[error("not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// Readable, but not written in the canonical form.
    #[error("not in canonical form")]
    NotCanonical,
    /// A number outside what the header's JSON may hold.
    #[error("`{0}` is not below 2^53")]
    Range(&'static str),
    /// A malformed name inside.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl Header {
    /// The bytes that are stored and hashed.
    ///
    /// # Errors
    /// [`BytesError::TooLong`] above 8 KiB, [`BytesError::Range`] for a sequence number of 2^53 or more.
    pub fn to_bytes(&self) -> Result<String, BytesError> {
        if self.seq >= 1 << 53 {
            return Err(BytesError::Range("seq"));
        }
        let text = serde_json::to_string(self)?;
        if text.len() > HEADER_MAX {
            return Err(BytesError::TooLong(text.len()));
        }
        Ok(text)
    }

    /// Reads stored bytes, accepting only the canonical form.
    ///
    /// # Errors
    /// Any [`BytesError`]; a header that reads back to other bytes is [`BytesError::NotCanonical`].
    pub fn from_bytes(bytes: &str) -> Result<Self, BytesError> {
        if bytes.len() > HEADER_MAX {
            return Err(BytesError::TooLong(bytes.len()));
        }
        if let Some(header) = plain::header(bytes) {
            return Ok(header);
        }
        let header: Self = serde_json::from_str(bytes)?;
        if header.to_bytes()? != bytes {
            return Err(BytesError::NotCanonical);
        }
        Ok(header)
    }

    /// The event's hash: SHA-256 of the header's bytes.
    pub fn hash_of(bytes: &str) -> Hash {
        Hash::of(&[bytes.as_bytes()])
    }
}

/// The stored form of a payload, before it is read as facts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// The facts.
    pub data: Value,
    /// 16 random bytes in hex; makes the payload's hash useless for guessing.
    pub salt: String,
    /// Schema version of `data`.
    pub sv: u64,
}

impl Payload {
    /// Writes the bytes that are stored and hashed.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn to_bytes(facts: &Facts, salt: [u8; 16]) -> Result<String, BytesError> {
        let payload = Self { data: facts.to_value()?, salt: hex(&salt), sv: PAYLOAD_VERSION };
        Ok(serde_json::to_string(&payload)?)
    }
}

/// A payload as it is read: its data is parsed once, as what the event says that it is.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    salt: Cow<'a, str>,
    sv: u64,
}

impl Facts {
    /// Reads the stored bytes of the payload of an event of type `kind`.
    ///
    /// # Errors
    /// JSON of another form, or a salt that is not 16 bytes of hex.
    pub fn read(kind: &str, payload: &str) -> Result<Self, BytesError> {
        if let Some(data) = plain::data(payload)
            && let Ok(facts) = Self::from_json(kind, 1, data)
        {
            return Ok(facts);
        }
        let Stored { data, salt, sv } = serde_json::from_str(payload)?;
        if unhex(&salt).is_none_or(|s| s.len() != 16) {
            return Err(BytesError::NotCanonical);
        }
        Ok(Self::from_json(kind, sv, data.get())?)
    }
}

/// An event as read from a store: what the header says, its hash, and the facts unless they were erased.
#[derive(Clone, Debug)]
pub struct Event {
    /// The header as read.
    pub header: Header,
    /// The event's hash.
    pub hash: Hash,
    /// Who acted.
    pub actor: Actor,
    /// What happened; [`Facts::Erased`] when the payload was erased with an event that says so.
    pub facts: Facts,
}

impl Event {
    /// Reads stored header and payload bytes; `None` for the payload means it was erased.
    ///
    /// Old payload versions are upcast here; nothing stored is ever rewritten.
    ///
    /// # Errors
    /// Any [`BytesError`].
    pub fn read(header: &str, payload: Option<&str>) -> Result<Self, BytesError> {
        let hash = Header::hash_of(header);
        let header = Header::from_bytes(header)?;
        let facts = match payload {
            None => Facts::Erased,
            Some(payload) => Facts::read(&header.kind, payload)?,
        };
        let Ok(actor) = header.actor.parse();
        Ok(Self { header, hash, actor, facts })
    }
}

#[cfg(test)]
mod tests;
