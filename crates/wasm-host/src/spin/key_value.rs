//! The key-value stores of a component, each kept in a bucket.

use wasmtime::component::Resource;

use super::bindings::View;
use super::bindings::key_value::{Error, Host, HostStore};
use super::s3::Buckets;

/// An open store.
#[expect(unreachable_pub, reason = "generated code exports it again")]
#[derive(Debug)]
pub struct Store {
    bucket: String,
}

impl Host for View<'_> {}

impl View<'_> {
    /// The bucket of a store, and where it is.
    fn opened(&self, store: &Resource<Store>) -> wasmtime::Result<(&Buckets, &str)> {
        let store = self.table.get(store)?;
        let component =
            self.component.ok_or_else(|| wasmtime::format_err!("only Spin components open stores"))?;
        Ok((&component.buckets, &store.bucket))
    }
}

impl HostStore for View<'_> {
    async fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        let bucket = self.component.and_then(|component| component.stores.get(&label));
        match bucket.cloned() {
            Some(bucket) => Ok(Ok(self.table.push(Store { bucket })?)),
            None => Ok(Err(Error::AccessDenied)),
        }
    }

    async fn get(
        &mut self,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let (buckets, bucket) = self.opened(&store)?;
        let value = buckets.get(bucket, &key).await;
        Ok(value.map(|value| value.map(|bytes| bytes.to_vec())).map_err(Error::Other))
    }

    async fn set(
        &mut self,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let (buckets, bucket) = self.opened(&store)?;
        Ok(buckets.put(bucket, &key, value).await.map_err(Error::Other))
    }

    async fn delete(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<(), Error>> {
        let (buckets, bucket) = self.opened(&store)?;
        Ok(buckets.delete(bucket, &key).await.map_err(Error::Other))
    }

    async fn exists(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<bool, Error>> {
        let (buckets, bucket) = self.opened(&store)?;
        Ok(buckets.has(bucket, &key).await.map_err(Error::Other))
    }

    async fn get_keys(&mut self, store: Resource<Store>) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let (buckets, bucket) = self.opened(&store)?;
        Ok(buckets.keys(bucket).await.map_err(Error::Other))
    }

    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}
