//! Writes zips byte by byte, since no honest writer makes the ones that these tests need.
//! Layout: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.

use std::io::{Cursor, Write as _};

use bytes::Bytes;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// One entry, with every field open to lies.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: Vec<u8>,
    /// As it stands in the zip.
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
    pub(super) system: u8,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) checksum: Option<u32>,
    pub(super) size: Option<usize>,
    /// Has no content of its own but the first entry's.
    pub(super) shares_first: bool,
}

impl Item {
    fn new(name: &str, content: &str, mode: u32) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            content: content.as_bytes().to_vec(),
            mode,
            system: 3,
            flags: 0,
            method: 0,
            checksum: None,
            size: None,
            shares_first: false,
        }
    }

    pub(super) fn file(name: &str, content: &str) -> Self {
        Self::new(name, content, 0o100_644)
    }

    pub(super) fn folder(name: &str) -> Self {
        Self::new(name, "", 0o040_755)
    }

    pub(super) fn link(name: &str, target: &str) -> Self {
        Self::new(name, target, 0o120_777)
    }

    pub(super) fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub(super) fn made_on_dos(self) -> Self {
        Self { system: 0, ..self }
    }

    /// What local and central header have in common, from the flags to the lengths of name and extra field.
    fn header(&self) -> Vec<u8> {
        let checksum = self.checksum.unwrap_or_else(|| crc32fast::hash(&self.content));
        let size = |size: usize| u32::try_from(size).unwrap().to_le_bytes();
        let mut header = Vec::new();
        header.extend(self.flags.to_le_bytes());
        header.extend(self.method.to_le_bytes());
        header.extend([0; 4]);
        header.extend(checksum.to_le_bytes());
        header.extend(size(self.content.len()));
        header.extend(size(self.size.unwrap_or(self.content.len())));
        header.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        header.extend([0; 2]);
        header
    }
}

/// A zip of such entries.
pub(super) struct RawZip(Vec<Item>);

impl RawZip {
    pub(super) fn of(items: &[Item]) -> Self {
        Self(items.to_vec())
    }

    pub(super) fn bytes(&self) -> Bytes {
        let (mut zip, mut directory) = (Vec::new(), Vec::new());
        for item in &self.0 {
            let offset = if item.shares_first { 0 } else { u32::try_from(zip.len()).unwrap() };
            if !item.shares_first {
                zip.extend(b"PK\x03\x04\x14\x00");
                zip.extend(item.header());
                zip.extend(&item.name);
                zip.extend(&item.content);
            }
            directory.extend(b"PK\x01\x02");
            directory.extend([20, item.system, 20, 0]);
            directory.extend(item.header());
            directory.extend([0; 6]);
            directory.extend((item.mode << 16).to_le_bytes());
            directory.extend(offset.to_le_bytes());
            directory.extend(&item.name);
        }
        let start = u32::try_from(zip.len()).unwrap();
        let size = u32::try_from(directory.len()).unwrap();
        zip.extend(directory);
        zip.extend(end(self.0.len(), size, start, zip.len()));
        zip.into()
    }
}

/// The end of the central directory, in its 64-bit form where the count needs it.
fn end(count: usize, size: u32, start: u32, here: usize) -> Vec<u8> {
    let mut end = Vec::new();
    if let Ok(count) = u16::try_from(count)
        && count < u16::MAX
    {
        end.extend(b"PK\x05\x06\0\0\0\0");
        end.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
        end.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    } else {
        let wide = |value: u64| value.to_le_bytes();
        end.extend(b"PK\x06\x06");
        end.extend(wide(44));
        end.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        end.extend([wide(count as u64), wide(count as u64), wide(size.into()), wide(start.into())].concat());
        end.extend(b"PK\x06\x07\0\0\0\0");
        end.extend(wide(here as u64));
        end.extend([1, 0, 0, 0]);
        end.extend(b"PK\x05\x06\0\0\0\0");
        end.extend([0xff; 12]);
    }
    end.extend([0; 2]);
    end
}

/// An honest zip of files full of zeros.
pub(super) fn deflated(files: &[(&str, usize)]) -> Bytes {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, size) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(&vec![0; *size]).unwrap();
    }
    zip.finish().unwrap().into_inner().into()
}

/// A stream of that many zeros, deflated, and its checksum.
pub(super) fn deflated_zeros(size: usize) -> (Vec<u8>, u32) {
    let zip = deflated(&[("a", size)]);
    let mut archive = zip::ZipArchive::new(Cursor::new(zip.as_ref())).unwrap();
    let entry = archive.by_index_raw(0).unwrap();
    let (start, length) = (entry.data_start().unwrap(), entry.compressed_size());
    let range = usize::try_from(start).unwrap()..usize::try_from(start + length).unwrap();
    (zip.slice(range).to_vec(), entry.crc32())
}
