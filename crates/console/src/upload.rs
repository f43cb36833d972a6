//! The body of a deploy: a plan and packages, one after the other.
//!
//! Layout, numbers big-endian: 4 bytes length and the plan (JSON text); then for each package 8 bytes length and the
//! zip.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The content type of it.
pub const CONTENT_TYPE: &str = "application/vnd.ebb.app";

/// A plan and packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// JSON text.
    pub plan: Bytes,
    /// Zips.
    pub packages: Vec<Bytes>,
}

/// A body that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the upload ends in the middle of its {0}")]
pub struct Truncated(&'static str);

impl Upload {
    /// The body. A plan of 4 GiB or more has no place in it, and gives nothing.
    #[must_use]
    pub fn encode(&self) -> Option<Bytes> {
        let length: usize = self.packages.iter().map(|package| package.len() + 8).sum();
        let mut body = BytesMut::with_capacity(4 + self.plan.len() + length);
        body.put_u32(u32::try_from(self.plan.len()).ok()?);
        body.put_slice(&self.plan);
        for package in &self.packages {
            body.put_u64(package.len() as u64);
            body.put_slice(package);
        }
        Some(body.freeze())
    }

    /// Reads a body; its parts share the body's memory.
    ///
    /// # Errors
    /// [`Truncated`].
    pub fn decode(mut body: Bytes) -> Result<Self, Truncated> {
        let length = body.try_get_u32().map_err(|_| Truncated("plan"))?;
        let plan = take(&mut body, length.into()).ok_or(Truncated("plan"))?;
        let mut packages = Vec::new();
        while !body.is_empty() {
            let length = body.try_get_u64().map_err(|_| Truncated("packages"))?;
            packages.push(take(&mut body, length).ok_or(Truncated("packages"))?);
        }
        Ok(Self { plan, packages })
    }
}

fn take(body: &mut Bytes, length: u64) -> Option<Bytes> {
    let length = usize::try_from(length).ok().filter(|length| *length <= body.len())?;
    Some(body.split_to(length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(plan in any::<Vec<u8>>(), packages in any::<Vec<Vec<u8>>>()) {
            let upload = Upload { plan: plan.into(), packages: packages.into_iter().map(Bytes::from).collect() };
            let body = upload.encode().unwrap();
            prop_assert_eq!(Upload::decode(body.clone()).unwrap(), upload.clone());
            if !upload.plan.is_empty() {
                prop_assert!(Upload::decode(body.slice(..4)).is_err());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(body in any::<Vec<u8>>()) {
            let _ = Upload::decode(body.into());
        }
    }
}
