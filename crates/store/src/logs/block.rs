//! Blocks: consecutive events of one stream, as they stand in a frame.

use std::borrow::Cow;

use ebb_model::Timestamp;

/// Events of one stream that were written together. Event number `i` has the sequence number `first_sequence + i`.
#[derive(Debug, Clone)]
pub(super) struct Block<'a> {
    pub(super) stream: u64,
    pub(super) first_sequence: u64,
    pub(super) ingested: Timestamp,
    pub(super) events: Vec<(Timestamp, Cow<'a, str>)>,
}

impl<'a> Block<'a> {
    /// All integers little-endian: stream, first sequence number, time of ingestion, then time, length and text of
    /// each event.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.stream.to_le_bytes());
        out.extend_from_slice(&self.first_sequence.to_le_bytes());
        out.extend_from_slice(&self.ingested.millis().to_le_bytes());
        for (time, text) in &self.events {
            out.extend_from_slice(&time.millis().to_le_bytes());
            out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (stream, bytes) = bytes.split_first_chunk::<8>()?;
        let (first_sequence, bytes) = bytes.split_first_chunk::<8>()?;
        let (ingested, mut bytes) = bytes.split_first_chunk::<8>()?;
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let (time, rest) = bytes.split_first_chunk::<8>()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            events.push((Timestamp(i64::from_le_bytes(*time)), String::from_utf8_lossy(text)));
            bytes = rest;
        }
        Some(Self {
            stream: u64::from_le_bytes(*stream),
            first_sequence: u64::from_le_bytes(*first_sequence),
            ingested: Timestamp(i64::from_le_bytes(*ingested)),
            events,
        })
    }

    /// The times of the oldest and the newest event.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let times = self.events.iter().map(|(time, _)| *time);
        Some((times.clone().min()?, times.max()?))
    }

    pub(super) fn last_sequence(&self) -> u64 {
        self.first_sequence + (self.events.len() as u64).saturating_sub(1)
    }
}
