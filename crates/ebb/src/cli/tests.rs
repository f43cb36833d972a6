//! The command line as a whole.

use clap::CommandFactory as _;

use super::server::Server;
use super::{Cli, ClientArgs};

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_has_examples() {
    for verb in Cli::command().get_subcommands() {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.starts_with("Examples:"), "{}", verb.get_name());
    }
}

#[test]
fn the_server_is_found_in_the_environment_or_the_data_folder() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("endpoints.json"), r#"{"api": "http://127.0.0.1:9", "edge": "x"}"#)
        .unwrap();
    let file = "# key\n[other]\naws_access_key_id = no\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=s=1\n";
    std::fs::write(data.path().join("credentials"), file).unwrap();
    let find = |data: Option<&std::path::Path>, pairs: &[(&str, &str)]| {
        let args = ClientArgs { data: data.map(Into::into), json: false };
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = Server::find_in(&args, &|name| {
            pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        });
        found.map(|server| {
            let key = &server.credentials;
            let region = server.region.unwrap_or_default();
            (server.endpoint, key.access_key_id.0.clone(), key.secret_access_key.expose().to_owned(), region)
        })
    };
    let own = |endpoint: &str, id: &str, secret: &str, region: &str| {
        (endpoint.to_owned(), id.to_owned(), secret.to_owned(), region.to_owned())
    };
    let key = [("AWS_ACCESS_KEY_ID", "AKIA2"), ("AWS_SECRET_ACCESS_KEY", "s2")];
    let of_data = own("http://127.0.0.1:9", "AKIA1", "s=1", "");
    assert_eq!(find(Some(data.path()), &[]).unwrap(), of_data);
    // A data folder that was named wins over the environment.
    assert_eq!(find(Some(data.path()), &[("EBB_ENDPOINT", "http://x:1"), key[0], key[1]]).unwrap(), of_data);
    let named = [("AWS_ENDPOINT_URL", "http://x:1/"), key[0], key[1], ("AWS_DEFAULT_REGION", "eu-west-1")];
    assert_eq!(find(None, &named).unwrap(), own("http://x:1", "AKIA2", "s2", "eu-west-1"));
    let credentials = data.path().join("credentials");
    let file =
        [("EBB_ENDPOINT", "http://y:1"), ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap())];
    assert_eq!(find(None, &file).unwrap(), own("http://y:1", "AKIA1", "s=1", ""));
    for bad in ["https://x", "x:1", "http://", "http://x/path"] {
        assert!(find(None, &[("EBB_ENDPOINT", bad), key[0], key[1]]).is_err(), "{bad}");
    }
    assert!(find(Some(&data.path().join("nothing")), &[]).unwrap_err().hint.is_some());
}
