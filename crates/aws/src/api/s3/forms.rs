//! Uploads by forms of browsers: their fields stand for the headers of other uploads.
//!
//! Source: S3 API reference, "POST Object" (2026-11).

use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::convert;

/// The upload of a form as any other. The headers of its request are about the form, so those of the object are made of
/// the fields.
pub(super) fn as_headers(mut request: S3Request<PutObjectInput>) -> S3Result<S3Request<PutObjectInput>> {
    let input = &request.input;
    let fields = [
        ("content-type", input.content_type.clone()),
        ("content-encoding", input.content_encoding.clone()),
        ("content-disposition", input.content_disposition.clone()),
        ("content-language", input.content_language.clone()),
        ("cache-control", input.cache_control.clone()),
        ("expires", input.expires.as_ref().and_then(http_date)),
        ("x-amz-storage-class", input.storage_class.as_ref().map(|class| class.as_str().to_owned())),
        ("x-amz-website-redirect-location", input.website_redirect_location.clone()),
        ("x-amz-tagging", input.tagging.as_deref().map(tags_of_xml).transpose()?),
        (
            "x-amz-server-side-encryption",
            input.server_side_encryption.as_ref().map(|algorithm| algorithm.as_str().to_owned()),
        ),
        ("x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.clone()),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
        headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
    }
    request.headers = headers;
    Ok(request)
}

/// The tags of a form, which are a document there, as those of a header.
fn tags_of_xml(text: &str) -> S3Result<String> {
    fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| value)
    }
    let encode = |text: &str| {
        let text =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()
    };
    let set = between(text, "TagSet").ok_or_else(convert::malformed)?;
    let tag = |tag: &str| {
        let (key, value) = (between(tag, "Key")?, between(tag, "Value")?);
        Some(format!("{}={}", encode(key), encode(value)))
    };
    let tags = set.split("</Tag>").filter(|tag| tag.contains("<Tag>")).map(tag);
    let tags: Option<Vec<String>> = tags.collect();
    tags.map(|tags| tags.join("&")).ok_or_else(convert::malformed)
}

fn http_date(at: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    at.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_forms_are_documents() {
        let tag = |key: &str, value: &str| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
        let check = |set: String, expected: Option<&str>| {
            let text = format!("<Tagging>{set}</Tagging>");
            assert_eq!(tags_of_xml(&text).ok().as_deref(), expected, "{text}");
        };
        check(
            format!("<TagSet>{}{}</TagSet>", tag("a", "1"), tag("b c", "x&amp;y")),
            Some("a=1&b%20c=x%26y"),
        );
        check("<TagSet></TagSet>".to_owned(), Some(""));
        check("nothing".to_owned(), None);
        check("<TagSet><Tag><Key>a</Key></Tag></TagSet>".to_owned(), None);
    }
}
