//! Reading a request's body, no more of it and no longer than allowed.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::config::Limits;
use crate::refusal::Refusal;

/// Reads the whole body.
///
/// # Errors
/// [`Refusal::BodyTooLarge`], [`Refusal::BodyTimedOut`] or [`Refusal::BodyBroken`].
pub(crate) async fn read<B>(mut body: B, headers: &HeaderMap, limits: &Limits) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > limits.body_bytes as u64 {
        // A client that waits for `100 Continue` has not sent it yet, and reads the refusal at once.
        if !headers.contains_key(EXPECT) {
            discard(&mut body, limits).await;
        }
        return Err(Refusal::BodyTooLarge);
    }
    let Some(first) = next(&mut body, limits).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() && first.len() <= limits.body_bytes {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len().max(usize::try_from(announced).unwrap_or(0)));
    whole.extend_from_slice(&first);
    while let Some(piece) = next(&mut body, limits).await? {
        if whole.len() + piece.len() > limits.body_bytes {
            discard(&mut body, limits).await;
            return Err(Refusal::BodyTooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    if whole.len() > limits.body_bytes {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(whole.freeze())
}

async fn next<B>(body: &mut B, limits: &Limits) -> Result<Option<Bytes>, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        match timeout(limits.body_timeout, body.frame()).await {
            Err(_) => return Err(Refusal::BodyTimedOut),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Refusal::BodyBroken),
            // Trailers have no place in an event.
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads on for a while without keeping anything: a client that is still sending would otherwise have its connection
/// reset before it reads why.
async fn discard<B>(body: &mut B, limits: &Limits)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = limits.discarded_bytes;
    while let Ok(Some(piece)) = next(body, limits).await {
        left = left.saturating_sub(piece.len());
        if left == 0 {
            return;
        }
    }
}
