//! Doors and a hub that are cut, killed and restored while they work, whose disks are full and
//! whose clocks are a year wrong, by a seed; with both stores. `DOORWARD_FLEET_ROUNDS` says how many
//! rounds, `DOORWARD_FLEET_SEED` repeats one. Disks are filled where this is root, and clocks are
//! wrong where libfaketime is (Debian: faketime).
#![cfg(all(feature = "fleet", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
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

/// Of a disk that can be full, in kilobytes: the hub's store, or a door's.
const DISK_KB: u64 = 12 * 1024;
const POSTGRES_DISK_KB: u64 = 192 * 1024;
/// What a clock may be off by, in days.
const CLOCKS: [&str; 3] = ["-365d", "+0d", "+365d"];

/// A small disk; an ordinary folder where this is not root.
struct Disk {
    folder: tempfile::TempDir,
    is_mounted: bool,
}

impl Disk {
    fn new(prefix: &str, kilobytes: u64) -> Self {
        // A socket's path has 107 bytes at most.
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "none"]);
        let mounted = mount.arg(folder.path()).stderr(Stdio::null()).status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        Self { folder, is_mounted }
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    fn fill(&self) {
        if !self.is_mounted {
            return;
        }
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.ballast());
        let Ok(mut file) = file else {
            return;
        };
        for size in [1 << 20, 1 << 12, 1] {
            while file.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
        }
    }

    fn free(&self) {
        let _ = std::fs::remove_file(self.ballast());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // Whatever still has a file there keeps it until it ends.
            let _ = Command::new("umount")
                .arg("-l")
                .arg(self.folder.path())
                .status();
        }
    }
}

/// Has a program see another time than there is.
fn with_clock(command: &mut Command, days: &str) {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let library = folders
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|library| library.exists());
    if let Some(library) = library {
        command.env("LD_PRELOAD", library).env("FAKETIME", days);
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.env("DONT_FAKE_MONOTONIC", "1");
    }
}

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
    name: String,
    disk: Disk,
    /// None while its disk is too full to begin.
    session: Option<Session>,
    /// What this door wrote, in order.
    events: Vec<Vec<u8>>,
}

struct Round<'a> {
    folder: &'a Path,
    store: String,
    server: Option<&'a Server>,
    /// The store's.
    disk: &'a Disk,
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

impl Site {
    fn file(&self) -> PathBuf {
        self.disk.folder.path().join(format!("{}.db", self.name))
    }

    /// A door that was killed: nothing but its disk is left.
    fn reopen(&mut self) {
        drop(self.session.take());
        match Session::open(&self.keys, &self.file()) {
            Ok(session) => {
                assert_eq!(session.outbox().last(), self.events.len() as u64);
                self.session = Some(session);
            }
            Err(error) => assert!(self.disk.ballast().exists(), "{error}"),
        }
    }

    /// A turn that is cut after some milliseconds, as a network cuts it, or not at all.
    async fn turn(&mut self, cut: Option<u64>) -> Option<Vec<Told>> {
        if self.session.is_none() {
            self.reopen();
        }
        let turn = self.session.as_mut()?.turn(Duration::ZERO);
        let limit = Duration::from_millis(cut.unwrap_or(20_000));
        tokio::time::timeout(limit, turn).await.ok()?.ok()
    }

    /// The same by a process of its own, with a clock of its own, that is killed with what it has
    /// in hand.
    async fn killed(&mut self, folder: &Path, clock: &str, after: u64) {
        drop(self.session.take());
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command
            .current_dir(folder)
            .args(["fleet", "sync", "--keys", &format!("{}.json", self.name)])
            .arg("--state")
            .arg(self.file());
        with_clock(&mut command, clock);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let syncing = Serving(command.spawn().unwrap());
        tokio::time::sleep(Duration::from_millis(after)).await;
        drop(syncing);
        self.reopen();
    }
}

impl Round<'_> {
    fn serve(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command
            .current_dir(self.folder)
            .args([
                "fleet",
                "serve",
                "--listen",
                &format!("127.0.0.1:{}", self.port),
            ])
            .args(["--store", &self.store])
            .stderr(Stdio::null());
        with_clock(&mut command, self.rng.choice(CLOCKS).unwrap());
        self.serving = Some(Serving(command.spawn().unwrap()));
    }

    fn change(&mut self, door: usize) {
        let id = RowId([100 + self.rng.u8(..PEOPLE); 16]);
        let standing = self.rng.choice(Standing::ALL).unwrap();
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
        let site = &mut self.sites[door];
        let is_full = site.disk.ballast().exists();
        if let Some(session) = &mut site.session {
            let kept = session.change(change);
            assert!(kept.is_ok() || is_full);
            // At once, whatever the disk says.
            assert!(!standing.is_shut() || !session.door().is_enabled(id));
        }
    }

    fn event(&mut self, door: usize) {
        let body = format!("event {} of door {door}", self.clock).into_bytes();
        let site = &mut self.sites[door];
        let is_full = site.disk.ballast().exists();
        let Some(session) = &mut site.session else {
            return;
        };
        match session.event(&body) {
            Ok(taken) => {
                assert!(taken);
                site.events.push(body);
            }
            Err(error) => assert!(is_full, "{error}"),
        }
    }

    async fn step(&mut self) {
        self.clock += 1;
        let door = self.rng.usize(..DOORS);
        match self.rng.u8(..15) {
            0..4 => self.change(door),
            4 | 5 => self.event(door),
            6 | 7 => drop(self.sites[door].turn(None).await),
            8 => {
                let cut = self.rng.u64(..30);
                self.sites[door].turn(Some(cut)).await;
                self.sites[door].reopen();
            }
            9 => {
                // The hub dies while a door speaks with it.
                let (cut, mut serving) = (self.rng.u64(..30), self.serving.take());
                let killing = async {
                    tokio::time::sleep(Duration::from_millis(cut)).await;
                    serving.take();
                };
                let _ = tokio::join!(self.sites[door].turn(None), killing);
                self.serve();
            }
            10 => match self.server.cloned() {
                Some(server) => {
                    // Its store dies in the middle of a commit.
                    self.change(door);
                    let cut = self.rng.u64(..40);
                    let killing = tokio::task::spawn_blocking(move || {
                        std::thread::sleep(Duration::from_millis(cut));
                        server.kill();
                    });
                    let (_, killed) = tokio::join!(self.sites[door].turn(None), killing);
                    killed.unwrap();
                }
                None => {
                    self.serving.take();
                    self.serve();
                }
            },
            11 => {
                let clock = self.rng.choice(CLOCKS).unwrap();
                let after = self.rng.u64(..400);
                self.sites[door].killed(self.folder, clock, after).await;
            }
            12 => self.full_store(door).await,
            13 => match self.sites[door].disk.ballast().exists() {
                true => self.sites[door].disk.free(),
                false => self.sites[door].disk.fill(),
            },
            _ => self.restore_or_back_up().await,
        }
    }

    /// The hub's disk is full while doors speak with it.
    async fn full_store(&mut self, door: usize) {
        self.disk.fill();
        for _ in 0..3 {
            self.change(door);
            self.event(door);
            self.sites[door].turn(Some(2_000)).await;
        }
        self.disk.free();
        if let Some(server) = &self.server {
            // It may have ended.
            server.kill();
        }
    }

    async fn restore_or_back_up(&mut self) {
        let Some(backup) = self.backup.take() else {
            self.backup = Some(match self.server {
                Some(server) => server.dump(),
                None => {
                    let copy = self.folder.join(format!("copy{}.db", self.clock));
                    let store = Sqlite::open(Path::new(&self.store)).unwrap();
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
                let path = Path::new(&self.store);
                for end in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{end}", path.display()));
                }
                std::fs::copy(&backup, path).unwrap();
            }
        }
        self.serve();
    }

    async fn heal(&mut self) {
        for site in &mut self.sites {
            site.disk.free();
            if site.session.is_none() {
                site.reopen();
            }
        }
        let mut quiet = 0;
        for _ in 0..MAX_HEALING_TURNS {
            let mut moved = false;
            for door in 0..DOORS {
                let position = |site: &Site| {
                    let session = site.session.as_ref().unwrap();
                    session.door().list().position()
                };
                let before = position(&self.sites[door]);
                let mut told = None;
                for _ in 0..200 {
                    told = self.sites[door].turn(None).await;
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
                moved |= before != position(&self.sites[door]) || !told.is_empty();
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
        let mut rows = None;
        for site in &self.sites {
            let session = site.session.as_ref().unwrap();
            assert_eq!(session.door().list(), &hub);
            let kept = session.kept().rows(None).unwrap();
            assert_eq!(rows.get_or_insert_with(|| kept.clone()), &kept);
            assert!(session.door().shut().is_empty());
            assert!(session.door().changes().is_empty());
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
    disk: &Disk,
    open: impl AsyncFn() -> S,
) {
    // Shown where it fails.
    println!("DOORWARD_FLEET_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let port = support::free_port();
    let (founder, hub): (FounderKeys, HubKeys) = found(&format!("127.0.0.1:{port}")).unwrap();
    let keys = serde_json::to_string(&hub).unwrap();
    std::fs::write(folder.path().join("hub.json"), keys).unwrap();
    let mut round = Round {
        folder: folder.path(),
        store,
        server,
        disk,
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
        let text = serde_json::to_string(&keys).unwrap();
        std::fs::write(folder.path().join(format!("{name}.json")), text).unwrap();
        let mut site = Site {
            keys,
            name,
            disk: Disk::new("door", DISK_KB),
            session: None,
            events: Vec::new(),
        };
        site.reopen();
        round.sites.push(site);
    }
    for _ in 0..STEPS {
        round.step().await;
    }
    round.heal().await;
    round.check(&open().await).await;
}

#[tokio::test]
async fn nothing_is_lost_with_sqlite() {
    for seed in seeds() {
        let disk = Disk::new("hub", DISK_KB);
        let path = disk.folder.path().join("hub.db");
        round(seed, path.display().to_string(), None, &disk, async || {
            Sqlite::open(&path).unwrap()
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_lost_with_postgresql() {
    let disk = Disk::new("pg", POSTGRES_DISK_KB);
    let Some(server) = Server::start_in(disk.folder.path()) else {
        return;
    };
    for seed in seeds() {
        let url = server.url();
        round(seed, url.clone(), Some(&server), &disk, async || {
            Postgres::open(&url).await.unwrap()
        })
        .await;
        server.restore("DROP SCHEMA doorward CASCADE;");
    }
}
