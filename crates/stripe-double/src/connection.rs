//! Connections that a handler can cut, so that its answer is never sent.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Accepts [`Connection`]s.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) listener: TcpListener,
    /// Cuts all of them, also those that are kept alive, when the double stops.
    pub(crate) all: ConnectionCutter,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    own: ConnectionCutter,
    all: ConnectionCutter,
}

/// Cuts a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionCutter(Arc<AtomicBool>);

impl ConnectionCutter {
    pub(crate) fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn has_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = ConnectionCutter;

    async fn accept(&mut self) -> (Connection, ConnectionCutter) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // An answer of several writes would otherwise wait 40 ms; one that is gone already fails when used.
                    let _ = stream.set_nodelay(true);
                    let own = ConnectionCutter::default();
                    return (Connection { stream, own: own.clone(), all: self.all.clone() }, own);
                }
                // Out of file handles, most likely: others have to close first.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<ConnectionCutter> {
        Ok(ConnectionCutter::default())
    }
}

impl Connected<IncomingStream<'_, Connections>> for ConnectionCutter {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Connection {
    fn check(&self) -> io::Result<()> {
        if self.own.has_cut() || self.all.has_cut() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut on purpose"));
        }
        Ok(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
