//! Doors and a hub that are cut, killed and restored while they work, by a seed; with both
//! stores. `DOORWARD_FLEET_ROUNDS` says how many rounds, `DOORWARD_FLEET_SEED` repeats one.
#![cfg(all(feature = "fleet", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use doorward::fleet::store::{Postgres, Sqlite, Store};
use doorward::fleet::{
    Change, Client, DoorKeys, FounderKeys, HubKeys, Kind, Right, RowId, Session, Standing, Told,
    fetch, found,
};
use fastrand::Rng;
use support::postgres::Server;

const DOORS: usize = 3;
const PEOPLE: u8 = 5;
const STEPS: usize = 25;
/// Turns after which everything must have arrived.
const MAX_HEALING_TURNS: usize = 30;

/// `doorward fleet serve`, killed when it goes.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Site {
    keys: DoorKeys,
    file: PathBuf,
    session: Session,
    /// What this door wrote, in order.
    events: Vec<Vec<u8>>,
}

struct Round<'a> {
    folder: &'a Path,
    store: String,
    server: Option<&'a Server>,
    port: u16,
    serving: Option<Serving>,
    sites: Vec<Site>,
    rng: Rng,
    clock: u32,
    backup: Option<String>,
}

fn seeds() -> Vec<u64> {
    if let Ok(seed) = std::env::var("DOORWARD_FLEET_SEED") {
        return vec![seed.parse().expect("DOORWARD_FLEET_SEED is a number")];
    }
    let rounds = std::env::var("DOORWARD_FLEET_ROUNDS").unwrap_or_else(|_| "2".into());
    let rounds: usize = rounds.parse().expect("DOORWARD_FLEET_ROUNDS is a number");
    (0..rounds).map(|_| fastrand::u64(..)).collect()
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

impl Round<'_> {
    fn serve(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .current_dir(self.folder)
            .args([
                "fleet",
                "serve",
                "--listen",
                &format!("127.0.0.1:{}", self.port),
            ])
            .args(["--store", &self.store])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.serving = Some(Serving(child));
    }

    /// A turn that is cut after some milliseconds, as a network cuts it, or not at all.
    async fn turn(&mut self, door: usize, cut: Option<u64>) -> Option<Vec<Told>> {
        let turn = self.sites[door].session.turn(Duration::ZERO);
        let limit = Duration::from_millis(cut.unwrap_or(20_000));
        tokio::time::timeout(limit, turn).await.ok()?.ok()
    }

    /// A door that was killed: nothing but its disk is left.
    fn reopen(&mut self, door: usize) {
        let site = &mut self.sites[door];
        site.session = Session::open(&site.keys, &site.file).unwrap();
        assert_eq!(site.session.outbox().last(), site.events.len() as u64);
    }

    async fn step(&mut self) {
        self.clock += 1;
        let door = self.rng.usize(..DOORS);
        match self.rng.u8(..12) {
            0..4 => {
                let id = RowId([100 + self.rng.u8(..PEOPLE); 16]);
                let standing = self.rng.choice(Standing::ALL).unwrap();
                let session = &mut self.sites[door].session;
                let body = match standing {
                    Standing::Removed => Vec::new(),
                    _ => self.clock.to_be_bytes().to_vec(),
                };
                let change = Change {
                    id,
                    kind: Kind::Person,
                    standing,
                    body,
                };
                session.change(change).unwrap();
                if standing.is_shut() {
                    assert!(!session.door().is_enabled(id));
                }
            }
            4 | 5 => {
                let body = format!("event {} of door {door}", self.clock).into_bytes();
                let site = &mut self.sites[door];
                assert!(site.session.event(&body).unwrap());
                site.events.push(body);
            }
            6 | 7 => drop(self.turn(door, None).await),
            8 => {
                let cut = self.rng.u64(..30);
                self.turn(door, Some(cut)).await;
                self.reopen(door);
            }
            9 => {
                // The hub dies while a door speaks with it.
                let (cut, mut serving) = (self.rng.u64(..30), self.serving.take());
                let killing = async {
                    tokio::time::sleep(Duration::from_millis(cut)).await;
                    serving.take();
                };
                let turn = self.sites[door].session.turn(Duration::ZERO);
                let _ = tokio::join!(turn, killing);
                self.serve();
            }
            10 => match self.server {
                Some(server) => server.kill(),
                None => {
                    self.serving.take();
                    self.serve();
                }
            },
            _ => self.restore_or_back_up().await,
        }
    }

    async fn restore_or_back_up(&mut self) {
        let Some(backup) = self.backup.take() else {
            self.backup = Some(match self.server {
                Some(server) => server.dump(),
                None => {
                    let copy = self.folder.join(format!("copy{}.db", self.clock));
                    let store = Sqlite::open(Path::new(&self.folder.join(&self.store))).unwrap();
                    let held = store.copy(&copy).unwrap();
                    store.note_backup(held).await.unwrap();
                    copy.display().to_string()
                }
            });
            return;
        };
        self.serving.take();
        match self.server {
            Some(server) => server.restore(&backup),
            None => {
                let path = self.folder.join(&self.store);
                for end in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{end}", path.display()));
                }
                std::fs::copy(&backup, &path).unwrap();
            }
        }
        self.serve();
    }

    async fn heal(&mut self) {
        let mut quiet = 0;
        for _ in 0..MAX_HEALING_TURNS {
            let mut moved = false;
            for door in 0..DOORS {
                let before = self.sites[door].session.door().list().position();
                let mut told = None;
                for _ in 0..200 {
                    told = self.turn(door, None).await;
                    if told.is_some() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    // A hub that starts while its store is down ends, and systemd starts it anew.
                    let serving = self.serving.as_mut();
                    if serving.is_none_or(|serving| serving.0.try_wait().unwrap().is_some()) {
                        self.serve();
                    }
                }
                let told = told.expect("the hub does not come back");
                let after = self.sites[door].session.door().list().position();
                moved |= before != after || !told.is_empty();
            }
            quiet = if moved { 0 } else { quiet + 1 };
            if quiet == 2 {
                return;
            }
        }
        panic!("the doors do not come to rest");
    }

    async fn check(&self, store: &impl Store) {
        let mut client =
            Client::new(&self.sites[0].keys.hub, &self.sites[0].keys.identity()).unwrap();
        let root = self.sites[0].keys.root().unwrap();
        let hub = fetch(&mut client, root).await.unwrap();
        let rows = self.sites[0].session.kept().rows(None).unwrap();
        for site in &self.sites {
            assert_eq!(site.session.door().list(), &hub);
            assert_eq!(site.session.kept().rows(None).unwrap(), rows);
            assert!(site.session.door().shut().is_empty());
            assert!(site.session.door().changes().is_empty());
            let id = site.keys.id().unwrap();
            let held: BTreeMap<RowId, _> = store.held().await.unwrap().into_iter().collect();
            let Some(held) = held.get(&id) else {
                assert!(site.events.is_empty());
                continue;
            };
            let events = store.events(id, held.life, 0).await.unwrap();
            let bodies: Vec<Vec<u8>> = events.into_iter().map(|(_, body)| body).collect();
            assert_eq!(bodies, site.events);
        }
    }
}

async fn round<S: Store>(
    seed: u64,
    store: String,
    server: Option<&Server>,
    open: impl AsyncFn(&Path) -> S,
) {
    // Shown where it fails.
    println!("DOORWARD_FLEET_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let (founder, hub): (FounderKeys, HubKeys) = found(&format!("127.0.0.1:{port}")).unwrap();
    let keys = serde_json::to_string(&hub).unwrap();
    std::fs::write(folder.path().join("hub.json"), keys).unwrap();
    let mut round = Round {
        folder: folder.path(),
        store,
        server,
        port,
        serving: None,
        sites: Vec::new(),
        rng: Rng::with_seed(seed),
        clock: 0,
        backup: None,
    };
    round.serve();
    let mut client = Client::new(&founder.door.hub, &founder.door.identity()).unwrap();
    for door in 0..DOORS {
        let mut list = fetch(&mut client, hub.root().unwrap()).await;
        for _ in 0..400 {
            if list.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            list = fetch(&mut client, hub.root().unwrap()).await;
        }
        let name = format!("door{door}");
        let (keys, put) = founder.invite(&list.unwrap(), &name, Right::Enrol).unwrap();
        client.put(put).await.unwrap();
        let file = folder.path().join(format!("{name}.db"));
        let session = Session::open(&keys, &file).unwrap();
        round.sites.push(Site {
            keys,
            file,
            session,
            events: Vec::new(),
        });
    }
    for _ in 0..STEPS {
        round.step().await;
    }
    round.heal().await;
    round.check(&open(folder.path()).await).await;
}

#[tokio::test]
async fn nothing_is_lost_with_sqlite() {
    for seed in seeds() {
        round(seed, "hub.db".into(), None, async |folder| {
            Sqlite::open(&folder.join("hub.db")).unwrap()
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_lost_with_postgresql() {
    let Some(server) = Server::start() else {
        return;
    };
    for seed in seeds() {
        let url = server.url();
        round(seed, url.clone(), Some(&server), async |_| {
            Postgres::open(&url).await.unwrap()
        })
        .await;
        server.restore("DROP SCHEMA doorward CASCADE;");
    }
}
