use ebb_model::{AccessKeyId, Credentials, SecretAccessKey};

use super::api;
use crate::testing::{Answer, Client, keys};

fn client() -> Client {
    let keys = keys();
    Client::new(api(keys.clone()), &keys)
}

fn key_of(answer: &Answer) -> Credentials {
    Credentials {
        access_key_id: AccessKeyId(answer.element("AccessKeyId").to_owned()),
        secret_access_key: SecretAccessKey::new(answer.element("SecretAccessKey").to_owned()),
        session_token: Some(SecretAccessKey::new(answer.element("SessionToken").to_owned())),
    }
}

const ASSUME: &str = "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fteam%2Fdeploy&RoleSessionName=me%40here";

#[tokio::test]
async fn root_is_told_who_it_is() {
    let who = client().form("Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(who.status, 200);
    assert_eq!(who.element("Arn"), "arn:aws:iam::000000000000:root");
    assert_eq!((who.element("UserId"), who.element("Account")), ("000000000000", "000000000000"));
    assert!(who.text.starts_with(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"
    ));
}

#[tokio::test]
async fn an_assumed_role_is_who_it_says() {
    let client = client();
    let assumed = client.form(ASSUME).await;
    let arn = "arn:aws:sts::000000000000:assumed-role/deploy/me@here";
    assert_eq!(assumed.element("Arn"), arn);
    assert_eq!(assumed.element("Expiration"), "2026-11-25T05:59:00.000Z");
    let role = client.with_key(key_of(&assumed));
    let who = role.form("Action=GetCallerIdentity").await;
    assert_eq!(who.element("Arn"), arn);
    assert_eq!(who.element("UserId"), assumed.element("AssumedRoleId"));
    let denied = role.form("Action=GetSessionToken").await;
    assert_eq!((denied.status, denied.element("Code")), (403, "AccessDenied"));
}

#[tokio::test]
async fn a_session_of_root_is_root() {
    let client = client();
    let session = client.form("Action=GetSessionToken&DurationSeconds=900").await;
    assert_eq!(session.element("Expiration"), "2026-11-25T05:14:00.000Z");
    let who = client.with_key(key_of(&session)).form("Action=GetCallerIdentity").await;
    assert_eq!(who.element("Arn"), "arn:aws:iam::000000000000:root");
    let info = client.form("Action=GetAccessKeyInfo&AccessKeyId=AKIAX").await;
    assert_eq!(info.element("Account"), "000000000000");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let client = client();
    let check = async |body: &str, status: u16, code: &str, told: &str| {
        let answer = client.form(body).await;
        assert_eq!((answer.status, answer.element("Code")), (status, code), "{body}");
        assert!(answer.element("Message").contains(told), "{}", answer.text);
    };
    check("Action=AssumeRole&RoleSessionName=me", 400, "ValidationError", "roleArn").await;
    check(&ASSUME.replace("me%40here", "m"), 400, "ValidationError", "roleSessionName").await;
    check(&ASSUME.replace("role%2F", "user%2F"), 400, "ValidationError", "is invalid").await;
    check(&ASSUME.replace("000000000000", "111111111111"), 403, "AccessDenied", "sts:AssumeRole").await;
    check(&format!("{ASSUME}&DurationSeconds=5"), 400, "ValidationError", "between 900 and 43200").await;
    check("Action=AssumeRoot", 400, "InvalidAction", "ebb does not implement sts:AssumeRoot yet").await;
    check("Version=2011-06-15", 400, "MissingAction", "Action").await;
}
