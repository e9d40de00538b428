//! Any bytes from clients of every role, at a server as the daemon has it, without its loop.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::Given;
use super::connection::Connection;
use super::limits::{MAX_HELD_BYTES, MAX_QUEUED_BYTES};
use super::peer::Who;
use super::server::Server;
use crate::daemon::asks::{Act, Asks};
use crate::daemon::bell::Bell;
use crate::daemon::fleet::FleetDesk;
use crate::daemon::poke::Poke;
use crate::daemon::record_queue::RecordQueue;
use crate::daemon::verb_desk::VerbDesk;
use crate::database::Database;
use crate::ipc::{Answer, Peer, Role, Roles};
use crate::record::ControlAct;

/// User number and role; the service's user is none of them.
const USERS: [(u32, Option<Role>); 4] = [
    (1, None),
    (2, Some(Role::Viewer)),
    (3, Some(Role::Operator)),
    (4, Some(Role::Administrator)),
];
const ROLES: &str = "viewer.uids = [2]\noperator.uids = [3]\nadministrator.uids = [4]";

/// A server whose recorder does nothing.
struct Site {
    server: Server<'static>,
    asks: Asks,
    queued: crossbeam_channel::Receiver<crate::daemon::record_queue::Queued>,
}

thread_local! {
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

fn site() -> Option<Site> {
    let folder: PathBuf = std::env::temp_dir().join(format!(
        "doorward-fuzz-{}-{}",
        std::process::id(),
        fastrand::u64(..)
    ));
    std::fs::create_dir_all(&folder).ok()?;
    let database = folder.join("doorward.db");
    drop(Database::open(&database).ok()?);
    let (queue, queued) = RecordQueue::channel();
    let (recorder, asks) =
        Asks::channel(Bell::default(), Poke::of_this_thread(), Default::default());
    let verbs = VerbDesk::of_nobody();
    let given = Given {
        config: folder.join("doorward.toml"),
        note: folder.join("line-0.toml"),
        door: Default::default(),
        database,
        strict: Arc::default(),
        recorder,
        verbs,
        fleet: FleetDesk::of_nobody(),
        poke: Poke::of_this_thread(),
        queue,
        status: Arc::new(ArcSwap::default()),
        whitelist: Arc::default(),
        outlook: Arc::default(),
        viewfinder: Arc::default(),
        bell: Bell::default(),
        enrol: super::EnrolGiven {
            models: Default::default(),
            vision: Default::default(),
            keep_photos: false,
            require_consent: false,
            is_mirrored: false,
            rules: Arc::default(),
        },
    };
    // Lives as long as the process.
    let mut server = Server::open(Box::leak(Box::new(given))).ok()?;
    let _ = std::fs::remove_dir_all(&folder);
    server.set_roles(Roles::parse(ROLES, Path::new("roles.toml"), |_| None).ok()?);
    Some(Site {
        server,
        asks,
        queued,
    })
}

/// Each line of `bytes` is from a client of the role that its first byte says; the rest is
/// what the client sends, in pieces whose length the second byte says.
///
/// # Panics
/// Where something is done that the role does not allow, an answer is none, or more is held
/// than may be.
pub fn fuzz(bytes: &[u8]) {
    SITE.with_borrow_mut(|kept| {
        let Some(site) = (match kept {
            Some(site) => Some(site),
            None => {
                *kept = site();
                kept.as_mut()
            }
        }) else {
            return;
        };
        site.taste(bytes);
    });
}

impl Site {
    fn taste(&mut self, bytes: &[u8]) {
        let mut peers = Vec::new();
        for (number, (uid, _)) in (1..).zip(USERS) {
            let Ok((ours, theirs)) = UnixStream::pair() else {
                return;
            };
            let _ = (ours.set_nonblocking(true), theirs.set_nonblocking(true));
            let who = Who {
                account: None,
                peer: Peer {
                    uid,
                    gids: vec![uid],
                },
                login_uid: None,
            };
            let client = Connection::new(number, ours, who, Instant::now());
            self.server.clients.push(client);
            peers.push(theirs);
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let [who, length, said @ ..] = line else {
                continue;
            };
            let Some(peer) = peers.get_mut(usize::from(*who) % USERS.len()) else {
                continue;
            };
            for piece in said.chunks(usize::from(*length).max(1)) {
                let _ = peer.write(piece);
                self.turn();
            }
        }
        self.turn();
        for (peer, (_, role)) in peers.iter_mut().zip(USERS) {
            self.check(peer, role);
        }
        self.server.clients.clear();
        self.server.waiting.clear();
        while self.queued.try_recv().is_ok() {}
    }

    fn turn(&mut self) {
        let now = Instant::now();
        let numbers: Vec<u64> = self.server.clients.iter().map(|c| c.number).collect();
        for number in numbers {
            self.server.with(number, |server, client| {
                let role = server.role_of(&client.who);
                match client.is_listened_to() {
                    true => client.read(role, now),
                    false => Ok(()),
                }
            });
        }
        self.server.requests(now);
        while let Some(asked) = self.asks.take() {
            let needs = match &asked.act {
                Act::Note(ControlAct::Reload | ControlAct::Enrol) => Role::Administrator,
                Act::Enrol(_) => Role::Administrator,
                _ => Role::Operator,
            };
            let uid = asked.origin.actor.uid;
            let role = USERS.iter().find(|(user, _)| *user == uid);
            assert!(role.is_some_and(|(_, role)| *role >= Some(needs)), "{uid}");
        }
        self.server.answers(now);
        self.server.serve_watchers();
        self.server.serve_viewers();
        self.server.look_after(now);
        let held: usize = self.server.clients.iter().map(Connection::held).sum();
        assert!(held <= MAX_HELD_BYTES, "{held} bytes are held");
        let queued = self.server.clients.iter().map(Connection::queued).max();
        assert!(queued <= Some(MAX_QUEUED_BYTES), "too much waits");
    }

    /// Whatever was sent, each line of what comes back is an answer.
    fn check(&self, peer: &mut UnixStream, role: Option<Role>) {
        let mut said = Vec::new();
        let _ = peer.read_to_end(&mut said);
        for line in said.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
            let answer = Answer::parse(line);
            let line = String::from_utf8_lossy(line);
            assert!(answer.is_some(), "{line}");
            let is_secret = line.contains("\"pid\"");
            assert!(!is_secret || role.is_some(), "{line}");
        }
    }
}

#[cfg(test)]
// Each room may import only its own.
#[allow(clippy::duplicate_mod)]
#[path = "../../../tests/support/mutated.rs"]
mod mutated;

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes_of_any_client_do_no_more_than_its_role_may() {
        let mut seeds = Vec::new();
        for asked in [
            r#"{"id":1,"do":"status"}"#,
            r#"{"id":2,"do":"watch","since":0}"#,
            r#"{"id":3,"do":"unlock","reason":"parcel"}"#,
            r#"{"id":4,"do":"lock"}"#,
            r#"{"id":5,"do":"hold","until_ms":32503680000000}"#,
            r#"{"id":6,"do":"mode","mode":"lockdown"}"#,
            r#"{"id":7,"do":"reload"}"#,
            r#"{"id":8,"do":"snapshot"}"#,
            r#"{"id":9,"do":"live","pictures":true}"#,
            r#"{"id":9,"do":"live"}"#,
            r#"{"id":10,"do":"stop","of":2}"#,
            r#"{"id":11,"do":"enrol","name":"Ada"}"#,
            r#"{"id":13,"do":"photo","name":"a.jpg","picture":"/9j/4AAQSkZJRg=="}"#,
            r#"{"id":14,"do":"enrol_photos","name":"Ada"}"#,
            r#"{"id":12,"do":"people","verb":{"verb":"forget_photos"}}"#,
        ] {
            for who in 0..4u8 {
                let mut seed = vec![who, 7];
                seed.extend(asked.bytes());
                seed.extend([b'\n', who, 255]);
                seed.extend(br#"{"id":20,"do":"status"}"#);
                seed.push(b'\n');
                seeds.push(seed);
            }
        }
        super::mutated::feed(&seeds, 2_000, super::fuzz);
    }
}
