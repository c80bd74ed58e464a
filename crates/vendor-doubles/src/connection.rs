//! Connections that can be cut, so that an answer is never sent, and so that idle ones end at once.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// The number of wakers at which those of closed connections are dropped.
const MOST_READERS: usize = 1_000;

/// Accepts [`Connection`]s.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) listener: TcpListener,
    /// Cuts all of them.
    pub(crate) all: ConnectionCutter,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    own: ConnectionCutter,
    all: ConnectionCutter,
}

/// Cuts one or several connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionCutter(Arc<Mutex<Cut>>);

#[derive(Debug, Default)]
struct Cut {
    is_cut: bool,
    readers: Vec<Waker>,
}

impl ConnectionCutter {
    pub(crate) fn cut(&self) {
        let readers = {
            let mut cut = self.lock();
            cut.is_cut = true;
            std::mem::take(&mut cut.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }

    /// Whether it has cut; if not, the reader is woken when it does.
    fn has_cut(&self, reader: &Context<'_>) -> bool {
        let mut cut = self.lock();
        if !cut.is_cut && !cut.readers.iter().any(|waker| waker.will_wake(reader.waker())) {
            // Connections come and go. Those that are still there come back when they are woken.
            if cut.readers.len() >= MOST_READERS {
                std::mem::take(&mut cut.readers).into_iter().for_each(Waker::wake);
            }
            cut.readers.push(reader.waker().clone());
        }
        cut.is_cut
    }

    fn lock(&self) -> MutexGuard<'_, Cut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
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
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        if self.own.has_cut(context) || self.all.has_cut(context) {
            // The other end sees a reset instead of an end.
            let _ = self.stream.set_zero_linger();
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
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
