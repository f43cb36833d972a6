use super::*;

fn open(url: Option<&str>) -> (tempfile::TempDir, Result<Blobs, StoreError>) {
    let root = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&root.path().join("blobs"), url);
    (root, blobs)
}

#[tokio::test]
async fn a_blob_is_found_by_its_digest_until_it_is_deleted() {
    for url in [None, Some("memory:")] {
        let (_root, blobs) = open(url);
        let blobs = blobs.unwrap();
        for bytes in [Bytes::new(), Bytes::from_static(b"small"), Bytes::from(vec![7; HASHED_INLINE + 1])] {
            let digest = blobs.put(bytes.clone()).await.unwrap();
            assert_eq!(digest, Digest::of(&bytes));
            assert_eq!(blobs.put(bytes.clone()).await.unwrap(), digest);
            assert_eq!(blobs.get(digest).await.unwrap(), Some(bytes));
            blobs.delete(digest).await.unwrap();
            blobs.delete(digest).await.unwrap();
            assert_eq!(blobs.get(digest).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_blob_that_rotted_is_not_handed_out() {
    let (root, blobs) = open(None);
    let blobs = blobs.unwrap();
    let digest = blobs.put(Bytes::from_static(b"sound")).await.unwrap();
    let name = digest.to_string();
    let file = root.path().join("blobs").join(&name[..2]).join(&name);
    assert_eq!(fs::read(&file).unwrap(), b"sound");
    fs::write(&file, b"rotten").unwrap();
    assert!(matches!(blobs.get(digest).await, Err(StoreError::DamagedBlob(damaged)) if damaged == digest));
}

#[test]
fn a_store_that_is_not_built_is_named_without_its_secrets() {
    for url in ["s3://key:secret@bucket", "gs://bucket", "file:relative", "file://relative", "nonsense"] {
        let (_root, blobs) = open(Some(url));
        let message = blobs.unwrap_err().to_string();
        let scheme = super::scheme(url);
        assert_eq!(message, format!("blob store {scheme:?} is not supported; supported: {SUPPORTED}"));
    }
}
