//! Lets debuggers on this machine reach the one that listens inside of an instance: from the host's loopback address, and
//! from nowhere else.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ebb_sandbox::Sandbox;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::server;

/// How often a port is tried that somebody has: the instance before may be about to end.
const AGAIN: Duration = Duration::from_millis(200);

/// Passes connections to a port of the loopback address on to the same port inside. Runs until it is dropped.
pub(crate) async fn forward(port: u16, sandbox: Arc<Sandbox>) {
    let mut said = false;
    let listener = loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::info!(port, %error, "the port of a debugger is not free yet");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    let mut open = JoinSet::new();
    loop {
        // Those that have ended need not be kept.
        while open.try_join_next().is_some() {}
        let Ok((mut client, _)) = listener.accept().await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        let sandbox = Arc::clone(&sandbox);
        open.spawn(async move {
            // Nothing listens where the function has no debugger: the client sees its connection end.
            if let Ok(mut inside) = server::connect(&sandbox, port).await {
                let _ = copy_bidirectional(&mut client, &mut inside).await;
            }
        });
    }
}
