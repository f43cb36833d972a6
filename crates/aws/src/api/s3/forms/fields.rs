//! The fields of a form, and the file that comes last.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use multer::{Field, Multipart};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::super::errors::with_details;

/// The most that the fields before the file may be, in bytes. Source: S3 API reference, "POST Object".
const FIELDS: usize = 20 * 1024;

/// A form that was read up to the contents of its file.
pub(super) struct Form {
    /// By their names in lower case.
    fields: BTreeMap<String, String>,
    file: Field<'static>,
}

/// What broke the writing of a file off.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<S3Error>>>);

impl Failure {
    fn set(&self, error: S3Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The failure, if there was one.
    pub(super) fn take(&self) -> Option<S3Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Form {
    pub(super) async fn read(content_type: &str, body: Incoming) -> S3Result<Self> {
        let Ok(boundary) = multer::parse_boundary(content_type) else {
            let error = s3_error!(
                PreconditionFailed,
                "At least one of the pre-conditions you specified did not hold"
            );
            let told = "Bucket POST must be of the enclosure-type multipart/form-data";
            return Err(with_details(error, &[("Condition", told)]));
        };
        let mut parts = Multipart::new(body.into_data_stream(), boundary);
        let mut fields = BTreeMap::new();
        let mut bytes = 0;
        while let Some(mut part) = parts.next_field().await.map_err(|error| malformed(&error))? {
            let name = part.name().unwrap_or_default().to_ascii_lowercase();
            if name == "file" {
                let filename = part.file_name().map(str::to_owned);
                if let (Some(key), Some(filename)) = (fields.get_mut("key"), filename) {
                    expand(key, &filename);
                }
                return Ok(Self { fields, file: part });
            }
            let mut value = Vec::new();
            while let Some(piece) = part.chunk().await.map_err(|error| malformed(&error))? {
                bytes += piece.len();
                if bytes > FIELDS {
                    return Err(s3_error!(
                        MaxPostPreDataLengthExceededError,
                        "Your POST request fields preceding the upload file were too large."
                    ));
                }
                value.extend_from_slice(&piece);
            }
            fields.entry(name).or_insert_with(|| String::from_utf8_lossy(&value).into_owned());
        }
        let error = s3_error!(InvalidArgument, "POST requires exactly one file upload per request.");
        Err(with_details(error, &[("ArgumentName", "file"), ("ArgumentValue", "0")]))
    }

    /// A field by its name in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The contents of the file, which breaks off where it has another size, and why it did so.
    pub(super) fn into_file(self, sizes: RangeInclusive<u64>) -> (UnsyncBoxBody<Bytes, S3Error>, Failure) {
        let failure = Failure::default();
        let reader = (Some(self.file), 0_u64, failure.clone());
        let frames = futures_util::stream::unfold(reader, move |(file, read, failure)| {
            let sizes = sizes.clone();
            async move {
                let mut file = file?;
                let fail = |error: S3Error| {
                    failure.set(error);
                    Some((Err(s3_error!(IncompleteBody)), (None, read, failure.clone())))
                };
                match file.next().await {
                    Some(Err(error)) => fail(malformed(&error)),
                    Some(Ok(piece)) if read + piece.len() as u64 > *sizes.end() => {
                        // The rest is read for its length only.
                        let mut size = read + piece.len() as u64;
                        while let Some(Ok(piece)) = file.next().await {
                            size += piece.len() as u64;
                        }
                        fail(wrong_size(S3ErrorCode::EntityTooLarge, size, *sizes.end()))
                    }
                    Some(Ok(piece)) => {
                        let read = read + piece.len() as u64;
                        Some((Ok(Frame::data(piece)), (Some(file), read, failure)))
                    }
                    None if read < *sizes.start() => {
                        fail(wrong_size(S3ErrorCode::EntityTooSmall, read, *sizes.start()))
                    }
                    None => None,
                }
            }
        });
        (StreamBody::new(frames).boxed_unsync(), failure)
    }
}

/// Source: S3 API reference, "POST Object": only the last part of a path is the name.
fn expand(key: &mut String, filename: &str) {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    *key = key.replace("${filename}", name);
}

fn wrong_size(code: S3ErrorCode, size: u64, limit: u64) -> S3Error {
    let (message, name) = match code {
        S3ErrorCode::EntityTooLarge => {
            ("Your proposed upload exceeds the maximum allowed size", "MaxSizeAllowed")
        }
        _ => ("Your proposed upload is smaller than the minimum allowed size", "MinSizeAllowed"),
    };
    let error = S3Error::with_message(code, message);
    with_details(error, &[(name, &limit.to_string()), ("ProposedSize", &size.to_string())])
}

fn malformed(error: &multer::Error) -> S3Error {
    tracing::debug!(%error, "a form cannot be read");
    s3_error!(MalformedPOSTRequest, "The body of your POST request is not well-formed multipart/form-data.")
}
