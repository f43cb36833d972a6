//! What the frames say, as types.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::frame::{Encoded, Frame, FrameError, Kind};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL: u32 = 1;

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
pub enum ToBoot {
    /// Take on this function.
    Start(Start),
    /// Here is an event.
    Invoke {
        /// Names the event in every frame about it; never 0.
        id: u32,
        /// What the function learns beside the event.
        metadata: InvokeMetadata,
        /// The event, as it came.
        event: Bytes,
    },
    /// Nobody waits for this event any more.
    Cancel {
        /// Which event.
        id: u32,
    },
    /// End when no event is running.
    Shutdown,
}

/// What a boot says.
#[derive(Debug, Clone, PartialEq)]
pub enum FromBoot {
    /// Booted, holds no function yet.
    Hello(Hello),
    /// The function is loaded, events may come.
    Ready,
    /// The function could not be loaded; carries the error object, as JSON text.
    InitFailed(Bytes),
    /// The whole answer.
    Response {
        /// Which event.
        id: u32,
        /// The answer.
        body: Bytes,
    },
    /// The function failed.
    Failure {
        /// Which event.
        id: u32,
        /// The error object, as JSON text.
        error: Bytes,
    },
    /// The answer comes in pieces.
    StreamHead {
        /// Which event.
        id: u32,
        /// What is known before the first piece.
        head: StreamHead,
    },
    /// A piece of the answer.
    StreamChunk {
        /// Which event.
        id: u32,
        /// The piece.
        chunk: Bytes,
    },
    /// The end of the pieces.
    StreamEnd {
        /// Which event.
        id: u32,
        /// The error object of a failure after the head, as JSON text.
        error: Option<Bytes>,
    },
    /// One log event, possibly of several lines.
    Log {
        /// Which event, 0 outside of any.
        id: u32,
        /// Its severity, where the function named one.
        level: Option<LogLevel>,
        /// When it was made, in milliseconds since the Unix epoch, by the function's clock.
        time_ms: i64,
        /// The text. Should be UTF-8; a boot may fail to hold that.
        message: Bytes,
    },
}

/// Body of [`ToBoot::Start`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The entry point, in the runtime's own notation.
    pub handler: String,
    /// The folder of the code package.
    pub root: String,
    /// Added to the boot's environment.
    pub env: BTreeMap<String, String>,
}

/// The metadata of [`ToBoot::Invoke`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvokeMetadata {
    /// The invocation's id, as the function sees it.
    pub request_id: String,
    /// When it must have ended, in milliseconds since the Unix epoch.
    pub deadline_ms: i64,
    /// The ARN that was invoked, with its qualifier.
    pub function_arn: String,
    /// The `X-Amzn-Trace-Id` header.
    pub trace_id: String,
    /// The caller's client context, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_context: Option<String>,
    /// Identity of the caller's Cognito pool, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cognito_identity: Option<String>,
}

/// Body of [`FromBoot::Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of this protocol that the boot speaks.
    pub protocol: u32,
    /// The interpreter and its version, as in `python3.11.7`; for people.
    pub runtime: String,
}

/// Body of [`FromBoot::StreamHead`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamHead {
    /// Media type of the pieces; `application/vnd.awslambda.http-integration-response` where they begin with a
    /// JSON prelude and eight zero bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// Severity of a log event; the values are those on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LogLevel {
    /// Finest.
    Trace = 1,
    /// Debugging.
    Debug = 2,
    /// Normal operation.
    Info = 3,
    /// Something unexpected.
    Warn = 4,
    /// An operation failed.
    Error = 5,
    /// The process cannot go on.
    Fatal = 6,
}

impl LogLevel {
    fn from_wire(value: u8) -> Option<Self> {
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal]
            .into_iter()
            .find(|level| *level as u8 == value)
    }
}

/// Why a frame does not say anything that its reader understands. The conversation is over.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The frame goes the other way.
    #[error("a {0:?} frame came from the wrong end")]
    WrongDirection(Kind),
    /// The body ends too early.
    #[error("the body of a {0:?} frame is cut short")]
    CutShort(Kind),
    /// A part that is to be JSON is not what it should be.
    #[error("the JSON of a {kind:?} frame: {source}")]
    Json {
        /// Which kind of frame.
        kind: Kind,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl ToBoot {
    /// Lays the message out for writing.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`].
    pub fn encode(self) -> Result<Encoded, FrameError> {
        let nothing = Bytes::new();
        match self {
            Self::Start(start) => Encoded::new(Kind::Start, 0, &[], json(&start)),
            Self::Invoke { id, metadata, event } => {
                let metadata = json(&metadata);
                let mut prefix = BytesMut::with_capacity(4 + metadata.len());
                prefix.put_u32_le(u32::try_from(metadata.len()).unwrap_or(u32::MAX));
                prefix.put_slice(&metadata);
                Encoded::new(Kind::Invoke, id, &prefix, event)
            }
            Self::Cancel { id } => Encoded::new(Kind::Cancel, id, &[], nothing),
            Self::Shutdown => Encoded::new(Kind::Shutdown, 0, &[], nothing),
        }
    }
}

impl TryFrom<Frame> for ToBoot {
    type Error = MessageError;

    fn try_from(frame: Frame) -> Result<Self, MessageError> {
        let Frame { kind, id, mut body } = frame;
        match kind {
            Kind::Start => Ok(Self::Start(parsed(kind, &body)?)),
            Kind::Invoke => {
                let length = body.try_get_u32_le().map_err(|_| MessageError::CutShort(kind))? as usize;
                if body.len() < length {
                    return Err(MessageError::CutShort(kind));
                }
                let metadata = parsed(kind, &body.split_to(length))?;
                Ok(Self::Invoke { id, metadata, event: body })
            }
            Kind::Cancel => Ok(Self::Cancel { id }),
            Kind::Shutdown => Ok(Self::Shutdown),
            _ => Err(MessageError::WrongDirection(kind)),
        }
    }
}

impl FromBoot {
    /// Lays the message out for writing.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`].
    pub fn encode(self) -> Result<Encoded, FrameError> {
        match self {
            Self::Hello(hello) => Encoded::new(Kind::Hello, 0, &[], json(&hello)),
            Self::Ready => Encoded::new(Kind::Ready, 0, &[], Bytes::new()),
            Self::InitFailed(error) => Encoded::new(Kind::InitFailed, 0, &[], error),
            Self::Response { id, body } => Encoded::new(Kind::Response, id, &[], body),
            Self::Failure { id, error } => Encoded::new(Kind::Failure, id, &[], error),
            Self::StreamHead { id, head } => Encoded::new(Kind::StreamHead, id, &[], json(&head)),
            Self::StreamChunk { id, chunk } => Encoded::new(Kind::StreamChunk, id, &[], chunk),
            Self::StreamEnd { id, error } => {
                Encoded::new(Kind::StreamEnd, id, &[], error.unwrap_or_default())
            }
            Self::Log { id, level, time_ms, message } => {
                let mut prefix = [0; 9];
                prefix[0] = level.map_or(0, |level| level as u8);
                prefix[1..].copy_from_slice(&time_ms.to_le_bytes());
                Encoded::new(Kind::Log, id, &prefix, message)
            }
        }
    }
}

impl TryFrom<Frame> for FromBoot {
    type Error = MessageError;

    fn try_from(frame: Frame) -> Result<Self, MessageError> {
        let Frame { kind, id, mut body } = frame;
        Ok(match kind {
            Kind::Hello => Self::Hello(parsed(kind, &body)?),
            Kind::Ready => Self::Ready,
            Kind::InitFailed => Self::InitFailed(body),
            Kind::Response => Self::Response { id, body },
            Kind::Failure => Self::Failure { id, error: body },
            Kind::StreamHead => Self::StreamHead { id, head: parsed(kind, &body)? },
            Kind::StreamChunk => Self::StreamChunk { id, chunk: body },
            Kind::StreamEnd => Self::StreamEnd { id, error: (!body.is_empty()).then_some(body) },
            Kind::Log => {
                let level = body.try_get_u8().map_err(|_| MessageError::CutShort(kind))?;
                let time_ms = body.try_get_i64_le().map_err(|_| MessageError::CutShort(kind))?;
                Self::Log { id, level: LogLevel::from_wire(level), time_ms, message: body }
            }
            _ => return Err(MessageError::WrongDirection(kind)),
        })
    }
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("strings, integers and maps of strings always are JSON").into()
}

fn parsed<T: DeserializeOwned>(kind: Kind, body: &[u8]) -> Result<T, MessageError> {
    serde_json::from_slice(body).map_err(|source| MessageError::Json { kind, source })
}

#[cfg(test)]
mod tests;
