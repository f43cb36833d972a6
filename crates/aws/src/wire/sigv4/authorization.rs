//! What a request says of its own signature, in the `Authorization` header or in its query.

use ebb_model::Timestamp;
use http::HeaderMap;

use super::super::query_string::QueryString;
use super::verify::SignatureError;
use super::{ALGORITHM, SigningScope};

/// The claims of a signed request, parsed and not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Who is said to have signed.
    pub access_key_id: String,
    /// The session token of a temporary key.
    pub session_token: Option<String>,
    /// Lower-case names of the signed headers, sorted.
    pub signed_headers: Vec<String>,
    /// In hexadecimal, as it was sent.
    pub signature: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The same, as it was sent: `20261125T045900Z`.
    pub(super) date: String,
    pub(super) scope_day: String,
    region: String,
    service: String,
    /// Where the signature stands.
    pub placement: Placement,
}

/// Where a signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In the `Authorization` header.
    Header,
    /// In the query: valid for this many seconds.
    Query {
        /// `X-Amz-Expires`.
        expires_seconds: u32,
    },
}

impl Authorization {
    /// Reads the claims; nothing where the request is not signed.
    ///
    /// # Errors
    /// [`SignatureError::Incomplete`] where a part is missing or malformed.
    pub fn read(headers: &HeaderMap, raw_query: &str) -> Result<Option<Self>, SignatureError> {
        if let Some(value) = headers.get(http::header::AUTHORIZATION) {
            let value = value.to_str().map_err(|_| incomplete("Authorization header is not text."))?;
            return Self::from_header(value, headers).map(Some);
        }
        if raw_query.contains("X-Amz-Signature=") || raw_query.contains("X-Amz-Algorithm=") {
            return Self::from_query(&QueryString::parse(raw_query)).map(Some);
        }
        Ok(None)
    }

    /// Where the signature claims to be valid.
    #[must_use]
    pub fn scope(&self) -> SigningScope<'_> {
        SigningScope { region: &self.region, service: &self.service }
    }

    fn from_header(value: &str, headers: &HeaderMap) -> Result<Self, SignatureError> {
        let fields = value
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with([' ', '\t']))
            .ok_or_else(|| incomplete(format!("Unsupported AWS 'algorithm': expected '{ALGORITHM}'.")))?;
        let field = |name: &str| {
            let found =
                fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            found
                .filter(|value| !value.is_empty())
                .ok_or_else(|| incomplete(format!("Authorization header requires '{name}' parameter.")))
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (date, signed_at) = match text("x-amz-date") {
            Some(date) => (date.to_owned(), parse_amz_date(date)),
            None => {
                let date = text("date").and_then(parse_http_date).ok_or_else(|| {
                    incomplete(
                        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
                    )
                })?;
                (super::amz_date(date), Some(date))
            }
        };
        let claims = Claims {
            credential: field("Credential")?,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
            session_token: text("x-amz-security-token"),
        };
        claims.parse(date, signed_at, Placement::Header)
    }

    fn from_query(query: &QueryString) -> Result<Self, SignatureError> {
        let field = |name: &'static str| {
            let mut values = query.all(name);
            match (values.next(), values.next()) {
                (Some(value), None) if !value.is_empty() => Ok(value),
                (Some(_), Some(_)) => {
                    Err(incomplete(format!("AWS query-string parameter '{name}' is given twice.")))
                }
                _ => Err(incomplete(format!("AWS query-string parameters must include '{name}'."))),
            }
        };
        if field("X-Amz-Algorithm")? != ALGORITHM {
            return Err(incomplete(format!("Unsupported AWS 'algorithm': expected '{ALGORITHM}'.")));
        }
        let expires_seconds = field("X-Amz-Expires")?
            .parse()
            .ok()
            .filter(|seconds| (1..=super::verify::MAX_PRESIGNED_SECONDS).contains(seconds))
            .ok_or_else(|| incomplete("X-Amz-Expires must be between 1 and 604800 seconds."))?;
        let date = field("X-Amz-Date")?;
        let claims = Claims {
            credential: field("X-Amz-Credential")?,
            signed_headers: field("X-Amz-SignedHeaders")?,
            signature: field("X-Amz-Signature")?,
            session_token: query.get("X-Amz-Security-Token"),
        };
        claims.parse(date.to_owned(), parse_amz_date(date), Placement::Query { expires_seconds })
    }
}

/// The parts that both placements have.
struct Claims<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    session_token: Option<&'a str>,
}

impl Claims<'_> {
    fn parse(
        self,
        date: String,
        signed_at: Option<Timestamp>,
        placement: Placement,
    ) -> Result<Authorization, SignatureError> {
        let signed_at = signed_at
            .ok_or_else(|| incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{date}'.")))?;
        let [access_key_id, scope_day, region, service, "aws4_request"] =
            *self.credential.split('/').collect::<Vec<_>>()
        else {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{}'.",
                self.credential
            )));
        };
        let mut signed_headers: Vec<String> =
            self.signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        signed_headers.sort_unstable();
        Ok(Authorization {
            access_key_id: access_key_id.to_owned(),
            session_token: self.session_token.map(str::to_owned),
            signed_headers,
            signature: self.signature.to_owned(),
            signed_at,
            date,
            scope_day: scope_day.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            placement,
        })
    }
}

fn incomplete(what: impl Into<String>) -> SignatureError {
    SignatureError::Incomplete(what.into())
}

/// Reads `20261125T045900Z`.
fn parse_amz_date(text: &str) -> Option<Timestamp> {
    if text.len() != 16 {
        return None;
    }
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

/// Reads the form of the `Date` header (RFC 9110), or that of `X-Amz-Date`.
fn parse_http_date(text: &str) -> Option<Timestamp> {
    let rfc =
        || jiff::fmt::rfc2822::parse(text).ok().map(|date| Timestamp(date.timestamp().as_millisecond()));
    parse_amz_date(text).or_else(rfc)
}
