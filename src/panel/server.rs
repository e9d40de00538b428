//! The panel's process: sockets, signals and the hardware around [`Core`].

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::board::Board;
use super::core::{Client, Core, Effect, Input};
use super::wire::{MAX_LINE_BYTES, Request, VERSION, Word};
use crate::guardian::BootTime;
use crate::guardian::requests;

/// Whatever of these arrives, the outputs go dark and the process ends.
const SIGNALS: [i32; 4] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT];
/// How often the hardware is looked at and the watchdog is fed; no turn sleeps longer.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Clients that are connected at one time, at most; further ones are turned away.
const MAX_CLIENTS_COUNT: usize = 16;

/// Whom a panel serves.
#[derive(Debug)]
pub(crate) enum Clients {
    /// The process that started it, until that is gone.
    Parent(UnixStream),
    /// Whoever may connect, until a signal ends it.
    Listener(UnixListener),
}

/// Why a panel ended other than as asked.
#[derive(Debug, thiserror::Error)]
#[error("the panel cannot use {what}: {source}; look at the limits of the service")]
pub(crate) struct ServeError {
    what: &'static str,
    /// What the system said.
    source: io::Error,
}

struct Connection {
    client: Client,
    stream: UnixStream,
    /// A line that has not ended yet.
    begun: Vec<u8>,
    watches: bool,
}

struct Server {
    core: Core,
    board: Box<dyn Board>,
    names: Vec<String>,
    hello: Word,
    clients: Vec<Connection>,
    gone: Vec<Client>,
    next_client: u64,
}

/// What is served: the panel, how it is configured, and which configuration that is.
pub(crate) struct Served<'c> {
    pub(crate) panel: &'c crate::config::Panel,
    pub(crate) configuration: String,
    pub(crate) board: Box<dyn Board>,
}

/// Tells whoever started this process why there is no panel.
pub(crate) fn fail(mut parent: &UnixStream, why: &str) {
    let _ = parent.write_all(Word::Failed(why.to_owned()).line().as_bytes());
}

/// Serves a panel whose outputs are dark, until it is told to end.
///
/// # Errors
/// [`ServeError`]
pub(crate) fn serve(served: Served<'_>, clients: Clients) -> Result<(), ServeError> {
    let system = |what| move |source: io::Error| ServeError { what, source };
    let signals = listen_to_signals().map_err(system("signals"))?;
    let mut server = Server {
        core: Core::new(served.panel, BootTime::now()),
        board: served.board,
        names: served.panel.output.keys().cloned().collect(),
        hello: Word::Panel {
            version: VERSION,
            configuration: served.configuration,
        },
        clients: Vec::new(),
        gone: Vec::new(),
        next_client: 0,
    };
    // So that the first who connects hears how things are.
    let mut look_at = BootTime::now();
    server.hardware(look_at, true);
    let listener = match clients {
        Clients::Parent(parent) => {
            server.admit(parent);
            None
        }
        Clients::Listener(listener) => {
            listener
                .set_nonblocking(true)
                .map_err(system("its socket"))?;
            Some(listener)
        }
    };
    notify(NotifyState::Ready);
    loop {
        let turn = server
            .wait(look_at, &signals, listener.as_ref())
            .map_err(system("poll"))?;
        // Before the hardware is read: what happened until now has been told then.
        let now = BootTime::now();
        let is_time = now >= look_at;
        if is_time {
            look_at = now.after(LOOK_INTERVAL);
            notify(NotifyState::Watchdog);
        }
        server.hardware(now, is_time);
        if turn.signal {
            let _ = (&signals).read(&mut [0; 64]);
            server.input(Input::Stop);
        }
        for client in turn.readable {
            server.read(client);
        }
        server.bury();
        match &listener {
            Some(listener) if turn.connecting => server.accept(listener),
            Some(_) => {}
            None if server.clients.is_empty() => server.input(Input::Stop),
            None => {}
        }
        if server.core.is_stopped() {
            return Ok(());
        }
    }
}

/// What a turn woke up for.
struct Turn {
    signal: bool,
    connecting: bool,
    readable: Vec<Client>,
}

impl Server {
    fn wait(
        &self,
        look_at: BootTime,
        signals: &UnixStream,
        listener: Option<&UnixListener>,
    ) -> io::Result<Turn> {
        let mut fds = vec![watch(signals.as_fd())];
        fds.extend(self.clients.iter().map(|c| watch(c.stream.as_fd())));
        fds.extend(listener.map(|l| watch(l.as_fd())));
        fds.extend(self.board.watched().into_iter().map(watch));
        let until = self.core.wake_at().map_or(look_at, |at| at.min(look_at));
        let patience = until.duration_since(BootTime::now());
        let patience = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut fds, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let woken: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let is = |i: usize| woken.get(i).copied().unwrap_or(false);
        let readable = (1..).zip(&self.clients).filter(|(i, _)| is(*i));
        Ok(Turn {
            signal: is(0),
            connecting: listener.is_some() && is(1 + self.clients.len()),
            readable: readable.map(|(_, c)| c.client).collect(),
        })
    }

    /// Takes what the hardware has to say; `now` was before that.
    fn hardware(&mut self, now: BootTime, is_time_to_look: bool) {
        let mut happened = Vec::new();
        self.board.read(&mut happened);
        if is_time_to_look {
            self.board.look(&mut happened);
        }
        for input in happened {
            self.input(input);
        }
        let effects = self.core.step(now, Input::Tick);
        self.carry_out(effects);
    }

    fn input(&mut self, input: Input) {
        let effects = self.core.step(BootTime::now(), input);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Tell(reading) => self.tell(&Word::of(&reading), |_| true),
                Effect::Bits(at, bits) => self.tell(&Word::Bits(at, bits), |c| c.watches),
                Effect::Light(output, lit) => {
                    let mut happened = Vec::new();
                    self.board.light(output, lit, &mut happened);
                    for input in happened {
                        // To lose an output lights none.
                        let effects = self.core.step(BootTime::now(), input);
                        for effect in effects {
                            if let Effect::Tell(reading) = effect {
                                self.tell(&Word::of(&reading), |_| true);
                            }
                        }
                    }
                }
            }
        }
    }

    fn tell(&mut self, word: &Word, whom: impl Fn(&Connection) -> bool) {
        let line = word.line();
        for connection in self.clients.iter_mut().filter(|c| whom(c)) {
            if !send(&connection.stream, &line) {
                self.gone.push(connection.client);
            }
        }
    }

    fn accept(&mut self, listener: &UnixListener) {
        // Bounded, so that a flood of them holds nothing up.
        for _ in 0..MAX_CLIENTS_COUNT {
            let Ok((stream, _)) = listener.accept() else {
                return;
            };
            match self.clients.len() < MAX_CLIENTS_COUNT {
                true => self.admit(stream),
                false => {
                    let _ = stream.set_nonblocking(true);
                    send(&stream, &Word::Crowded.line());
                }
            }
        }
    }

    /// Whoever comes hears how things are.
    fn admit(&mut self, stream: UnixStream) {
        let mut state = self.hello.line();
        for reading in self.core.state() {
            state += &Word::of(&reading).line();
        }
        state += &Word::Ready.line();
        if stream.set_nonblocking(true).is_err() || !send(&stream, &state) {
            return;
        }
        self.next_client += 1;
        self.clients.push(Connection {
            client: Client(self.next_client),
            stream,
            begun: Vec::new(),
            watches: false,
        });
    }

    /// One read from a client; whoever sends nonsense is gone.
    fn read(&mut self, client: Client) {
        let Some(connection) = self.clients.iter_mut().find(|c| c.client == client) else {
            return;
        };
        let mut bytes = [0; MAX_LINE_BYTES];
        let read = match connection.stream.read(&mut bytes) {
            Ok(0) => return self.gone.push(client),
            Ok(read) => read,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => return self.gone.push(client),
        };
        let bytes = bytes.get(..read).unwrap_or_default();
        let (requests, sense) =
            requests(&mut connection.begun, bytes, MAX_LINE_BYTES, Request::parse);
        for request in requests {
            self.request(client, request);
        }
        if !sense {
            self.gone.push(client);
        }
    }

    fn request(&mut self, client: Client, request: Request) {
        let answer = match request {
            Request::Show(signals) => return self.input(Input::Show(client, signals)),
            Request::Watch => {
                let mut clients = self.clients.iter_mut();
                if let Some(connection) = clients.find(|c| c.client == client) {
                    connection.watches = true;
                }
                return;
            }
            Request::Light(name) => match self.names.iter().position(|one| *one == name) {
                Some(output) => {
                    self.input(Input::Light(client, output));
                    match self.core.is_lit(output) {
                        true => Word::Lit,
                        false => Word::Dark,
                    }
                }
                None => Word::NoSuchOutput,
            },
        };
        let connection = self.clients.iter().find(|c| c.client == client);
        if connection.is_some_and(|c| !send(&c.stream, &answer.line())) {
            self.gone.push(client);
        }
    }

    fn bury(&mut self) {
        while let Some(client) = self.gone.pop() {
            self.clients.retain(|c| c.client != client);
            self.input(Input::Gone(client));
        }
    }
}

/// Whether all of it was taken at once; whoever does not take it is gone.
fn send(mut stream: &UnixStream, text: &str) -> bool {
    stream.write(text.as_bytes()).ok() == Some(text.len())
}

fn watch(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}

fn listen_to_signals() -> io::Result<UnixStream> {
    let (signals, writer) = UnixStream::pair()?;
    signals.set_nonblocking(true)?;
    for signal in SIGNALS {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    Ok(signals)
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::debug!("systemd was not told: {error}");
    }
}
