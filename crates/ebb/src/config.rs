//! The server's configuration: one struct, from the defaults, a TOML file and the command line, in that order.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ebb_model::{AccountId, Region};
use serde::Deserialize;

/// What `ebb serve` takes from the command line; each overrides the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ServeArgs {
    /// The data folder [default: ~/.local/share/ebb]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where the AWS APIs listen; port 0 picks a free one [default: 127.0.0.1:9440]
    #[arg(long, value_name = "ADDR")]
    pub(crate) api: Option<SocketAddr>,
    /// Where apps and function URLs listen; port 0 picks a free one [default: 127.0.0.1:8440]
    #[arg(long, value_name = "ADDR")]
    pub(crate) edge: Option<SocketAddr>,
    /// The region that it says it is [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// A TOML file with these and more settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The file, as it is written. Documented in `docs/guide/configuration.md`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    api: Option<SocketAddr>,
    edge: Option<SocketAddr>,
    region: Option<String>,
    account: Option<String>,
    domain: Option<String>,
    #[serde(default)]
    domains: BTreeMap<String, String>,
    database: Option<String>,
    blobs: Option<String>,
    network: Option<NetworkSetting>,
    keep_warm_seconds: Option<u64>,
    memory_budget_mib: Option<u64>,
    spare_from_milliseconds: Option<u64>,
    page_out_seconds: Option<u64>,
    stock_instances: Option<u32>,
    stock_memory_mib: Option<u32>,
    log: Option<LogSetting>,
}

/// What functions may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NetworkSetting {
    /// Public addresses, where the machine can give it.
    Outbound,
    /// Nothing but their own loopback.
    Loopback,
}

/// How much the server itself logs, to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogSetting {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) api: SocketAddr,
    pub(crate) edge: SocketAddr,
    pub(crate) region: Region,
    pub(crate) account: AccountId,
    /// Apps are at `NAME.<domain>`.
    pub(crate) domain: String,
    /// Hosts of apps' own, and which app each is.
    pub(crate) domains: BTreeMap<String, String>,
    /// A PostgreSQL URL; SQLite in the data folder where absent.
    pub(crate) database: Option<String>,
    /// An object store URL; a folder in the data folder where absent.
    pub(crate) blobs: Option<String>,
    pub(crate) network: NetworkSetting,
    /// How long an idle instance is kept.
    pub(crate) keep_warm: Duration,
    /// What all instances together may use.
    pub(crate) memory_budget_mib: Option<u64>,
    /// From how long a start on one instance more than are in use is kept ready.
    pub(crate) spare_from: Option<Duration>,
    /// How long an instance is idle before its memory is moved to swap.
    pub(crate) page_out_after: Option<Duration>,
    /// How many instances may be booted ahead of need.
    pub(crate) stock_instances: u32,
    /// And how much memory they may take.
    pub(crate) stock_memory_mib: u32,
    pub(crate) log: LogSetting,
}

/// Everything that is wrong with a configuration, together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigErrors(Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads the file that `args` name, and applies `args` over it.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every problem and where it is.
    pub(crate) fn load(args: &ServeArgs) -> Result<Self, ConfigErrors> {
        let file = match &args.config {
            Some(path) => read(path)?,
            None => File::default(),
        };
        Self::from_parts(args, file)
    }

    fn from_parts(args: &ServeArgs, file: File) -> Result<Self, ConfigErrors> {
        let mut problems = Vec::new();
        let region = args.region.clone().or(file.region).unwrap_or_else(|| "us-east-1".to_owned());
        let region = Region::parse(&region).map_err(|error| problems.push(format!("region: {error}"))).ok();
        let account = file.account.unwrap_or_else(|| "000000000000".to_owned());
        let account =
            AccountId::parse(&account).map_err(|error| problems.push(format!("account: {error}"))).ok();
        let data = args.data.clone().or(file.data).or_else(default_data);
        // Absolute once and for all: the launcher and what it mounts do not share this process's folder.
        let data = data.map(|data| std::path::absolute(&data).unwrap_or(data));
        if data.is_none() {
            problems.push("data: HOME is not set, so give the data folder with --data".to_owned());
        }
        let keep_warm_seconds = file.keep_warm_seconds.unwrap_or(600);
        if !(1..=86_400).contains(&keep_warm_seconds) {
            problems.push(format!("keep_warm_seconds: {keep_warm_seconds} is not within 1 to 86400"));
        }
        if file.memory_budget_mib.is_some_and(|budget| budget < 128) {
            problems.push("memory_budget_mib: less than the 128 of the smallest function".to_owned());
        }
        for host in file.domains.keys() {
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
            if host.is_empty() || !host.chars().all(legal) {
                problems.push(format!("domains: {host:?} is no host, which has neither scheme nor port"));
            }
        }
        match (region, account, data) {
            (Some(region), Some(account), Some(data)) if problems.is_empty() => Ok(Self {
                data,
                region,
                account,
                api: args.api.or(file.api).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9440))),
                edge: args.edge.or(file.edge).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8440))),
                domain: file.domain.unwrap_or_else(|| "localhost".to_owned()),
                domains: file.domains,
                database: file.database,
                blobs: file.blobs,
                network: file.network.unwrap_or(NetworkSetting::Outbound),
                keep_warm: Duration::from_secs(keep_warm_seconds),
                memory_budget_mib: file.memory_budget_mib,
                spare_from: match file.spare_from_milliseconds.unwrap_or(100) {
                    0 => None,
                    dear => Some(Duration::from_millis(dear)),
                },
                page_out_after: match file.page_out_seconds.unwrap_or(60) {
                    0 => None,
                    seconds => Some(Duration::from_secs(seconds)),
                },
                stock_instances: file.stock_instances.unwrap_or(8),
                stock_memory_mib: file.stock_memory_mib.unwrap_or(512),
                log: file.log.unwrap_or(LogSetting::Info),
            }),
            _ => Err(ConfigErrors(problems)),
        }
    }
}

fn read(path: &Path) -> Result<File, ConfigErrors> {
    let failed = |error: String| ConfigErrors(vec![format!("{}: {error}", path.display())]);
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    toml::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// `~/.local/share/ebb`.
pub(crate) fn default_data() -> Option<PathBuf> {
    std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share/ebb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, expected: Result<(), &str>) {
        let args = ServeArgs { data: Some("/data".into()), ..ServeArgs::default() };
        let file = toml::from_str::<File>(toml).map_err(|error| ConfigErrors(vec![error.to_string()]));
        match (file.and_then(|file| Config::from_parts(&args, file)), expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(words)) => {
                for word in words.split_whitespace() {
                    assert!(error.to_string().contains(word), "{error} does not say {word}");
                }
            }
            (found, expected) => panic!("{toml}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_file_is_read_whole_or_refused_with_every_problem() {
        check("", Ok(()));
        check("region = \"eu-west-1\"\nkeep_warm_seconds = 5\nnetwork = \"loopback\"", Ok(()));
        check("colour = true", Err("colour unknown"));
        check("domains = { \"shop.example.com\" = \"shop\" }", Ok(()));
        check("domains = { \"https://x.example\" = \"shop\" }", Err("https://x.example no host"));
        check("network = \"lan\"", Err("lan outbound loopback"));
        check(
            "region = \"EU\"\nkeep_warm_seconds = 0\naccount = \"1\"",
            Err("region keep_warm_seconds account"),
        );
    }

    #[test]
    fn the_command_line_overrides_the_file() {
        let args =
            ServeArgs { data: Some("/a".into()), region: Some("eu-north-1".into()), ..ServeArgs::default() };
        let file =
            toml::from_str("data = \"/b\"\nregion = \"us-west-2\"\naccount = \"123456789012\"").unwrap();
        let config = Config::from_parts(&args, file).unwrap();
        assert_eq!((config.data, config.region.as_str()), ("/a".into(), "eu-north-1"));
        assert_eq!(config.account.as_str(), "123456789012");
    }
}
