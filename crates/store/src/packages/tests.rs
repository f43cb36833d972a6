//! Zips that are fine, and zips that are not.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// What a test puts into a zip.
enum Item<'a> {
    File(&'a str, &'a [u8], u32),
    Folder(&'a str),
    Link(&'a str, &'a str),
}
use Item::{File, Folder, Link};

fn zipped(items: &[Item<'_>]) -> Bytes {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for item in items {
        match *item {
            File(name, content, mode) => {
                zip.start_file(name, options.unix_permissions(mode)).unwrap();
                zip.write_all(content).unwrap();
            }
            Folder(name) => zip.add_directory(name, options).unwrap(),
            Link(name, target) => zip.add_symlink(name, target, options).unwrap(),
        }
    }
    zip.finish().unwrap().into_inner().into()
}

#[test]
fn what_is_not_a_zip_gets_the_words_of_lambda() {
    for (bytes, expected) in [
        (
            &b"not a zip"[..],
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (b"", "Uploaded file must be a non-empty zip"),
        (&zipped(&[]), "Uploaded file must be a non-empty zip"),
    ] {
        assert_eq!(inspect(&Bytes::copy_from_slice(bytes), 100).unwrap_err().to_string(), expected);
    }
}
