//! Signs calls of the services that an instance reaches.
//!
//! Source: the IAM user guide, "AWS Signature Version 4 for API requests", "Create a signed request".

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use http::{HeaderName, HeaderValue, Request};
use sha2::{Digest as _, Sha256};

/// Whose calls they are.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
    pub(super) region: String,
}

impl Keys {
    /// Signs a call of `service` whose path and query are encoded, and whose query is in order.
    pub(super) fn sign(&self, service: &str, request: &mut Request<Vec<u8>>, now: Duration) {
        let stamp = stamp(now);
        let (date, _) = stamp.split_at(8);
        let hash = hex(&Sha256::digest(request.body()));
        let mut signed =
            BTreeMap::from([("x-amz-content-sha256", hash.clone()), ("x-amz-date", stamp.clone())]);
        signed.extend(self.token.iter().map(|token| ("x-amz-security-token", token.clone())));
        for (name, value) in &signed {
            if let Ok(value) = HeaderValue::try_from(value) {
                request.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        signed.insert("host", host);
        let names = signed.keys().copied().collect::<Vec<_>>().join(";");
        let lines = signed.iter().fold(String::new(), |mut lines, (name, value)| {
            let _ = writeln!(lines, "{name}:{value}");
            lines
        });
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{hash}", request.method());
        let scope = format!("{date}/{}/{service}/aws4_request", self.region);
        let text =
            format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let signature = hex(&hmac(&self.key(date, service), &text));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.id
        );
        if let Ok(value) = HeaderValue::try_from(authorization) {
            request.headers_mut().insert(http::header::AUTHORIZATION, value);
        }
    }

    fn key(&self, date: &str, service: &str) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret).into_bytes();
        let parts = [date, self.region.as_str(), service, "aws4_request"];
        parts.into_iter().fold(first, |key, part| hmac(&key, part))
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length is one");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Bytes as text.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// As in `20130524T000000Z`.
fn stamp(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date_of(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The date so many days after 1970-01-01, in the Gregorian calendar: eras of 400 years, and years that begin in March,
/// have one length each.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year_of_era + later, month, day)
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    UNIX_EPOCH.elapsed().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_stamped() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_369_353_600, "20130524T000000Z"),
            (4_107_542_399, "21000228T235959Z"),
        ] {
            assert_eq!(stamp(Duration::from_secs(seconds)), expected);
        }
    }

    /// The first example of the S3 API reference, "Signature Calculations for the Authorization Header", signs a header
    /// more; this one signs the list of a bucket's first keys, which is there too.
    #[test]
    fn the_documented_example_is_signed_as_documented() {
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            token: None,
            region: "us-east-1".into(),
        };
        let uri = "http://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J";
        let mut request = Request::get(uri).body(Vec::new()).unwrap();
        keys.sign("s3", &mut request, Duration::from_secs(1_369_353_600));
        let said = request.headers()["authorization"].to_str().unwrap();
        let expected = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert!(said.ends_with(expected), "{said}");
    }
}
