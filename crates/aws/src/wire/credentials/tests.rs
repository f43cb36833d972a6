use std::os::unix::fs::PermissionsExt as _;

use ebb_model::SystemClock;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_795_582_740_000);

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn account() -> AccountId {
    AccountId::parse("000000000000").unwrap()
}

fn ring(secret: &str) -> KeyRing {
    let root = Credentials {
        access_key_id: AccessKeyId("AKIAROOT".to_owned()),
        secret_access_key: SecretAccessKey::new(secret.to_owned()),
        session_token: None,
    };
    KeyRing::new(root, account(), Arc::new(At(NOW)))
}

fn role() -> Principal {
    Principal::AssumedRole {
        account: account(),
        role: "r".to_owned(),
        session: "s".to_owned(),
        function: Some("arn:aws:lambda:us-east-1:000000000000:function:s".to_owned()),
    }
}

#[test]
fn the_root_key_is_made_once_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    let open = || KeyRing::open(&path, account(), Arc::new(SystemClock)).unwrap();
    let made = open();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let root = made.root();
    assert!(root.access_key_id.0.starts_with("AKIA") && root.access_key_id.0.len() == 20);
    assert_eq!(root.secret_access_key.expose().len(), 40);
    assert_eq!(open().root(), root);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["credentials"]);
    assert!(!format!("{made:?}").contains(root.secret_access_key.expose()));
}

#[test]
fn a_credentials_file_is_read_as_other_clients_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    let check = |text: &str, expected: Result<&str, &str>| {
        std::fs::write(&path, text).unwrap();
        let found = KeyRing::open(&path, account(), Arc::new(SystemClock));
        let found = found.map(|ring| ring.root().access_key_id.0.clone()).map_err(|error| error.to_string());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    };
    check("[default]\naws_access_key_id=A\naws_secret_access_key=S\n", Ok("A"));
    check(
        "[x]\naws_access_key_id=X\n[ default ]\n aws_secret_access_key = S\n aws_access_key_id = A\n",
        Ok("A"),
    );
    check("[default]\naws_access_key_id=A\n", Err("no aws_secret_access_key"));
    check("[other]\naws_access_key_id=A\naws_secret_access_key=S\n", Err("no aws_access_key_id"));
    check("", Err("no aws_access_key_id"));
}

#[test]
fn a_temporary_key_stands_for_its_principal_until_it_ends() {
    let ring = ring("secret");
    let key = ring.issue(&role(), Duration::from_secs(60));
    let (id, token) = (&key.access_key_id.0, key.session_token.as_ref().unwrap().expose());
    assert!(id.starts_with("ASIA") && id.len() == 20);
    let resolve = |id: &str, token, now| ring.resolve(id, token, now).map(|key| (key.secret, key.principal));
    let good = Ok((key.secret_access_key.clone(), role()));
    let end = NOW.plus(Duration::from_secs(60));
    assert_eq!(resolve(id, Some(token), NOW), good);
    assert_eq!(resolve(id, Some(token), Timestamp(end.millis() - 1)), good);
    assert_eq!(resolve(id, Some(token), end), Err(KeyError::Expired));
    assert_eq!(ring.expiry(&key), Some(end));
    for (id, token) in
        [(id.as_str(), None), ("ASIAOTHER", Some(token)), ("AKIAROOT", Some(token)), ("AKIANONE", None)]
    {
        assert_eq!(resolve(id, token, NOW), Err(KeyError::Invalid), "{id}");
    }
    assert_eq!(
        ring.resolve("AKIAROOT", None, NOW).unwrap().principal,
        Principal::Root { account: account() }
    );
    let elsewhere = super::tests::ring("another secret");
    assert_eq!(elsewhere.resolve(id, Some(token), NOW).unwrap_err(), KeyError::Invalid);
}

#[test]
fn principals_have_the_names_that_sts_gives() {
    let root = Principal::Root { account: account() };
    assert_eq!(
        (root.arn(), root.user_id()),
        ("arn:aws:iam::000000000000:root".into(), "000000000000".into())
    );
    assert_eq!(role().arn(), "arn:aws:sts::000000000000:assumed-role/r/s");
    let id = role().user_id();
    assert!(id.starts_with("AROA") && id.len() == 23 && id.ends_with(":s"), "{id}");
}

proptest! {
    #[test]
    fn an_altered_token_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let ring = ring("secret");
        let key = ring.issue(&role(), Duration::from_secs(60));
        let token = key.session_token.unwrap().expose().to_owned();
        let at = at.index(token.len());
        let altered = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        prop_assume!(altered != token);
        prop_assert_eq!(ring.resolve(&key.access_key_id.0, Some(&altered), NOW).unwrap_err(), KeyError::Invalid);
    }
}
