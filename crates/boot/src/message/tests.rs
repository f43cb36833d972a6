use bytes::BytesMut;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::frame::Decoder;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn metadata() -> impl Strategy<Value = InvokeMetadata> {
    (".*", any::<i64>(), ".*", ".*", proptest::option::of(".*"), proptest::option::of(".*")).prop_map(
        |(request_id, deadline_ms, function_arn, trace_id, client_context, cognito_identity)| {
            InvokeMetadata {
                request_id,
                deadline_ms,
                function_arn,
                trace_id,
                client_context,
                cognito_identity,
            }
        },
    )
}

fn to_boot() -> impl Strategy<Value = ToBoot> {
    prop_oneof![
        (".*", ".*", btree_map(".*", ".*", 0..4)).prop_map(|(handler, root, env)| ToBoot::Start(Start {
            handler,
            root,
            env
        })),
        (any::<u32>(), metadata(), bytes()).prop_map(|(id, metadata, event)| ToBoot::Invoke {
            id,
            metadata,
            event
        }),
        any::<u32>().prop_map(|id| ToBoot::Cancel { id }),
        Just(ToBoot::Shutdown),
    ]
}

fn level() -> impl Strategy<Value = Option<LogLevel>> {
    (0u8..=6).prop_map(LogLevel::from_wire)
}

fn from_boot() -> impl Strategy<Value = FromBoot> {
    prop_oneof![
        (any::<u32>(), ".*").prop_map(|(protocol, runtime)| FromBoot::Hello(Hello { protocol, runtime })),
        Just(FromBoot::Ready),
        bytes().prop_map(FromBoot::InitFailed),
        (any::<u32>(), bytes()).prop_map(|(id, body)| FromBoot::Response { id, body }),
        (any::<u32>(), bytes()).prop_map(|(id, error)| FromBoot::Failure { id, error }),
        (any::<u32>(), proptest::option::of(".*"))
            .prop_map(|(id, content_type)| FromBoot::StreamHead { id, head: StreamHead { content_type } }),
        (any::<u32>(), bytes()).prop_map(|(id, chunk)| FromBoot::StreamChunk { id, chunk }),
        (any::<u32>(), proptest::option::of(vec(any::<u8>(), 1..50)))
            .prop_map(|(id, error)| FromBoot::StreamEnd { id, error: error.map(Bytes::from) }),
        (any::<u32>(), level(), any::<i64>(), bytes())
            .prop_map(|(id, level, time_ms, message)| FromBoot::Log { id, level, time_ms, message }),
    ]
}

/// Feeds the messages to a decoder in pieces of these sizes and returns the frames that come out.
fn through_the_wire(messages: Vec<Encoded>, pieces: &[usize]) -> Vec<Frame> {
    let mut sent = BytesMut::new();
    for message in messages {
        message.write_to(&mut sent);
    }
    let (mut decoder, mut buffer, mut seen) = (Decoder::default(), BytesMut::new(), Vec::new());
    let mut sizes = pieces.iter().copied().cycle();
    while !sent.is_empty() {
        let piece = sizes.next().unwrap_or(1).min(sent.len());
        buffer.extend_from_slice(&sent.split_to(piece));
        while let Some(frame) = decoder.decode(&mut buffer).unwrap() {
            seen.push(frame);
        }
    }
    assert!(buffer.is_empty());
    seen
}

proptest! {
    #[test]
    fn what_the_server_says_arrives(sent in vec(to_boot(), 0..6), pieces in vec(1usize..40, 1..8)) {
        let frames = through_the_wire(sent.iter().cloned().map(|m| m.encode().unwrap()).collect(), &pieces);
        let seen: Vec<_> = frames.into_iter().map(|frame| ToBoot::try_from(frame).unwrap()).collect();
        prop_assert_eq!(seen, sent);
    }

    #[test]
    fn what_a_boot_says_arrives(sent in vec(from_boot(), 0..6), pieces in vec(1usize..40, 1..8)) {
        let frames = through_the_wire(sent.iter().cloned().map(|m| m.encode().unwrap()).collect(), &pieces);
        let seen: Vec<_> = frames.into_iter().map(|frame| FromBoot::try_from(frame).unwrap()).collect();
        prop_assert_eq!(seen, sent);
    }

    #[test]
    fn no_bytes_make_it_panic(noise in vec(any::<u8>(), 0..200)) {
        let (mut decoder, mut buffer) = (Decoder::new(50), BytesMut::from(&noise[..]));
        for _ in 0..noise.len() + 1 {
            match decoder.decode(&mut buffer) {
                Ok(Some(frame)) => {
                    let _ = ToBoot::try_from(frame.clone());
                    let _ = FromBoot::try_from(frame);
                }
                Ok(None) => break,
                Err(error) if error.is_recoverable() => {}
                Err(_) => break,
            }
        }
    }
}

#[test]
fn metadata_has_the_documented_names() {
    let metadata = InvokeMetadata {
        request_id: "r".into(),
        deadline_ms: 5,
        function_arn: "a".into(),
        trace_id: "t".into(),
        client_context: Some("{}".into()),
        cognito_identity: None,
    };
    assert_eq!(
        &json(&metadata)[..],
        br#"{"requestId":"r","deadlineMs":5,"functionArn":"a","traceId":"t","clientContext":"{}"}"#
    );
}

#[test]
fn a_frame_from_the_wrong_end_or_cut_short_is_an_error() {
    let frame = |kind, body: &'static [u8]| Frame { kind, id: 1, body: Bytes::from_static(body) };
    let cases = [
        (ToBoot::try_from(frame(Kind::Ready, b"")).err(), "a Ready frame came from the wrong end"),
        (
            ToBoot::try_from(frame(Kind::Invoke, b"\x09\0\0\0{}")).err(),
            "the body of a Invoke frame is cut short",
        ),
        (FromBoot::try_from(frame(Kind::Log, b"\x01")).err(), "the body of a Log frame is cut short"),
        (FromBoot::try_from(frame(Kind::Start, b"{}")).err(), "a Start frame came from the wrong end"),
    ];
    for (error, message) in cases {
        assert_eq!(error.unwrap().to_string(), message);
    }
    let not_json = FromBoot::try_from(frame(Kind::Hello, b"?")).unwrap_err();
    assert!(not_json.to_string().starts_with("the JSON of a Hello frame: "), "{not_json}");
}
