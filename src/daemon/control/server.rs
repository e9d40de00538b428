//! The loop: who comes, who speaks, who takes what waits, and who is dropped.

use std::fs::Permissions;
use std::io::Read as _;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::listen;

use super::connection::{Connection, Gone};
use super::enrolling::Enrolling;
use super::feed::Feed;
use super::limits::{
    Acts, Bucket, MAX_CLIENTS, MAX_CLIENTS_OF_A_USER, MAX_CLIENTS_OF_ROOT,
    MAX_CLIENTS_WITHOUT_ROLE, MAX_HELD_BYTES, MAX_WAITING_CLIENTS, Refusals,
};
use super::live::Memory;
use super::peer::{self, Who};
use super::waiting::{For, Waiting};
use super::{ControlError, Given, Told};
use crate::daemon::strict;
use crate::ipc::{Answer, Code, Hello, PROTOCOL, Role, Roles, Word, roles_path, socket_of};
use crate::record::{ConfigFault, Event};

/// Everybody may connect: who may ask for what the roles say.
const SOCKET_MODE: u32 = 0o666;
/// Connections taken in one turn.
const MAX_ACCEPTS_A_TURN: usize = 16;
/// How often somebody who watches is looked after.
const BUSY_INTERVAL: Duration = Duration::from_millis(200);
/// How long the end may wait for verbs that are being done.
const MAX_LAST_WORDS: Duration = Duration::from_millis(500);
/// How often the others are.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Server<'g> {
    pub(super) given: &'g Given,
    socket: PathBuf,
    listener: UnixListener,
    pub(super) clients: Vec<Connection>,
    next_client: u64,
    accepts: Bucket,
    pub(super) feed: Feed,
    /// Whether it was said that the record cannot be followed.
    said_lost: bool,
    roles: Roles,
    /// The service's user.
    uid: u32,
    pub(super) waiting: Vec<Waiting>,
    pub(super) acts: Acts,
    pub(super) refusals: Refusals,
    pub(super) memory: Memory,
    pub(super) enrolling: Option<Enrolling>,
}

impl<'g> Server<'g> {
    /// With a socket of its own; one that a dead daemon left is replaced.
    pub(super) fn open(given: &'g Given) -> Result<Self, ControlError> {
        let socket = socket_of(&given.note, &given.config);
        let failed = |source| ControlError::Socket {
            path: socket.clone(),
            source,
        };
        // An earlier life of this thread counted its clients from the same number on.
        given.verbs.gone(None);
        let feed = Feed::open(&given.database, &given.door)?;
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).map_err(failed)?;
        std::fs::set_permissions(&socket, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        // A flood waits outside, where it keeps nobody for long.
        listen(&listener, MAX_WAITING_CLIENTS).map_err(|error| failed(error.into()))?;
        let now = Instant::now();
        let mut server = Self {
            given,
            socket,
            listener,
            clients: Vec::new(),
            next_client: 0,
            accepts: Bucket::of_accepts(now),
            feed,
            said_lost: false,
            roles: Roles::default(),
            uid: rustix::process::geteuid().as_raw(),
            waiting: Vec::new(),
            acts: Acts::default(),
            refusals: Refusals::new(now),
            memory: Memory::default(),
            enrolling: None,
        };
        server.read_roles();
        Ok(server)
    }

    /// Until it is told to end.
    pub(super) fn run(mut self, woken: &UnixStream, told: &Told) -> Result<(), ControlError> {
        loop {
            let turn = self.wait(woken)?;
            if told.ends.load(Ordering::Acquire) {
                self.last_words();
                return Ok(());
            }
            let _ = (&mut &*woken).read(&mut [0; 256]);
            if told.roles_changed.swap(false, Ordering::AcqRel) {
                self.read_roles();
            }
            let now = Instant::now();
            if turn.connecting {
                self.accept(now);
            }
            for number in turn.readable {
                self.with(number, |server, client| {
                    let role = server.role_of(&client.who);
                    client.read(role, now)
                });
            }
            self.follow();
            self.requests(now);
            self.answers(now);
            self.guide(now);
            self.serve_watchers();
            self.serve_viewers();
            self.look_after(now);
        }
    }

    /// What is known by now, for whoever waits for it.
    fn last_words(&mut self) {
        let until = Instant::now() + MAX_LAST_WORDS;
        let waits = |server: &Self| {
            let mut all = server.waiting.iter();
            all.any(|waiting| matches!(waiting.for_what, For::Verb(_)))
        };
        loop {
            self.answers(Instant::now());
            self.look_after(Instant::now());
            if !waits(self) || Instant::now() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait(&mut self, woken: &UnixStream) -> Result<Turn, ControlError> {
        let now = Instant::now();
        let may_accept = self.accepts.has(now);
        let mut fds = vec![PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN)];
        let listening = match may_accept {
            true => PollFlags::IN,
            false => PollFlags::empty(),
        };
        fds.push(PollFd::from_borrowed_fd(self.listener.as_fd(), listening));
        fds.extend(self.clients.iter().map(|client| {
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, client.is_listened_to());
            wanted.set(PollFlags::OUT, client.queued() > 0);
            PollFd::from_borrowed_fd(client.stream.as_fd(), wanted)
        }));
        let is_busy = !may_accept
            || !self.waiting.is_empty()
            || self.enrolling.is_some()
            || self.clients.iter().any(|client| {
                client.watch.is_some() || client.live.is_some() || client.has_lines()
            });
        let patience = match is_busy {
            true => BUSY_INTERVAL,
            false => IDLE_INTERVAL,
        };
        let patience = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut fds, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(ControlError::Poll(error.into())),
        }
        let events: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        drop(fds);
        let has = |place: usize, flags: PollFlags| {
            events
                .get(place)
                .is_some_and(|event| event.intersects(flags))
        };
        let of_clients = || (2..).zip(&self.clients);
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        let dead: Vec<u64> = of_clients()
            .filter(|(place, client)| {
                has(*place, gone) && !has(*place, PollFlags::IN)
                    || has(*place, gone) && !client.is_listened_to()
            })
            .map(|(_, client)| client.number)
            .collect();
        let readable = of_clients()
            .filter(|(place, client)| has(*place, PollFlags::IN) && client.is_listened_to())
            .map(|(_, client)| client.number)
            .collect();
        let connecting = has(1, PollFlags::IN);
        for number in dead {
            self.drop_client(number, "it is gone");
        }
        Ok(Turn {
            connecting,
            readable,
        })
    }

    /// Does something with a client; one that is gone then is dropped.
    pub(super) fn with(
        &mut self,
        number: u64,
        what: impl FnOnce(&mut Self, &mut Connection) -> Result<(), Gone>,
    ) {
        let Some(place) = self.clients.iter().position(|c| c.number == number) else {
            return;
        };
        let mut client = self.clients.swap_remove(place);
        match what(self, &mut client) {
            Ok(()) => self.clients.push(client),
            Err(Gone) => self.bury(&client, "it is gone, or does not take what waits for it"),
        }
    }

    fn drop_client(&mut self, number: u64, why: &str) {
        if let Some(place) = self.clients.iter().position(|c| c.number == number) {
            let client = self.clients.swap_remove(place);
            self.bury(&client, why);
        }
    }

    fn bury(&mut self, client: &Connection, why: &str) {
        log::debug!("control: client {} is dropped: {why}", client.number);
        self.waiting
            .retain(|waiting| waiting.client != client.number);
        self.given.verbs.gone(Some(client.number));
        self.enrolling
            .take_if(|enrolling| enrolling.client == client.number);
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..MAX_ACCEPTS_A_TURN {
            if !self.accepts.take(now) {
                return;
            }
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            if let Err(error) = self.admit(stream, now) {
                log::debug!("control: a client was not taken: {error}");
            }
        }
    }

    fn admit(&mut self, stream: UnixStream, now: Instant) -> std::io::Result<()> {
        stream.set_nonblocking(true)?;
        let who = Who::of(&stream)?;
        let role = self.role_of(&who);
        self.next_client += 1;
        let is_crowded = self.is_crowded(&who, role);
        let mut client = Connection::new(self.next_client, stream, who, now);
        if is_crowded {
            let message = "too many programs are connected to the daemon's control socket; end some of them, or try again later";
            let word = Word::error(Code::TooMany, message);
            let _ = client.say(&Answer { id: None, word });
            // It is taken at once or not at all.
            let _ = client.flush(now);
            return Ok(());
        }
        let hello = Word::Doorward(Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            door: self.given.door.to_string(),
            role,
        });
        let _ = client.say(&Answer {
            id: None,
            word: hello,
        });
        self.clients.push(client);
        Ok(())
    }

    fn is_crowded(&self, who: &Who, role: Option<Role>) -> bool {
        let uid = who.peer.uid;
        let own = |client: &&Connection| client.who.peer.uid == uid;
        let strangers = |client: &&Connection| self.role_of(&client.who).is_none();
        let most = match uid == 0 || uid == self.uid {
            true => MAX_CLIENTS_OF_ROOT,
            false => MAX_CLIENTS_OF_A_USER,
        };
        self.clients.len() >= MAX_CLIENTS
            || self.clients.iter().filter(own).count() >= most
            || role.is_none()
                && self.clients.iter().filter(strangers).count() >= MAX_CLIENTS_WITHOUT_ROLE
    }

    /// What somebody may ask for now.
    pub(super) fn role_of(&self, who: &Who) -> Option<Role> {
        self.roles.role_of(&who.peer, self.uid)
    }

    /// These, as a file would give them.
    #[cfg(any(test, fuzzing))]
    pub(super) fn set_roles(&mut self, roles: Roles) {
        (self.roles, self.uid) = (roles, u32::MAX);
    }

    /// Reads the roles. Wrong ones give nobody one.
    fn read_roles(&mut self) {
        let path = roles_path(&self.given.config);
        let is_strict = self.given.strict.load(Ordering::Relaxed);
        let trusted = match path.exists() {
            true => strict::rules([path.clone()], is_strict),
            false => Ok(()),
        };
        let read = trusted
            .map_err(|error| (ConfigFault::Invalid, error.to_string()))
            .and_then(|()| {
                Roles::read(&path, peer::gid_of)
                    .map_err(|error| (ConfigFault::Invalid, error.to_string()))
            });
        self.roles = read.unwrap_or_else(|(reason, message)| {
            log::error!("{message}");
            self.given.queue.happened(Event::RolesRejected {
                reason,
                file: path.display().to_string(),
                message,
            });
            Roles::default()
        });
    }

    fn follow(&mut self) {
        match self.feed.follow() {
            Ok(()) => self.said_lost = false,
            // The recorder knows too, and ends the daemon where that is due.
            Err(error) if !std::mem::replace(&mut self.said_lost, true) => {
                log::warn!("control: the record cannot be followed: {error}");
            }
            Err(_) => {}
        }
    }

    /// Sends what waits, and drops whoever does not take it.
    pub(super) fn look_after(&mut self, now: Instant) {
        let numbers: Vec<u64> = self.clients.iter().map(|client| client.number).collect();
        for number in numbers {
            self.with(number, |_, client| client.flush(now));
        }
        let over: Vec<(u64, &str)> = self
            .clients
            .iter()
            .filter_map(|client| Some((client.number, client.is_over(now)?)))
            .collect();
        for (number, why) in over {
            self.drop_client(number, why);
        }
        loop {
            let held: usize = self.clients.iter().map(Connection::held).sum();
            let largest = self.clients.iter().max_by_key(|client| client.held());
            match largest.map(|client| client.number) {
                Some(number) if held > MAX_HELD_BYTES => {
                    self.drop_client(number, "all clients together hold too much");
                }
                _ => return,
            }
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// What a wait found.
struct Turn {
    connecting: bool,
    readable: Vec<u64>,
}
