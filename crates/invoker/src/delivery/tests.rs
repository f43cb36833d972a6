//! What reaches the reader, in what order, and up to which size.

use bytes::Bytes;
use ebb_model::Response;
use tokio::sync::mpsc;

use super::{Delivery, ResponseSink, StreamPart, WriteError};

fn whole(sink: ResponseSink) -> Bytes {
    match sink.into_response() {
        Response::Whole(bytes) => bytes,
        Response::Streamed(_) => panic!("it was wanted whole"),
    }
}

#[tokio::test]
async fn pieces_are_collected_where_the_answer_is_wanted_whole() {
    let mut sink = ResponseSink::new(Delivery::Whole, 10);
    sink.head(Some("text/plain".to_owned())).await.unwrap();
    sink.chunk("ab".into()).await.unwrap();
    sink.whole("cd".into()).await.unwrap();
    assert_eq!(whole(sink), "abcd");
    let mut sink = ResponseSink::new(Delivery::Whole, 10);
    sink.whole("abc".into()).await.unwrap();
    assert_eq!(whole(sink), "abc");
}

#[tokio::test]
async fn what_is_over_the_limit_is_refused() {
    let mut sink = ResponseSink::new(Delivery::Whole, 3);
    sink.chunk("abc".into()).await.unwrap();
    assert_eq!(sink.chunk("d".into()).await, Err(WriteError::TooLarge(4)));
    let mut sink = ResponseSink::new(Delivery::Whole, 3);
    assert_eq!(sink.whole("abcd".into()).await, Err(WriteError::TooLarge(4)));
}

#[tokio::test]
async fn a_stream_has_a_head_and_then_chunks() {
    let (sender, mut parts) = mpsc::channel(4);
    let mut sink = ResponseSink::new(Delivery::Stream(sender), 10);
    assert!(!sink.started());
    // Without a head of its own it gets an empty one.
    sink.chunk("a".into()).await.unwrap();
    sink.whole("b".into()).await.unwrap();
    assert!(sink.started());
    assert!(matches!(sink.into_response(), Response::Streamed(2)));
    assert_eq!(parts.recv().await, Some(StreamPart::Head { content_type: None }));
    assert_eq!(parts.recv().await, Some(StreamPart::Chunk("a".into())));
    assert_eq!(parts.recv().await, Some(StreamPart::Chunk("b".into())));
    assert_eq!(parts.recv().await, None);
}

#[tokio::test]
async fn a_slow_reader_holds_the_writer_up_and_one_that_left_does_not() {
    let (sender, mut parts) = mpsc::channel(1);
    let mut sink = ResponseSink::new(Delivery::Stream(sender), 10);
    sink.head(None).await.unwrap();
    let mut write = Box::pin(sink.chunk("a".into()));
    let patience = std::time::Duration::from_millis(10);
    assert!(tokio::time::timeout(patience, &mut write).await.is_err());
    parts.recv().await.unwrap();
    write.await.unwrap();
    drop(parts);
    sink.chunk("b".into()).await.unwrap();
    assert_eq!(sink.written(), 2);
}
