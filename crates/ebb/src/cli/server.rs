//! Which server a client verb means, and with what key.

use std::path::{Path, PathBuf};

use ebb_model::{AccessKeyId, Credentials, SecretAccessKey};
use serde::Deserialize;

use super::ClientArgs;
use super::failure::Failure;
use crate::config::default_data;

/// A server, and the key for it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// `http://host:port`
    pub(crate) endpoint: String,
    pub(crate) credentials: Credentials,
    /// The region, where the environment says it.
    pub(crate) region: Option<String>,
}

/// The environment variables that are read.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `endpoints.json`, as a server writes it.
#[derive(Debug, Deserialize)]
struct Endpoints {
    api: String,
}

impl Server {
    /// The server that the environment names, else the one of the data folder.
    pub(crate) fn find(args: &ClientArgs) -> Result<Self, Failure> {
        Self::find_in(args, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn find_in(args: &ClientArgs, environment: Environment<'_>) -> Result<Self, Failure> {
        let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
        let named = match &args.data {
            Some(_) => None,
            None => environment("EBB_ENDPOINT").or_else(|| environment("AWS_ENDPOINT_URL")),
        };
        let Some(endpoint) = named else {
            let data = data_folder(args.data.as_deref())?;
            return Ok(Self { endpoint: endpoint_of(&data)?, credentials: credentials_of(&data)?, region });
        };
        let endpoint = checked(&endpoint)?;
        let credentials = match (environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => Credentials {
                access_key_id: AccessKeyId(id),
                secret_access_key: SecretAccessKey::new(secret),
                session_token: environment("AWS_SESSION_TOKEN").map(SecretAccessKey::new),
            },
            _ => match environment("AWS_SHARED_CREDENTIALS_FILE") {
                Some(file) => read_credentials(Path::new(&file))?,
                None => credentials_of(&data_folder(None)?)?,
            },
        };
        Ok(Self { endpoint, credentials, region })
    }

    /// The data folder of the server, where it is on this machine: unless the environment names a server.
    pub(crate) fn local_data(args: &ClientArgs) -> Option<PathBuf> {
        let named = ["EBB_ENDPOINT", "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some());
        if args.data.is_none() && named { None } else { data_folder(args.data.as_deref()).ok() }
    }

    /// The server of a data folder, where one has left its address there. It may have ended since.
    pub(crate) fn of_data(data: &Path) -> Option<Self> {
        let endpoint = endpoint_of(data).ok()?;
        Some(Self { endpoint, credentials: credentials_of(data).ok()?, region: None })
    }
}

/// The data folder: the given one, else the default.
pub(crate) fn data_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    given.map(Path::to_owned).or_else(default_data).ok_or_else(|| {
        Failure::new("HOME is not set, so there is no data folder", "environment")
            .hint("name one with --data DIR")
    })
}

fn checked(endpoint: &str) -> Result<String, Failure> {
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some(("http", host)) if !host.is_empty() && !host.contains('/') => Ok(endpoint.to_owned()),
        Some(("https", _)) => Err(Failure::new("https is not built yet for ebb's own verbs", endpoint)
            .hint("name the server by its http address")),
        _ => Err(Failure::usage("not the address of a server", endpoint)
            .hint("it looks like http://127.0.0.1:9440")),
    }
}

fn endpoint_of(data: &Path) -> Result<String, Failure> {
    let file = data.join("endpoints.json");
    let missing = |what: String| {
        Failure::new(what, file.display().to_string())
            .hint("start a server with `ebb serve` or `ebb dev`, or name one with EBB_ENDPOINT")
    };
    let text = std::fs::read(&file).map_err(|error| missing(format!("no server has run here: {error}")))?;
    let endpoints: Endpoints =
        serde_json::from_slice(&text).map_err(|error| missing(format!("no address of a server: {error}")))?;
    checked(&endpoints.api)
}

fn credentials_of(data: &Path) -> Result<Credentials, Failure> {
    read_credentials(&data.join("credentials"))
}

/// The key of profile `default` of an AWS shared-credentials file.
fn read_credentials(file: &Path) -> Result<Credentials, Failure> {
    let failed = |what: String| {
        Failure::new(what, file.display().to_string())
            .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of the server")
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(format!("no key: {error}")))?;
    let setting = |name: &str| {
        let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[default]").skip(1);
        let own = lines.by_ref().take_while(|line| !line.starts_with('['));
        own.filter_map(|line| line.split_once('='))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
    };
    let needed = |name: &str| setting(name).ok_or_else(|| failed(format!("no {name} in profile [default]")));
    Ok(Credentials {
        access_key_id: AccessKeyId(needed("aws_access_key_id")?),
        secret_access_key: SecretAccessKey::new(needed("aws_secret_access_key")?),
        session_token: setting("aws_session_token").map(SecretAccessKey::new),
    })
}
