//! The files of apps: content types, revalidation and ranges.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::answer::AnswerBody;

/// Files are asked for again each time, and not sent again where they are the same.
const REVALIDATED: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// The answer to a request for a file: `path` gives its type, `tag` stands for its content, `status` is 200 but for a
/// file that is shown in place of something else.
pub(crate) fn answer(
    method: &Method,
    request: &HeaderMap,
    path: &str,
    tag: &str,
    status: StatusCode,
    content: Bytes,
) -> Response<AnswerBody> {
    if method != Method::GET && method != Method::HEAD && status == StatusCode::OK {
        let mut response = Response::new(AnswerBody::empty());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let tag = format!("\"{}\"", tag.get(..32).unwrap_or(tag));
    let mut headers = HeaderMap::new();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, REVALIDATED);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (status, body) = if status == StatusCode::OK && is_known(request, &tag) {
        headers.remove(CONTENT_TYPE);
        (StatusCode::NOT_MODIFIED, Bytes::new())
    } else if status == StatusCode::OK {
        in_part(request, &tag, content, &mut headers)
    } else {
        (status, content)
    };
    let mut response = Response::new(AnswerBody::whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Whether the client has this content. Source: RFC 9110, section 13.1.2.
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let tags = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(','));
    tags.any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// The part of the content that was asked for: one range; all of it where several or none were.
fn in_part(request: &HeaderMap, tag: &str, content: Bytes, headers: &mut HeaderMap) -> (StatusCode, Bytes) {
    let fresh = request.get(IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let asked = request.get(RANGE).filter(|_| fresh).and_then(|value| value.to_str().ok());
    let length = content.len();
    let Some(range) =
        asked.and_then(|text| text.strip_prefix("bytes=")).and_then(|text| parsed(text, length))
    else {
        return (StatusCode::OK, content);
    };
    let (text, status, body) = match range {
        Some((from, to)) => {
            (format!("bytes {from}-{to}/{length}"), StatusCode::PARTIAL_CONTENT, content.slice(from..=to))
        }
        None => (format!("bytes */{length}"), StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new()),
    };
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(CONTENT_RANGE, value);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    (status, body)
}

/// Reads `1-2`, `1-` or `-2`: nothing where it is no single range, and in it nothing where it lies outside.
/// Source: RFC 9110, section 14.1.2.
fn parsed(text: &str, length: usize) -> Option<Option<(usize, usize)>> {
    let (from, to) = text.trim().split_once('-')?;
    let last = length.checked_sub(1);
    let range = match (from.parse::<usize>().ok(), to.parse::<usize>().ok()) {
        (Some(from), Some(to)) if from <= to => last.map(|last| (from, to.min(last))),
        (Some(from), None) if to.is_empty() => last.map(|last| (from, last)),
        (None, Some(count)) if from.is_empty() => {
            last.filter(|_| count > 0).map(|last| (length.saturating_sub(count), last))
        }
        _ => return None,
    };
    Some(range.filter(|(from, to)| from <= to))
}

/// The content type of a file, by its extension. Source: the registry of media types, and what browsers take.
fn content_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, request: &[(&'static str, &str)], status: u16, shown: &[(&str, &str)]) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request: HeaderMap = request
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let content = Bytes::from_static(b"0123456789");
        let response = answer(&method, &request, "a/b.CSS", "tag", StatusCode::OK, content);
        assert_eq!(response.status(), status, "{method} {request:?}");
        for (name, value) in shown {
            let found = response.headers().get(*name).map_or("", |value| value.to_str().unwrap());
            assert_eq!(found, *value, "{method} {request:?} {name}");
        }
    }

    #[test]
    fn files_are_revalidated_and_sent_in_part() {
        check("GET", &[], 200, &[("etag", "\"tag\""), ("content-type", "text/css; charset=utf-8")]);
        check("HEAD", &[], 200, &[("accept-ranges", "bytes")]);
        check("POST", &[], 405, &[("allow", "GET, HEAD")]);
        check(
            "GET",
            &[("if-none-match", "\"x\", W/\"tag\"")],
            304,
            &[("etag", "\"tag\""), ("content-type", "")],
        );
        check("GET", &[("if-none-match", "\"x\"")], 200, &[]);
        check(
            "GET",
            &[("range", "bytes=2-4")],
            206,
            &[("content-range", "bytes 2-4/10"), ("content-length", "3")],
        );
        check("GET", &[("range", "bytes=8-")], 206, &[("content-range", "bytes 8-9/10")]);
        check("GET", &[("range", "bytes=-3")], 206, &[("content-range", "bytes 7-9/10")]);
        check("GET", &[("range", "bytes=2-99")], 206, &[("content-range", "bytes 2-9/10")]);
        check("GET", &[("range", "bytes=10-")], 416, &[("content-range", "bytes */10")]);
        check("GET", &[("range", "bytes=1-2,4-5")], 200, &[("content-range", "")]);
        check("GET", &[("range", "bytes=2-4"), ("if-range", "\"old\"")], 200, &[]);
    }

    #[test]
    fn a_file_in_place_of_another_keeps_its_status() {
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        let content = Bytes::from_static(b"no");
        let response = answer(&Method::POST, &known, "404.html", "t", StatusCode::NOT_FOUND, content);
        assert_eq!(response.status(), 404);
    }
}
