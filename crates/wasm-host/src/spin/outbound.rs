//! The hosts that a component may send requests to.
//!
//! Source: the Spin documentation, "Sending HTTP requests", "Granting HTTP Permissions to Components".

use std::ops::RangeInclusive;

use http::Uri;

/// A list of hosts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed(Vec<Pattern>);

/// `SCHEME://HOST:PORT`, each of which may be a wildcard.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    /// None for any.
    scheme: Option<String>,
    host: Host,
    ports: RangeInclusive<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Any,
    Exact(String),
    /// Any that ends in this, which begins with a dot.
    Below(String),
}

impl Allowed {
    /// Reads a list.
    ///
    /// # Errors
    /// Names the first that cannot be read.
    pub(crate) fn parse(hosts: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let parsed = hosts.into_iter().map(|text| {
            Pattern::parse(&text)
                .ok_or_else(|| format!("{text:?} is no allowed host: write it like \"https://example.com\""))
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request may be sent there.
    pub(crate) fn allows(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        self.0.iter().any(|pattern| pattern.matches(scheme, &host.to_ascii_lowercase(), port))
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, ports) = match rest.rsplit_once(':') {
            Some((host, ports)) if !ports.ends_with(']') => (host, ports_of(ports)?),
            _ => (rest, default_ports(scheme)?),
        };
        if host.is_empty() || host.contains('/') {
            return None;
        }
        let host = host.to_ascii_lowercase();
        Some(Self {
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: match host.strip_prefix('*') {
                Some("") => Host::Any,
                Some(below) if below.starts_with('.') && !below.contains('*') => {
                    Host::Below(below.to_owned())
                }
                None if !host.contains('*') => Host::Exact(host),
                _ => return None,
            },
            ports,
        })
    }

    fn matches(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.scheme.as_ref().is_none_or(|own| own == scheme)
            && self.ports.contains(&port)
            && match &self.host {
                Host::Any => true,
                Host::Exact(own) => own == host,
                Host::Below(below) => host.ends_with(below.as_str()),
            }
    }
}

fn ports_of(text: &str) -> Option<RangeInclusive<u16>> {
    if text == "*" {
        return Some(0..=u16::MAX);
    }
    match text.split_once("..") {
        Some((first, last)) => Some(first.parse().ok()?..=last.parse().ok()?),
        None => text.parse().ok().map(|port| port..=port),
    }
}

fn default_ports(scheme: &str) -> Option<RangeInclusive<u16>> {
    match scheme {
        "http" => Some(80..=80),
        "https" => Some(443..=443),
        "*" => Some(0..=u16::MAX),
        // Other protocols than HTTP: they have none that would be meant here.
        _ => Some(RangeInclusive::new(1, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_by_scheme_host_and_port() {
        let check = |pattern: &str, uri: &str, expected: bool| {
            let allowed = Allowed::parse([pattern.to_owned()]).unwrap();
            assert_eq!(allowed.allows(&uri.parse().unwrap()), expected, "{pattern} {uri}");
        };
        check("https://a.example", "https://a.example/x", true);
        check("https://A.example", "https://a.EXAMPLE/x", true);
        check("https://a.example", "http://a.example/x", false);
        check("https://a.example", "https://a.example:8443/x", false);
        check("https://a.example", "https://b.a.example/", false);
        check("https://*.a.example", "https://b.a.example/", true);
        check("https://*.a.example", "https://a.example/", false);
        check("*://a.example:*", "http://a.example:9/", true);
        check("http://127.0.0.1:8000..8010", "http://127.0.0.1:8010/", true);
        check("http://127.0.0.1:8000..8010", "http://127.0.0.1:8011/", false);
        check("*://*:*", "https://anything.example:1/", true);
        check("http://*", "http://anything.example/", true);
        check("redis://a.example:6379", "http://a.example:6379/", false);
        assert!(!Allowed::default().allows(&"https://a.example/".parse().unwrap()));
        for wrong in ["a.example", "https://", "https://x*y", "https://a.example/path"] {
            assert!(Allowed::parse([wrong.to_owned()]).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
