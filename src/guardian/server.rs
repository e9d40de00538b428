//! The guardian's process: sockets, signals, one timer and the line around [`Core`].

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGXCPU,
};

use super::boottime::BootTime;
use super::core::{Client, Command, Core, Effect, Effects, Input};
use super::framing::requests;
use super::teller::{Teller, Told};
use super::wire::{MAX_LINE_BYTES, Reply, Request};
use crate::door::relay::Relay;

/// Whatever of these arrives, the line is released and stays so. SIGPIPE is
/// ignored by Rust's runtime; SIGKILL and SIGSTOP cannot be seen.
const SIGNALS: [i32; 12] = [
    SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM, SIGVTALRM, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGXCPU,
];
/// How long one turn sleeps at most, so that the watchdog sees turns.
const MAX_POLL_WAIT: Duration = Duration::from_millis(250);
/// A line that refuses to be released for so long is not tried again by this process:
/// it ends, and whoever starts next opens the line anew.
const MAX_RELEASE_WAIT: Duration = Duration::from_secs(3);

/// Clients that are connected at one time, at most; further ones are turned away.
const MAX_CLIENTS_COUNT: usize = 16;

/// Whom a guardian serves.
#[derive(Debug)]
pub enum Clients {
    /// The process that started it, until that is gone. Signals lock for good and do not end
    /// it: its parent is to hear that the line is released.
    Parent(UnixStream),
    /// Whoever may connect, until a signal ends it.
    Listener(UnixListener),
}

/// Why a guardian ended other than as asked.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The system gave no timer, no signals or no thread.
    #[error("the relay guardian cannot use {what}: {source}; look at the limits of the service")]
    System {
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The line is not known to be released.
    #[error(
        "{line} refuses to be released: THE DOOR MAY BE UNLOCKED; run `doorward relay lock` and look at the relay's board"
    )]
    NotReleased { line: String },
}

struct Connection {
    client: Client,
    stream: UnixStream,
    /// A line that has not ended yet.
    begun: Vec<u8>,
}

/// One guardian.
struct Server {
    core: Core,
    relay: Box<dyn Relay>,
    clients: Vec<Connection>,
    gone: Vec<Client>,
    next_client: u64,
    teller: Teller,
    refusing_since: Option<BootTime>,
}

/// Guards `relay`, which was opened and thereby released, for `clients`.
///
/// # Errors
/// [`ServeError`]
pub fn serve(relay: Box<dyn Relay>, cap: Duration, clients: Clients) -> Result<(), ServeError> {
    let system = |what| move |source: io::Error| ServeError::System { what, source };
    let signals = listen_to_signals().map_err(system("signals"))?;
    let timer = timerfd_create(
        TimerfdClockId::Boottime,
        TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
    )
    .map_err(|e| system("a timer")(e.into()))?;
    let teller = Teller::start().map_err(system("a thread"))?;
    let mut server = Server {
        core: Core::new(cap, BootTime::now()),
        relay,
        clients: Vec::new(),
        gone: Vec::new(),
        next_client: 0,
        teller,
        refusing_since: None,
    };
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
    server.teller.ready();
    loop {
        let turn = server.wait(&timer, &signals, listener.as_ref());
        // The deadline comes before whatever else has happened.
        server.input(Input::Tick);
        let turn = turn.map_err(system("poll"))?;
        if turn.signal {
            drain(&signals);
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
        server.teller.turn();
        let nobody_is_to_hear = listener.is_some() || server.clients.is_empty();
        if nobody_is_to_hear && server.core.is_stopped() {
            return Ok(());
        }
        if server.has_given_up() {
            let line = server.relay.describe();
            return Err(ServeError::NotReleased { line });
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
        timer: &OwnedFd,
        signals: &UnixStream,
        listener: Option<&UnixListener>,
    ) -> io::Result<Turn> {
        set_timer(timer, self.core.wake_at())?;
        let mut fds = vec![watch(timer.as_fd()), watch(signals.as_fd())];
        fds.extend(self.clients.iter().map(|c| watch(c.stream.as_fd())));
        fds.extend(listener.map(|l| watch(l.as_fd())));
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: MAX_POLL_WAIT.as_nanos() as i64,
        };
        match poll(&mut fds, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let woken: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let is = |i: usize| woken.get(i).copied().unwrap_or(false);
        let readable = (2..).zip(&self.clients).filter(|(i, _)| is(*i));
        Ok(Turn {
            signal: is(1),
            connecting: listener.is_some() && is(2 + self.clients.len()),
            readable: readable.map(|(_, c)| c.client).collect(),
        })
    }

    fn accept(&mut self, listener: &UnixListener) {
        // Bounded, so that a flood of them does not hold up a deadline.
        for _ in 0..MAX_CLIENTS_COUNT {
            let Ok((stream, _)) = listener.accept() else {
                return;
            };
            // Dropping one turns it away.
            if self.clients.len() < MAX_CLIENTS_COUNT {
                self.admit(stream);
            }
        }
    }

    fn admit(&mut self, stream: UnixStream) {
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        self.next_client += 1;
        self.clients.push(Connection {
            client: Client(self.next_client),
            stream,
            begun: Vec::with_capacity(MAX_LINE_BYTES),
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
            self.input(match request {
                Request::Open(until) => Input::Open(client, until),
                Request::Renew => Input::Renew(client),
                Request::Lock => Input::Lock(client),
            });
        }
        if !sense {
            self.gone.push(client);
        }
    }

    fn bury(&mut self) {
        while let Some(client) = self.gone.pop() {
            self.clients.retain(|c| c.client != client);
            self.input(Input::Gone(client));
        }
    }

    fn input(&mut self, input: Input) {
        let effects = self.core.step(BootTime::now(), input);
        self.carry_out(effects);
    }

    /// Moves the line first and answers afterwards.
    fn carry_out(&mut self, mut effects: Effects) {
        loop {
            let mut moved = None;
            for effect in effects.iter() {
                match effect {
                    Effect::Line(command) => moved = Some(self.move_line(command)),
                    Effect::Opened(client, until) => self.reply(client, Reply::Opened(until)),
                    Effect::Renewed(client, until) => self.reply(client, Reply::Renewed(until)),
                    Effect::Locked(client) => self.reply(client, Reply::Locked),
                    Effect::Refused(client, why) => self.reply(client, Reply::Refused(why)),
                }
            }
            let Some(ok) = moved else { return };
            effects = self.core.step(BootTime::now(), Input::LineDone { ok });
        }
    }

    fn move_line(&mut self, command: Command) -> bool {
        let result = self.relay.set(command == Command::Energise);
        match &result {
            Ok(()) => {
                self.refusing_since = None;
                self.teller.tell(Told::Moved(command));
            }
            Err(error) if self.refusing_since.is_none() => {
                self.refusing_since = Some(BootTime::now());
                self.teller.tell(Told::Refused(error.to_string()));
            }
            Err(_) => {}
        }
        result.is_ok()
    }

    fn has_given_up(&self) -> bool {
        self.refusing_since
            .is_some_and(|since| BootTime::now() > since.after(MAX_RELEASE_WAIT))
    }

    /// Whoever does not take an answer is gone.
    fn reply(&mut self, client: Client, reply: Reply) {
        let Some(connection) = self.clients.iter_mut().find(|c| c.client == client) else {
            return;
        };
        let line = reply.line();
        let sent = connection.stream.write(line.as_bytes());
        if sent.ok() != Some(line.len()) {
            self.gone.push(client);
        }
    }
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

/// So that one signal wakes one turn.
fn drain(mut signals: &UnixStream) {
    let _ = signals.read(&mut [0; 64]);
}

/// `None` disarms it. An instant that is past wakes at once.
fn set_timer(timer: &OwnedFd, at: Option<BootTime>) -> io::Result<()> {
    // Zero would disarm it.
    let ms = at.map_or(0, |at| at.as_ms().max(1));
    let never = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let at = Timespec {
        tv_sec: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
        tv_nsec: (ms % 1000) as i64 * 1_000_000,
    };
    let setting = Itimerspec {
        it_interval: never,
        it_value: at,
    };
    timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &setting)?;
    Ok(())
}
