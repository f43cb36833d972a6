//! A custom runtime on the documented Runtime API, by the official Rust client. Answers HTTP requests (payload format
//! 2.0) and direct invocations alike.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let query = event.get("queryStringParameters").unwrap_or(&event);
    let name = query.get("name").and_then(Value::as_str).unwrap_or("world");
    println!("greeting {name}");
    let greeting = std::env::var("GREETING")?;
    Ok(json!({ "message": format!("{greeting}, {name}"), "from": "rust", "request": context.request_id }))
}
