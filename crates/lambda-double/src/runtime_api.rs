//! The server a function process talks to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::invocations::{Invocations, InvokeError};
use crate::routes;

/// A Lambda runtime API on a free port of 127.0.0.1, for one function process. It stops when dropped.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    invocations: Arc<Invocations>,
    server: JoinHandle<std::io::Result<()>>,
}

impl RuntimeApi {
    /// Listens at once; invocations wait until a function asks for them.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let invocations = Arc::new(Invocations::new());
        let router = routes::router(Arc::clone(&invocations));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, invocations, server })
    }

    /// Where a function finds this API (`AWS_LAMBDA_RUNTIME_API`).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The variables Lambda itself sets for a function. `AWS_REGION` is left alone where the caller has one.
    pub fn environment(&self, function_name: &str) -> Vec<(String, String)> {
        self.invocations.set_function_name(function_name);
        let log_group = format!("/aws/lambda/{function_name}");
        let address = self.address.to_string();
        let mut variables = vec![
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", function_name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", log_group.as_str()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "at-home"),
        ];
        if std::env::var_os("AWS_REGION").is_none() {
            variables.push(("AWS_REGION", "us-east-1"));
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Hands `payload` to the function and waits for its answer, `timeout` at most, counted from now.
    /// Invocations made while one runs are handed out in their order, one at a time.
    pub async fn invoke(&self, payload: Value, timeout: Duration) -> Result<Value, InvokeError> {
        self.invocations.invoke(payload, timeout).await
    }

    /// Waits until a function asked for its first event, and says when that was: the end of its cold start.
    pub async fn first_poll(&self) -> Instant {
        self.invocations.first_poll().await
    }

    pub(crate) fn invocations(&self) -> Arc<Invocations> {
        Arc::clone(&self.invocations)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}
