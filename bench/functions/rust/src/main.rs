//! The benchmark's handler on the runtime crate that cargo-lambda's users have.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handler)).await
}

async fn handler(_event: LambdaEvent<Value>) -> Result<Value, Error> {
    // With every member: `cargo lambda watch` takes no answer without.
    Ok(json!({
        "statusCode": 200, "headers": {"content-type": "text/plain"}, "multiValueHeaders": {}, "cookies": [],
        "isBase64Encoded": false, "body": "hello",
    }))
}
