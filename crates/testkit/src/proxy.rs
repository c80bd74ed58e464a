//! A proxy between a service and its store that counts round trips and can be made to fail.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
};

/// The state of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Passes everything.
    Open,
    /// Accepts connections and sends nothing: a host that hangs.
    Hanging,
    /// Closes every connection, old and new: a process that died.
    Cut,
    /// Passes this many more commands, then is [`Mode::Cut`]: a crash between two commands.
    CutAfter(usize),
}

/// The protocol of the store, by which commands are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Counts executions and simple queries, by their SQL. `Sync` is not counted: the driver sends one when a connection returns to
    /// its pool, without waiting for it, and one when it prepares a statement for the first time.
    Postgres,
    /// Counts commands by name, without the driver's own `hello` and the like.
    Mongo,
}

/// On which side of a command's effect something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The command has not reached the store.
    Before,
    /// The store has executed it, and its answer has not reached the client.
    After,
}

/// An action at one command, once; then the connection is closed.
struct Trap {
    /// Number of commands that pass before.
    left: usize,
    side: Side,
    act: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trap({:?} {})", self.side, self.left)
    }
}

/// A proxy on a port of its own; stops with this value.
#[derive(Debug)]
pub struct Proxy {
    /// Its host and port.
    pub address: String,
    mode: watch::Sender<Mode>,
    commands: Arc<Mutex<Vec<String>>>,
    trap: Arc<Mutex<Option<Trap>>>,
}

impl Proxy {
    /// Starts a proxy in front of `target` (`host:port`).
    pub async fn start(target: &str, protocol: Protocol) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (mode, modes) = watch::channel(Mode::Open);
        let (commands, trap) = (Arc::default(), Arc::default());
        let link = Link {
            target: target.to_owned(),
            protocol,
            mode: mode.clone(),
            commands: Arc::clone(&commands),
            trap: Arc::clone(&trap),
        };
        tokio::spawn(accept(listener, link, modes));
        Self { address, mode, commands, trap }
    }

    /// Connections are accepted and nothing is answered.
    pub fn hang(&self) {
        self.mode.send_replace(Mode::Hanging);
    }

    /// Connections are closed at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Passes `commands` more commands with their answers, then cuts.
    pub fn cut_after(&self, commands: usize) {
        self.mode.send_replace(if commands == 0 { Mode::Cut } else { Mode::CutAfter(commands) });
    }

    /// Does `act` at the command after the next `passing` ones, on that side of its effect, and closes its connection:
    /// to kill a client exactly there.
    pub fn trap(&self, passing: usize, side: Side, act: impl Fn() + Send + Sync + 'static) {
        *self.trap.lock().unwrap() = Some(Trap { left: passing, side, act: Box::new(act) });
    }

    /// Removes the trap; `true` when it was still set, which means that no command reached it.
    pub fn untrap(&self) -> bool {
        self.trap.lock().unwrap().take().is_some()
    }

    /// Makes the network work again.
    pub fn heal(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Returns and clears the counted commands: one entry for each round trip.
    pub fn take_commands(&self) -> Vec<String> {
        std::mem::take(&mut self.commands.lock().unwrap())
    }
}

#[derive(Debug, Clone)]
struct Link {
    target: String,
    protocol: Protocol,
    mode: watch::Sender<Mode>,
    commands: Arc<Mutex<Vec<String>>>,
    trap: Arc<Mutex<Option<Trap>>>,
}

impl Link {
    /// The trap, if this command reaches it.
    fn stepped_on(&self) -> Option<Trap> {
        let mut trap = self.trap.lock().unwrap();
        match &mut *trap {
            Some(set) if set.left > 0 => {
                set.left -= 1;
                None
            }
            _ => trap.take(),
        }
    }
}

async fn accept(listener: TcpListener, link: Link, mut modes: watch::Receiver<Mode>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                tokio::spawn(carry(client, link.clone(), modes.clone()));
            }
            changed = modes.changed() => if changed.is_err() { return },
        }
    }
}

async fn carry(client: TcpStream, link: Link, mut modes: watch::Receiver<Mode>) {
    let mode = *modes.borrow_and_update();
    if mode == Mode::Cut {
        return;
    }
    if mode == Mode::Hanging {
        // Holds the connection until the network changes.
        let _ = modes.changed().await;
        return;
    }
    let Ok(server) = TcpStream::connect(&link.target).await else { return };
    // A request consists of several frames; with Nagle's algorithm each would wait 40 ms for the acknowledgement of the last.
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let ((mut from_client, to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    let sprung = Sprung::default();
    tokio::select! {
        () = requests(&mut from_client, &mut to_server, &link, &sprung, modes.clone()) => {}
        () = answers(&mut from_server, to_client, &sprung, modes) => {}
    }
}

/// A trap that acts at the next answer of this connection.
#[derive(Default)]
struct Sprung {
    is_set: AtomicBool,
    trap: Mutex<Option<Trap>>,
}

/// Passes requests frame by frame, so that a cut falls between two commands and never inside one.
async fn requests(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    link: &Link,
    sprung: &Sprung,
    mut modes: watch::Receiver<Mode>,
) {
    let mut started = link.protocol == Protocol::Mongo;
    let mut statements = Statements::default();
    loop {
        let frame = tokio::select! {
            frame = read_frame(from, link.protocol, started) => frame,
            () = closed(&mut modes) => return,
        };
        let Some(frame) = frame else { return };
        let command = match link.protocol {
            Protocol::Mongo => mongo_command(&frame),
            Protocol::Postgres if started => statements.observe(&frame),
            Protocol::Postgres => None,
        };
        if let Some(command) = command {
            let mut dead = false;
            link.mode.send_if_modified(|mode| {
                match *mode {
                    Mode::CutAfter(0) => {
                        *mode = Mode::Cut;
                        dead = true;
                    }
                    Mode::CutAfter(left) => *mode = Mode::CutAfter(left - 1),
                    Mode::Open | Mode::Hanging | Mode::Cut => {}
                }
                true
            });
            if dead {
                return;
            }
            if let Some(trap) = link.stepped_on() {
                if trap.side == Side::Before {
                    (trap.act)();
                    return;
                }
                *sprung.trap.lock().unwrap() = Some(trap);
                sprung.is_set.store(true, Ordering::Release);
            }
            link.commands.lock().unwrap().push(command);
        }
        started |= !asks_for_tls(&frame);
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// PostgreSQL's `SSLRequest`: answered with one byte, and then the start-up message comes, which has no tag either.
fn asks_for_tls(frame: &[u8]) -> bool {
    frame.len() == 8 && frame[4..] == 80_877_103_u32.to_be_bytes()
}

async fn answers(from: &mut OwnedReadHalf, mut to: OwnedWriteHalf, sprung: &Sprung, mut modes: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            () = closed(&mut modes) => return,
        };
        let Ok(length @ 1..) = read else { return };
        if sprung.is_set.load(Ordering::Acquire)
            && let Some(trap) = sprung.trap.lock().unwrap().take()
        {
            (trap.act)();
            return;
        }
        if *modes.borrow() == Mode::Hanging {
            // The answer of a hanging host is dropped.
            let _ = modes.wait_for(|mode| *mode != Mode::Hanging).await;
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Resolves when the network is cut.
async fn closed(modes: &mut watch::Receiver<Mode>) {
    let _ = modes.wait_for(|mode| *mode == Mode::Cut).await;
}

async fn read_frame(from: &mut OwnedReadHalf, protocol: Protocol, started: bool) -> Option<Vec<u8>> {
    let tagged = protocol == Protocol::Postgres && started;
    let mut frame = vec![0; if tagged { 5 } else { 4 }];
    from.read_exact(&mut frame).await.ok()?;
    let length: [u8; 4] = frame[frame.len() - 4..].try_into().ok()?;
    let length = if protocol == Protocol::Mongo { u32::from_le_bytes(length) } else { u32::from_be_bytes(length) };
    let header = frame.len();
    let total = length as usize + usize::from(tagged);
    frame.resize(total.max(header), 0);
    from.read_exact(&mut frame[header..]).await.ok()?;
    Some(frame)
}

/// The prepared and bound statements of a connection, by which its executions are named.
#[derive(Default)]
struct Statements {
    prepared: HashMap<Vec<u8>, String>,
    bound: Vec<u8>,
}

impl Statements {
    /// The SQL of the command that a client waits for, if this frame is one.
    fn observe(&mut self, frame: &[u8]) -> Option<String> {
        // Tag 1, length 4, then strings that end with a zero.
        let mut strings = frame.get(5..)?.split(|byte| *byte == 0);
        match frame[0] {
            b'P' => {
                let name = strings.next()?.to_vec();
                self.prepared.insert(name, squeezed(strings.next()?));
                None
            }
            b'B' => {
                self.bound = strings.nth(1)?.to_vec();
                None
            }
            b'Q' => Some(squeezed(strings.next()?)),
            b'E' => Some(self.prepared.get(&self.bound).cloned().unwrap_or_default()),
            _ => None,
        }
    }
}

fn squeezed(sql: &[u8]) -> String {
    String::from_utf8_lossy(sql).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of the command that a client waits for, if this frame is one.
fn mongo_command(frame: &[u8]) -> Option<String> {
    // Header 16, flags 4, section kind 1, document length 4, element type 1, then the command's name.
    let name = frame.get(26..)?.split(|byte| *byte == 0).next()?;
    let name = String::from_utf8_lossy(name).into_owned();
    let own = ["hello", "isMaster", "ismaster", "ping", "endSessions", "saslStart", "saslContinue"];
    (!own.contains(&name.as_str()) && name.chars().all(char::is_alphanumeric)).then_some(name)
}
