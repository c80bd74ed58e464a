//! A vendor's address: a server that refuses connections on request.

use std::{io, net::SocketAddr};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
};

use crate::line::{Cutter, Lines};

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Whether a vendor's connections are refused: what is wanted, and what is so.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) is_closed: watch::Sender<bool>,
    pub(crate) has_closed: watch::Receiver<bool>,
}

pub(crate) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await
}

/// Ends open connections when it is dropped, that is when the server is stopped or its door is closed.
struct CutOnDrop(Cutter);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// Serves while the door is open. While it is closed the port is held by a socket that does not listen: connections are
/// refused, and nothing else is given the port.
pub(crate) async fn serve(
    first: TcpListener,
    router: Router,
    mut is_closed: watch::Receiver<bool>,
    tell: watch::Sender<bool>,
) {
    let Ok(address) = first.local_addr() else { return };
    let mut listener = first;
    loop {
        tell.send_replace(false);
        {
            let open = CutOnDrop(Cutter::default());
            let lines = Lines { listener, all: open.0.clone() };
            let service = router.clone().into_make_service_with_connect_info::<Cutter>();
            tokio::select! {
                _ = async { axum::serve(lines, service).await } => return,
                closed = is_closed.wait_for(|is_closed| *is_closed) => if closed.is_err() { return },
            }
        }
        let held = match held(address) {
            Ok(held) => held,
            Err(error) => return tracing::error!(%error, %address, "the port was taken by another"),
        };
        tell.send_replace(true);
        if is_closed.wait_for(|is_closed| !*is_closed).await.is_err() {
            return;
        }
        listener = match held.listen(BACKLOG) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, %address, "the port cannot be listened on again"),
        };
    }
}

fn held(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
