//! Websites: buckets that answer browsers, with index and error documents and redirects.
//!
//! Source: S3 user guide, "Hosting a static website using Amazon S3" (2026-11). Objects are read as somebody reads them
//! who does not sign. What everybody may read by the bucket's policy and is not there is told as not found, also where
//! nobody may list.

use std::fmt::Write as _;

use ebb_invoker::Boxed;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::dto::{Condition, Protocol, Redirect, RoutingRule, WebsiteConfiguration};
use s3s::{S3Error, S3Result, s3_error};

use super::access::{Action, everybody_may, website_bucket};
use super::errors::with_details;
use super::settings::{self, WEBSITE};
use super::{S3Api, convert};
use crate::wire::{Body, empty_body, full_body};

/// Characters of keys that paths encode.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');
/// Headers of a browser that change what it gets of an object.
const READING: [HeaderName; 6] = [
    RANGE,
    ACCEPT,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];
/// Where an object leads instead of being shown.
pub(super) const REDIRECT: &str = "x-amz-website-redirect-location";

/// Why there is nothing to show.
struct Failure {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    /// What more is told, by name.
    about: Vec<(&'static str, String)>,
}

impl S3Api {
    /// Answers a request for the website of a bucket; nothing where its host names none.
    #[must_use]
    pub fn website<'a>(&'a self, parts: &'a Parts) -> Boxed<'a, Option<Response<Body>>> {
        Box::pin(async move {
            let authority = parts.uri.authority().map(http::uri::Authority::as_str);
            let host = authority.or_else(|| parts.headers.get(HOST)?.to_str().ok())?;
            let bucket = website_bucket(host, &self.domain)?;
            let mut response = self.page(bucket, host, parts).await;
            if parts.method == Method::HEAD {
                *response.body_mut() = empty_body();
            }
            Some(response)
        })
    }

    async fn page(&self, bucket: &str, host: &str, parts: &Parts) -> Response<Body> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            let about = vec![("Method", parts.method.to_string()), ("ResourceType", "OBJECT".to_owned())];
            return Failure {
                status: StatusCode::METHOD_NOT_ALLOWED,
                code: "MethodNotAllowed",
                message: "The specified method is not allowed against this resource.",
                about,
            }
            .page(None);
        }
        let configuration = match self.configuration(bucket) {
            Ok(configuration) => configuration,
            Err(failure) => return failure.page(None),
        };
        let key = percent_decode_str(parts.uri.path().trim_start_matches('/')).decode_utf8_lossy();
        let from = Origin { host, key: &key };
        if let Some(to) = &configuration.redirect_all_requests_to {
            let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
            let protocol = to.protocol.as_ref().map_or("http", Protocol::as_str);
            return redirect(
                StatusCode::MOVED_PERMANENTLY,
                &format!("{protocol}://{}{target}", to.host_name),
            );
        }
        let rules = configuration.routing_rules.as_deref().unwrap_or_default();
        if let Some(rule) = rules.iter().find(|rule| applies(rule.condition.as_ref(), from.key, None)) {
            return from.follow(rule);
        }
        let suffix = configuration.index_document.as_ref().map_or("", |index| index.suffix.as_str());
        let failure = match self.show(bucket, from.key, suffix, parts).await {
            Ok(response) => return response,
            Err(failure) => failure,
        };
        if let Some(rule) =
            rules.iter().find(|rule| applies(rule.condition.as_ref(), from.key, Some(failure.status)))
        {
            return from.follow(rule);
        }
        let Some(document) = configuration.error_document.as_ref().map(|document| document.key.as_str())
        else {
            return failure.page(None);
        };
        match self.read(bucket, document, &Method::GET, &HeaderMap::new()).await {
            Ok(response) if response.headers().contains_key(REDIRECT) => elsewhere(&response),
            Ok(mut response) => {
                *response.status_mut() = failure.status;
                failure.tell(response.headers_mut());
                response
            }
            Err(second) => failure.page(Some(&second)),
        }
    }

    fn configuration(&self, bucket: &str) -> Result<WebsiteConfiguration, Failure> {
        let missing = |code, message| Failure {
            status: StatusCode::NOT_FOUND,
            code,
            message,
            about: vec![("BucketName", bucket.to_owned())],
        };
        if self.buckets.bucket(bucket).is_err() {
            return Err(missing("NoSuchBucket", "The specified bucket does not exist"));
        }
        settings::find(&self.buckets, bucket, WEBSITE).ok().flatten().ok_or_else(|| {
            missing(
                "NoSuchWebsiteConfiguration",
                "The specified bucket does not have a website configuration",
            )
        })
    }

    /// The object of a key, or the index document of a folder.
    async fn show(
        &self,
        bucket: &str,
        key: &str,
        suffix: &str,
        parts: &Parts,
    ) -> Result<Response<Body>, Failure> {
        let is_folder = key.is_empty() || key.ends_with('/');
        let lookup = if is_folder { format!("{key}{suffix}") } else { key.to_owned() };
        match self.read(bucket, &lookup, &parts.method, &parts.headers).await {
            Ok(response) if response.headers().contains_key(REDIRECT) => Ok(elsewhere(&response)),
            Ok(response) => Ok(response),
            Err(failure) => {
                let index = format!("{key}/{suffix}");
                let is_index = !is_folder
                    && !suffix.is_empty()
                    && self.buckets.object(bucket, &index, None).await.is_ok()
                    && everybody_may(&self.buckets, bucket, Some(&index), Action::Read).await;
                if is_index {
                    return Ok(redirect(StatusCode::FOUND, &format!("/{}/", utf8_percent_encode(key, PATH))));
                }
                Err(failure)
            }
        }
    }

    /// Reads an object as somebody who does not sign.
    async fn read(
        &self,
        bucket: &str,
        key: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Failure> {
        let about = || vec![("Key", key.to_owned())];
        let may_read = everybody_may(&self.buckets, bucket, Some(key), Action::Read).await;
        if key.is_empty() || self.buckets.object(bucket, key, None).await.is_err() {
            if may_read || everybody_may(&self.buckets, bucket, None, Action::List).await {
                let message = "The specified key does not exist.";
                return Err(Failure {
                    status: StatusCode::NOT_FOUND,
                    code: "NoSuchKey",
                    message,
                    about: about(),
                });
            }
            return Err(Failure::denied());
        }
        if !may_read {
            return Err(Failure::denied());
        }
        let failed = || Failure {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalError",
            message: "We encountered an internal error. Please try again.",
            about: about(),
        };
        let mut request = Request::new(s3s::Body::empty());
        *request.method_mut() = method.clone();
        let path = format!("/{bucket}/{}", utf8_percent_encode(key, PATH));
        *request.uri_mut() = path.parse().map_err(|_| failed())?;
        for name in READING {
            if let Some(value) = headers.get(&name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        let host = HeaderValue::from_str(&self.domain).map_err(|_| failed())?;
        request.headers_mut().insert(HOST, host);
        match self.service.call(request).await {
            Ok(response) if response.status().is_server_error() => Err(failed()),
            Ok(response) => Ok(response.map(boxed)),
            Err(_) => Err(failed()),
        }
    }
}

fn boxed(body: s3s::Body) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

/// Where a browser comes from.
struct Origin<'a> {
    host: &'a str,
    key: &'a str,
}

impl Origin<'_> {
    fn follow(&self, rule: &RoutingRule) -> Response<Body> {
        let Redirect { host_name, http_redirect_code, protocol, replace_key_prefix_with, replace_key_with } =
            &rule.redirect;
        let prefix = rule
            .condition
            .as_ref()
            .and_then(|condition| condition.key_prefix_equals.as_deref())
            .unwrap_or("");
        let key = match (replace_key_with, replace_key_prefix_with) {
            (Some(key), _) => key.clone(),
            (None, Some(other)) => format!("{other}{}", self.key.strip_prefix(prefix).unwrap_or(self.key)),
            (None, None) => self.key.to_owned(),
        };
        let protocol = protocol.as_ref().map_or("http", Protocol::as_str);
        let host = host_name.as_deref().unwrap_or(self.host);
        let code = http_redirect_code.as_deref().and_then(|code| code.parse::<u16>().ok());
        let status = code.and_then(|code| StatusCode::from_u16(code).ok());
        redirect(
            status.unwrap_or(StatusCode::MOVED_PERMANENTLY),
            &format!("{protocol}://{host}/{}", utf8_percent_encode(&key, PATH)),
        )
    }
}

/// Whether a rule is about a key: before it is looked up, or once that failed with a status.
fn applies(condition: Option<&Condition>, key: &str, failed: Option<StatusCode>) -> bool {
    let none = Condition::default();
    let condition = condition.unwrap_or(&none);
    let by_prefix =
        condition.key_prefix_equals.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()));
    let code = condition.http_error_code_returned_equals.as_deref();
    by_prefix && code == failed.as_ref().map(StatusCode::as_str)
}

fn redirect(status: StatusCode, to: &str) -> Response<Body> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = status;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// The redirect that an object stands for.
fn elsewhere(response: &Response<Body>) -> Response<Body> {
    let to = response.headers().get(REDIRECT).and_then(|to| to.to_str().ok()).unwrap_or("/");
    redirect(StatusCode::MOVED_PERMANENTLY, to)
}

impl Failure {
    fn denied() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code: "AccessDenied",
            message: "Access Denied",
            about: Vec::new(),
        }
    }

    fn tell(&self, headers: &mut HeaderMap) {
        headers.insert("x-amz-error-code", HeaderValue::from_static(self.code));
        headers.insert("x-amz-error-message", HeaderValue::from_static(self.message));
    }

    fn list(&self) -> String {
        let mut list = String::new();
        let own = [("Code", self.code.to_owned()), ("Message", self.message.to_owned())];
        for (name, value) in own.iter().chain(&self.about) {
            let _ = writeln!(list, "<li>{name}: {}</li>", escaped(value));
        }
        list
    }

    /// The page that says so; and that the error document could not be had either, where it could not.
    fn page(&self, second: Option<&Self>) -> Response<Body> {
        let status = self.status;
        let title = format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or_default());
        let ids = (ebb_model::RequestId::random(), ebb_model::RequestId::random().uuid().simple());
        let mut html = format!(
            "<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n{}<li>RequestId: {}</li>\n\
             <li>HostId: {}</li>\n</ul>\n",
            self.list(),
            ids.0,
            ids.1
        );
        if let Some(second) = second {
            let heading = "An Error Occurred While Attempting to Retrieve a Custom Error Document";
            let _ = write!(html, "<h3>{heading}</h3>\n<ul>\n{}</ul>\n", second.list());
        }
        html.push_str("<hr/>\n</body>\n</html>\n");
        let mut response = Response::new(full_body(html));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        self.tell(response.headers_mut());
        response
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Checks a configuration that is to be kept.
pub(super) fn check(given: &WebsiteConfiguration) -> S3Result<()> {
    if given.redirect_all_requests_to.is_some() {
        let alone =
            given.index_document.is_none() && given.error_document.is_none() && given.routing_rules.is_none();
        if !alone {
            return Err(invalid(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                ("RedirectAllRequestsTo", "not null"),
            ));
        }
    } else {
        let index = given.index_document.as_ref().ok_or_else(|| {
            invalid(
                "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
                ("IndexDocument", "null"),
            )
        })?;
        if index.suffix.is_empty() || index.suffix.contains('/') {
            let told = ("IndexDocument", index.suffix.as_str());
            return Err(invalid("The IndexDocument Suffix is not well formed", told));
        }
    }
    if given.error_document.as_ref().is_some_and(|document| document.key.is_empty()) {
        return Err(s3_error!(InvalidArgument, "The ErrorDocument Key is not well formed"));
    }
    let protocols = given.redirect_all_requests_to.iter().filter_map(|to| to.protocol.as_ref());
    let rules = given.routing_rules.as_deref().unwrap_or_default();
    let protocols = protocols.chain(rules.iter().filter_map(|rule| rule.redirect.protocol.as_ref()));
    if protocols.into_iter().any(|protocol| !["http", "https"].contains(&protocol.as_str())) {
        return Err(s3_error!(
            InvalidRequest,
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically."
        ));
    }
    if given.routing_rules.as_ref().is_some_and(Vec::is_empty) {
        return Err(convert::malformed());
    }
    rules.iter().try_for_each(check_rule)
}

fn invalid(message: &'static str, (name, value): (&str, &str)) -> S3Error {
    let error = s3_error!(InvalidArgument, "{message}");
    with_details(error, &[("ArgumentName", name), ("ArgumentValue", value)])
}

fn check_rule(rule: &RoutingRule) -> S3Result<()> {
    let redirect = &rule.redirect;
    if redirect.replace_key_with.is_some() && redirect.replace_key_prefix_with.is_some() {
        return Err(s3_error!(
            InvalidRequest,
            "You can only define ReplaceKeyPrefix or ReplaceKey but not both."
        ));
    }
    if rule.condition.as_ref().is_some_and(|condition| *condition == Condition::default()) {
        return Err(s3_error!(
            InvalidRequest,
            "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present."
        ));
    }
    let code = redirect.http_redirect_code.as_deref().map(str::parse::<u16>);
    if code.is_some_and(|code| !code.is_ok_and(|code| (301..400).contains(&code))) {
        return Err(s3_error!(
            InvalidRequest,
            "The provided HTTP redirect code is not valid. Valid codes are 3XX except 300."
        ));
    }
    let failed =
        rule.condition.as_ref().and_then(|condition| condition.http_error_code_returned_equals.as_deref());
    if failed.is_some_and(|code| !code.parse::<u16>().is_ok_and(|code| (400..600).contains(&code))) {
        return Err(s3_error!(
            InvalidRequest,
            "The provided HTTP error code is not valid. Valid codes are 4XX or 5XX."
        ));
    }
    Ok(())
}
