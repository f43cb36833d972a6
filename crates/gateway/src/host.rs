//! Which host was asked for.

use http::header::HOST;
use http::{HeaderMap, Uri};

/// What a host name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// `ID.lambda-url.REGION.<domain>`
    FunctionUrl {
        /// The id in the first label.
        id: String,
        /// The whole name, without port.
        name: String,
    },
    /// `ID.execute-api.REGION.<domain>`
    Api {
        /// The id in the first label.
        id: String,
        /// The whole name, without port.
        name: String,
    },
    /// `NAME.<domain>`
    App {
        /// The first label.
        app: String,
        /// The whole name, without port.
        name: String,
    },
    /// Neither; holds the name.
    Unknown(String),
}

impl Host {
    /// Reads the host of a request: the authority of its target where it has one (HTTP/2, absolute form), else the
    /// `host` header. Source: RFC 9112, section 3.2.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap, domain: &str, region: &str) -> Self {
        let text = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default(),
        };
        Self::parse(text, domain, region)
    }

    fn parse(text: &str, domain: &str, region: &str) -> Self {
        let name = without_port(text).trim_end_matches('.').to_ascii_lowercase();
        let Some(labels) = name.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')) else {
            return Self::Unknown(name);
        };
        match labels.split('.').collect::<Vec<_>>().as_slice() {
            [app] if !app.is_empty() => Self::App { app: (*app).to_owned(), name },
            [id, "lambda-url", of_region] if !id.is_empty() && *of_region == region => {
                Self::FunctionUrl { id: (*id).to_owned(), name }
            }
            [id, "execute-api", of_region] if !id.is_empty() && *of_region == region => {
                Self::Api { id: (*id).to_owned(), name }
            }
            _ => Self::Unknown(name),
        }
    }
}

fn without_port(text: &str) -> &str {
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') => name,
        _ => host,
    }
}

/// The port in the `host` header or the authority, where one is given.
pub(crate) fn port(uri: &Uri, headers: &HeaderMap) -> Option<u16> {
    if let Some(authority) = uri.authority() {
        return authority.port_u16();
    }
    let text = headers.get(HOST)?.to_str().ok()?;
    text.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Host) {
        assert_eq!(Host::parse(text, "localhost", "us-east-1"), *expected, "{text:?}");
    }

    #[test]
    fn hosts_are_told_apart_by_their_labels() {
        let url = |name: &str| Host::FunctionUrl { id: "abc".into(), name: name.into() };
        check("abc.lambda-url.us-east-1.localhost", &url("abc.lambda-url.us-east-1.localhost"));
        check("ABC.Lambda-URL.us-east-1.localhost:8440", &url("abc.lambda-url.us-east-1.localhost"));
        check("abc.lambda-url.us-east-1.localhost.:80", &url("abc.lambda-url.us-east-1.localhost"));
        check("shop.localhost:8440", &Host::App { app: "shop".into(), name: "shop.localhost".into() });
        for unknown in
            ["", "localhost", "127.0.0.1", "[::1]", "a.b.localhost", "abc.lambda-url.eu-west-1.localhost"]
        {
            check(unknown, &Host::Unknown(unknown.into()));
        }
        check("127.0.0.1:8440", &Host::Unknown("127.0.0.1".into()));
        check("[::1]:8440", &Host::Unknown("[::1]:8440".into()));
        check("evil-localhost", &Host::Unknown("evil-localhost".into()));
    }
}
