use bytes::Bytes;
use ebb_model::{AccountId, FunctionArn, FunctionName, Region, RequestId, TraceHeader};

use super::*;

fn event() -> Arc<Event> {
    Arc::new(Event {
        id: RequestId::random(),
        payload: Bytes::from_static(b"{}"),
        deadline: Timestamp(1),
        arn: FunctionArn {
            region: Region::parse("us-east-1").expect("valid"),
            account: AccountId::parse("000000000000").expect("valid"),
            name: FunctionName::parse("f").expect("valid"),
            qualifier: None,
        },
        trace: TraceHeader::fresh(),
        client_context: None,
        cognito_identity: None,
    })
}

fn no_extensions() -> Lifecycle {
    Lifecycle::new([], false)
}

/// One extension that has registered for these events.
fn with_extension(events: &[&str]) -> (Lifecycle, Uuid) {
    let mut lifecycle = Lifecycle::new(["ext".to_owned()], false);
    let id = lifecycle.register("ext", &texts(events)).expect("registered");
    (lifecycle, id)
}

fn texts(events: &[&str]) -> Vec<String> {
    events.iter().map(|event| (*event).to_owned()).collect()
}

fn answer(lifecycle: &mut Lifecycle, event: &Event) -> Result<(), Refused> {
    lifecycle.runtime_answers(&EventName::RequestId(&event.id.to_string()), false)
}

#[test]
fn a_runtime_goes_round_its_loop() {
    let mut lifecycle = no_extensions();
    assert!(!lifecycle.idle());
    for number in 1..3 {
        lifecycle.runtime_asks().expect("allowed");
        assert!(lifecycle.idle());
        let event = event();
        assert_eq!(lifecycle.begin(Arc::clone(&event)), Some(number));
        assert_eq!(lifecycle.begin(Arc::clone(&event)), None, "it has one already");
        assert!(lifecycle.runtime_event().is_some());
        lifecycle.runtime_asks().expect("asking again gives the same event");
        answer(&mut lifecycle, &event).expect("allowed");
        assert!(lifecycle.answering());
        assert!(lifecycle.runtime_event().is_none());
        lifecycle.runtime_answered();
        assert!(!lifecycle.idle());
    }
}

#[test]
fn answers_to_anything_but_the_current_event_are_refused() {
    let mut lifecycle = no_extensions();
    let current = event();
    assert_eq!(answer(&mut lifecycle, &current), Err(Refused::InvalidRequestId), "there is none");
    lifecycle.runtime_asks().expect("allowed");
    lifecycle.begin(Arc::clone(&current)).expect("ready");
    assert_eq!(answer(&mut lifecycle, &event()), Err(Refused::InvalidRequestId));
    assert_eq!(lifecycle.runtime_answers(&EventName::Number(2), true), Err(Refused::InvalidRequestId));
    lifecycle.runtime_answers(&EventName::Number(1), true).expect("allowed");
    let again = answer(&mut lifecycle, &current).expect_err("twice");
    assert_eq!(
        again.to_string(),
        "State transition from InvocationErrorResponse to InvocationResponse failed for runtime. Error: State \
         transition is not allowed"
    );
}

#[test]
fn initialisation_errors_are_taken_before_the_first_event_only() {
    let mut lifecycle = no_extensions();
    lifecycle.runtime_init_error().expect("allowed");
    assert!(lifecycle.runtime_asks().is_err());
    let mut lifecycle = no_extensions();
    lifecycle.runtime_asks().expect("allowed");
    assert!(lifecycle.runtime_init_error().is_err());
}

#[test]
fn an_instance_is_idle_when_its_extensions_are_too() {
    let (mut lifecycle, id) = with_extension(&["INVOKE", "SHUTDOWN"]);
    lifecycle.runtime_asks().expect("allowed");
    assert!(!lifecycle.idle(), "the extension has not asked");
    lifecycle.extension_asks(id).expect("allowed");
    assert!(lifecycle.idle());
    let event = event();
    lifecycle.begin(Arc::clone(&event)).expect("ready");
    answer(&mut lifecycle, &event).expect("allowed");
    lifecycle.runtime_answered();
    lifecycle.runtime_asks().expect("allowed");
    assert!(!lifecycle.idle(), "the extension has not seen the event");
    assert!(matches!(lifecycle.extension_event(id), Ok(Some(ExtensionEvent::Invoke(_)))));
    assert!(matches!(lifecycle.extension_event(id), Ok(None)), "each event once");
    assert!(!lifecycle.idle(), "the extension has not asked again");
    lifecycle.extension_asks(id).expect("allowed");
    assert!(lifecycle.idle());
}

#[test]
fn an_extension_hears_of_what_it_registered_for() {
    let (mut lifecycle, id) = with_extension(&["SHUTDOWN"]);
    lifecycle.runtime_asks().expect("allowed");
    lifecycle.extension_asks(id).expect("allowed");
    lifecycle.begin(event()).expect("ready");
    assert!(matches!(lifecycle.extension_event(id), Ok(None)));
    lifecycle.shut_down(Shutdown { reason: "spindown", deadline: Timestamp(2) });
    assert!(matches!(lifecycle.extension_event(id), Ok(Some(ExtensionEvent::Shutdown(_)))));
}

#[test]
fn registration_is_checked() {
    let check = |name: &str, events: &[&str], expected: Refused| {
        let (mut lifecycle, _) = with_extension(&["INVOKE"]);
        lifecycle.register("inside", &texts(&["INVOKE"])).expect("an internal one");
        assert_eq!(lifecycle.register(name, &texts(events)), Err(expected));
    };
    let transition = Refused::ExtensionTransition {
        extension: "ext".into(),
        from: ExtensionState::Registered,
        to: ExtensionState::Registered,
    };
    check("ext", &["INVOKE"], transition);
    check("inside", &["INVOKE"], Refused::NameTaken);
    let why = "ShutdownEventNotSupportedForInternalExtension";
    check("other", &["SHUTDOWN"], Refused::InvalidEvent { event: "SHUTDOWN".into(), why });
    check("other", &["SLEEP"], Refused::InvalidEvent { event: "SLEEP".into(), why: "InvalidEventType" });
    let mut lifecycle = no_extensions();
    lifecycle.runtime_asks().expect("allowed");
    assert_eq!(lifecycle.register("late", &[]), Err(Refused::RegistrationClosed));
    let mut lifecycle = no_extensions();
    for number in 0..MAX_EXTENSIONS {
        lifecycle.register(&format!("e{number}"), &[]).expect("room");
    }
    assert_eq!(lifecycle.register("one more", &[]), Err(Refused::TooManyExtensions));
}

#[test]
fn extensions_report_errors_where_they_may() {
    let (mut lifecycle, id) = with_extension(&[]);
    assert_eq!(lifecycle.extension_error(id, false), Ok("ext".into()));
    assert_eq!(lifecycle.extension_error(id, false), Ok("ext".into()), "twice is no harm");
    assert!(lifecycle.extension_asks(id).is_err());
    let (mut lifecycle, id) = with_extension(&[]);
    lifecycle.extension_asks(id).expect("allowed");
    assert!(lifecycle.extension_error(id, false).is_err(), "initialisation is over");
    assert_eq!(lifecycle.extension_error(id, true), Ok("ext".into()));
    let unknown = Uuid::new_v4();
    assert_eq!(lifecycle.extension_asks(unknown), Err(Refused::UnknownExtension(unknown)));
}
