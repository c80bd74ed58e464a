//! Listeners of the benchmark's own.

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Something that listens on a free port of 127.0.0.1 until this is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    port: u16,
    task: JoinHandle<()>,
}

impl Listening {
    /// Whatever `serve` makes of a listener.
    pub(super) async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl FnOnce(TcpListener) -> F,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listening on a free port")?;
        let port = listener.local_addr()?.port();
        Ok(Self { port, task: tokio::spawn(serve(listener)) })
    }

    /// HTTP without TLS.
    pub(super) async fn serve(router: Router) -> Result<Self> {
        // It never ends by itself.
        Self::start(async move |listener| drop(axum::serve(listener, router).await)).await
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}
