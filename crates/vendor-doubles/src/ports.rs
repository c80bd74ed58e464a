//! A vendor's port: a server that refuses connections on request.

use std::{io, net::SocketAddr};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
};

use crate::connection::{ConnectionCutter, Connections};

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Switches the connections of a vendor's port: the wanted state, and the reached one.
#[derive(Debug)]
pub(crate) struct PortSwitch {
    pub(crate) is_closed: watch::Sender<bool>,
    pub(crate) has_closed: watch::Receiver<bool>,
}

pub(crate) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await
}

/// Ends open connections when dropped: when the server stops or its port is closed.
struct CutOnDrop(ConnectionCutter);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// Serves while the port is open. While it is closed, a socket that does not listen holds the port: connections are refused, and
/// no other program gets it.
pub(crate) async fn serve(
    first: TcpListener,
    router: Router,
    mut is_closed: watch::Receiver<bool>,
    closed: watch::Sender<bool>,
) {
    let Ok(address) = first.local_addr() else { return };
    let mut listener = first;
    loop {
        closed.send_replace(false);
        {
            let open = CutOnDrop(ConnectionCutter::default());
            let connections = Connections { listener, all: open.0.clone() };
            let service = router.clone().into_make_service_with_connect_info::<ConnectionCutter>();
            tokio::select! {
                _ = async { axum::serve(connections, service).await } => return,
                switched = is_closed.wait_for(|is_closed| *is_closed) => if switched.is_err() { return },
            }
        }
        let held = match held(address) {
            Ok(held) => held,
            Err(error) => return tracing::error!(%error, %address, "the port was taken by another program"),
        };
        closed.send_replace(true);
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
