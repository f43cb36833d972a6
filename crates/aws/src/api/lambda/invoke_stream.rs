//! `InvokeWithResponseStream`: the answer as an event stream, each piece sent when the function has written it.

use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_invoker::{Delivery, InvokeError, StreamPart};
use ebb_model::{Outcome, Qualifier};
use futures_util::StreamExt as _;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use serde::Serialize;
use tokio::sync::mpsc;

use super::Lambda;
use super::invoke::{EXECUTED_VERSION, InvocationType, read};
use crate::wire::{AwsError, Body, BodyError, Call, empty_response, event_stream};

/// Pieces that may wait for a slow client before the function has to wait too.
const PIECES: usize = 16;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeComplete {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_result: Option<String>,
}

type Running = Pin<Box<dyn Future<Output = Result<Outcome, InvokeError>> + Send>>;

/// An invocation that is being answered.
struct Answer {
    running: Option<Running>,
    ended: Option<Result<Outcome, InvokeError>>,
    parts: mpsc::Receiver<StreamPart>,
    /// Read already, to know whether there is an answer at all.
    first: Option<StreamPart>,
}

pub(super) async fn invoke_with_response_stream(
    lambda: Lambda,
    call: Call,
) -> Result<Response<Body>, AwsError> {
    let (invocation, kind) = read(&lambda, &call)?;
    match kind {
        InvocationType::RequestResponse => {}
        InvocationType::DryRun => {
            lambda.invoker.check(&invocation)?;
            return Ok(empty_response(StatusCode::NO_CONTENT));
        }
        InvocationType::Event => {
            return Err(AwsError::client(
                "InvalidParameterValueException",
                "InvokeWithResponseStream does not support InvocationType Event.",
            ));
        }
    }
    let version = executed_version(&lambda, &call);
    let (sender, parts) = mpsc::channel(PIECES);
    let invoker = lambda.invoker.clone();
    let running: Running =
        Box::pin(async move { invoker.invoke(invocation, Delivery::Stream(sender)).await });
    let mut answer = Answer { running: Some(running), ended: None, parts, first: None };
    answer.begin().await?;
    let frames = futures_util::stream::unfold(Some(answer), |answer| async move {
        let mut answer = answer?;
        match answer.next_chunk().await {
            Some(bytes) => {
                let frame = event_stream::event("PayloadChunk", "application/octet-stream", &bytes);
                Some((Ok(http_body::Frame::data(frame)), Some(answer)))
            }
            None => Some((answer.complete().map(http_body::Frame::data), None)),
        }
    });
    let mut response = Response::new(StreamBody::new(frames.boxed()).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
    if let Some(version) = version.and_then(|version| HeaderValue::from_str(&version).ok()) {
        headers.insert(EXECUTED_VERSION, version);
    }
    Ok(response)
}

/// The version that will run, where that is known before it does: not behind an alias with weights.
fn executed_version(lambda: &Lambda, call: &Call) -> Option<String> {
    let target = lambda.target(call).ok()?;
    let (function, version) = lambda.catalog().version(&target).ok()?;
    let weighted = match &target.qualifier {
        Some(Qualifier::Alias(name)) => {
            function.aliases.get(name).is_some_and(|alias| !alias.weights.is_empty())
        }
        _ => false,
    };
    Some(version.version.to_string()).filter(|_| !weighted)
}

impl Answer {
    /// Waits for the first piece, or the end: an invocation that did not run has a plain error as its answer.
    async fn begin(&mut self) -> Result<(), AwsError> {
        self.first = self.next_part().await;
        match self.ended.take() {
            Some(Err(error)) if self.first.is_none() => Err(error.into()),
            ended => {
                self.ended = ended;
                Ok(())
            }
        }
    }

    async fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            let part = match self.first.take() {
                Some(part) => part,
                None => self.next_part().await?,
            };
            match part {
                StreamPart::Chunk(bytes) if !bytes.is_empty() => return Some(bytes),
                StreamPart::Chunk(_) | StreamPart::Head { .. } => {}
            }
        }
    }

    /// The next piece while the invocation runs, and those that it left behind; nothing after the last.
    async fn next_part(&mut self) -> Option<StreamPart> {
        if let Some(running) = &mut self.running {
            tokio::select! {
                biased;
                Some(part) = self.parts.recv() => return Some(part),
                outcome = running => {
                    self.ended = Some(outcome);
                    self.running = None;
                }
            }
        }
        self.parts.recv().await
    }

    fn complete(self) -> Result<Bytes, BodyError> {
        let complete = match self.ended {
            Some(Ok(outcome)) => {
                let failure = outcome.result.err();
                InvokeComplete {
                    error_code: failure.as_ref().map(|_| "Unhandled"),
                    error_details: failure
                        .map(|failure| String::from_utf8_lossy(&failure.payload).into_owned()),
                    log_result: outcome.log_tail.map(|tail| STANDARD.encode(tail)),
                }
            }
            // The answer had begun: breaking the response off is all that can be said.
            Some(Err(error)) => return Err(Box::new(error)),
            None => return Err("the invocation ended without an outcome".into()),
        };
        let payload = serde_json::to_vec(&complete)?;
        Ok(event_stream::event("InvokeComplete", "application/json", &payload))
    }
}
