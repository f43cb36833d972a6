//! The boot protocol: what the server and a boot say to each other over one inherited Unix stream socket.
//!
//! A *boot* is the small program inside an instance that loads a function and feeds it events: `runtimes/node`,
//! `runtimes/python` and so on. This crate is the specification and a pure codec; it does no I/O, starts no thread,
//! and knows nothing of functions, sandboxes or HTTP.
//!
//! Both ends decode with one [`Decoder`] over a growing buffer and turn a [`Frame`] into a [`ToBoot`] or a
//! [`FromBoot`]; payloads are slices of the buffer they were read into. To send, [`ToBoot::encode`] and
//! [`FromBoot::encode`] give a head and a payload to be written one after the other. Start reading there.
//!
//! # Frame
//!
//! ```text
//! u32 LE  length of all that follows (5 + body)
//! u8      kind
//! u32 LE  id: which event the frame belongs to; 0 where it belongs to none
//! ...     body
//! ```
//!
//! # From the server to the boot
//!
//! | kind | name | body |
//! | --- | --- | --- |
//! | 0x01 | Start | JSON `{"handler", "root", "env": {…}}`: take on this function. `env` is added to the environment first. Sent once. |
//! | 0x02 | Invoke | u32 LE length of the metadata, the metadata (JSON `{"requestId", "deadlineMs", "functionArn", "traceId", "clientContext"?, "cognitoIdentity"?}`; both optional ones are JSON texts in a string), then the event's bytes |
//! | 0x03 | Cancel | empty: nobody waits for this event any more |
//! | 0x04 | Shutdown | empty: end when no event is running |
//!
//! # From the boot to the server
//!
//! | kind | name | body |
//! | --- | --- | --- |
//! | 0x41 | Hello | JSON `{"protocol": 1, "runtime": "…"}`: booted, holds no function yet |
//! | 0x42 | Ready | empty: the function is loaded, events may come |
//! | 0x43 | InitFailed | the error object, JSON `{"errorType", "errorMessage", "stackTrace"…}`; the boot then exits |
//! | 0x44 | Response | the whole answer |
//! | 0x45 | Failure | the error object |
//! | 0x46 | StreamHead | JSON `{"contentType"}`: the answer comes in pieces |
//! | 0x47 | StreamChunk | a piece of the answer |
//! | 0x48 | StreamEnd | empty, or the error object of a failure after the head |
//! | 0x49 | Log | u8 level (0 none, 1 trace … 6 fatal), i64 LE milliseconds since the epoch, then one log event, UTF-8, possibly of several lines |
//!
//! A boot reads its socket's descriptor number from `EBB_BOOT_FD`, and removes that variable before user code runs.
//! Whatever the function writes to its standard streams reaches the log by itself, line by line; Log frames exist so
//! that one call of a logger makes one event. The order of frames is the order of what happened: a Log frame or a
//! write to a standard stream that comes before Response belongs to that event.

//! Each Invoke is answered exactly once: by a Response, a Failure, or a StreamHead with its StreamEnd; the boot is free
//! for the next event then, and after a Cancel too, though pieces may be missing then. Where the environment of Start
//! holds an `AWS_LAMBDA_MAX_CONCURRENCY` above 1, as many events come before they are answered, which may be in any order;
//! the boots of Node.js and Python take them. A boot that ends without an answer has exited, whatever the reason.
//!
//! The socket is the boot's alone: the boot makes it close-on-exec, and no child of the function holds it.
//! The text of a Log frame is the event as the function's logger wrote it, with or without a line end at its end.
//!
//! A frame's body is at most [`MAX_BODY`] long in both directions; a boot cuts the pieces of a stream smaller. A frame that is
//! longer is skipped and reported as [`FrameError::TooLarge`], and the conversation goes on after it.

mod frame;
mod message;

/// The header, or trailer, by which a boot that is a server itself says that its function failed and that what it
/// answered is no answer. Its value is the error object, on one line. The status beside it says nothing.
pub const FAILURE_HEADER: &str = "ebb-function-failure";

pub use frame::{Decoder, Encoded, Frame, FrameError, HEADER_BYTES, Kind, MAX_BODY};
pub use message::{
    FromBoot, Hello, InvokeMetadata, LogLevel, MessageError, PROTOCOL, Start, StreamHead, ToBoot,
};
