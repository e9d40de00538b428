//! What many doors cost a hub, and many people a door. Hub and doors share this machine's
//! processors and loopback; each figure is the best of some turns, with the worst beside it.
//!
//!     cargo bench --bench fleet                     all of it, with SQLite
//!     cargo bench --bench fleet -- postgres crowd   one part, with PostgreSQL
//!
//! Parts: `door`, `revoked`, `syncs`, `events`, `crowd`, `slow`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod doors;
mod hub;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use doorward::fleet::store::{Postgres, Sqlite};
use doorward::fleet::wire::{Frame, message};
use doorward::fleet::{FounderKeys, HubKeys, Life, Position, Put, found};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use doors::{Door, Fleet, Line};
use hub::Hub;
use support::postgres::Server;

const PEOPLE: usize = 50_000;
const REVOKED: usize = 100;
const TURNS: usize = 5;
/// Open files: one a connection, at either end.
const FILES: u64 = 12_000;

/// A hub with a fleet in its store.
struct Site {
    folder: tempfile::TempDir,
    store: String,
    hub: Hub,
    fleet: Fleet,
    founder: FounderKeys,
}

impl Site {
    async fn new(server: Option<&Server>, doors: usize, people: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], support::free_port()));
        let (founder, keys): (FounderKeys, HubKeys) = found(&address.to_string()).unwrap();
        let text = serde_json::to_string(&keys).unwrap();
        std::fs::write(folder.path().join("hub.json"), text).unwrap();
        let (store, fleet) = match server {
            None => {
                let path = folder.path().join("hub.db");
                let store = Sqlite::open(&path).unwrap();
                let fleet = Fleet::fill(&store, &founder, &keys, address, doors, people).await;
                (path.display().to_string(), fleet)
            }
            Some(server) => {
                let url = server.url();
                server.restore("DROP SCHEMA IF EXISTS doorward CASCADE;");
                let store = Postgres::open(&url).await.unwrap();
                let fleet = Fleet::fill(&store, &founder, &keys, address, doors, people).await;
                (url, fleet)
            }
        };
        let hub = Hub::serve(folder.path(), &store, address);
        Self {
            folder,
            store,
            hub,
            fleet,
            founder,
        }
    }

    /// A door has the hub store a commit.
    async fn put(line: &mut Line, put: Put) {
        let rows = put.rows.into_iter().map(Frame::Row);
        let frames: Vec<Frame> = rows.chain([Frame::Commit(put.commit)]).collect();
        line.ask("/put", &message(&frames)).await.unwrap();
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn mb(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}

fn best_and_worst(times: &[f64]) -> String {
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = times.iter().copied().fold(0.0, f64::max);
    format!(
        "{best:.0} ms at best, {worst:.0} ms at worst of {}",
        times.len()
    )
}

/// A whole door, the program itself: everything is verified and stored.
async fn door(server: Option<&Server>) {
    let site = Site::new(server, 1, PEOPLE).await;
    let mut client =
        doorward::fleet::Client::new(&site.founder.door.hub, &site.founder.door.identity())
            .unwrap();
    let (keys, put) = site
        .founder
        .invite(&site.fleet.list, "door", doorward::fleet::Right::Enrol)
        .unwrap();
    client.put(put).await.unwrap();
    let text = serde_json::to_string(&keys).unwrap();
    std::fs::write(site.folder.path().join("door.json"), text).unwrap();
    for turn in 0..TURNS {
        let state = format!("door{turn}.db");
        for what in ["first", "again"] {
            let begun = Instant::now();
            let child = Command::new(env!("CARGO_BIN_EXE_doorward"))
                .current_dir(site.folder.path())
                .args(["fleet", "sync", "--state", &state])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let used = waited(child);
            println!(
                "a door with {PEOPLE} people, {what}: {:.2} s processor, {:.1} MB, {:.2} s",
                used.0,
                mb(used.1),
                begun.elapsed().as_secs_f64()
            );
        }
    }
}

/// Seconds of the processor, and the most memory in kilobytes, of a process that ended.
fn waited(child: std::process::Child) -> (f64, u64) {
    let mut status = 0;
    // SAFETY: plain data, which wait4 fills.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: a child of this process, and places for what is known of it.
    let pid = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert!(pid > 0 && status == 0, "the door ended with {status}");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (
        seconds(usage.ru_utime) + seconds(usage.ru_stime),
        usage.ru_maxrss as u64,
    )
}

/// Doors that wait for news, each telling when it has some.
struct Crowd {
    news: mpsc::UnboundedReceiver<Instant>,
    back: Arc<AtomicUsize>,
    doors: JoinSet<()>,
}

impl Crowd {
    fn gather(doors: &[Arc<Door>], position: Position) -> Self {
        let (tell, news) = mpsc::unbounded_channel();
        let back = Arc::new(AtomicUsize::new(0));
        let mut all = JoinSet::new();
        for door in doors {
            let (door, tell, back) = (door.clone(), tell.clone(), back.clone());
            all.spawn(async move {
                let mut position = position;
                loop {
                    let mut line = door.back(position).await;
                    back.fetch_add(1, Ordering::Relaxed);
                    while let Ok(told) = line.list(position, 55).await {
                        if told.rows > 0 {
                            let _ = tell.send(Instant::now());
                        }
                        position = told.position;
                    }
                    back.fetch_sub(1, Ordering::Relaxed);
                }
            });
        }
        Self {
            news,
            back,
            doors: all,
        }
    }

    async fn all(&self, count: usize) {
        while self.back.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How long after `since` the last of so many heard.
    async fn last(&mut self, since: Instant, count: usize) -> f64 {
        let mut last = since;
        for _ in 0..count {
            last = last.max(self.news.recv().await.unwrap());
        }
        ms(last - since)
    }
}

async fn revoked(site: &mut Site, crowd: &mut Crowd, count: usize) {
    let speaker = site.fleet.doors[0].clone();
    let mut times = Vec::new();
    for _ in 0..TURNS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut line = speaker.back(site.fleet.list.position()).await;
        let put = site.fleet.disable(REVOKED);
        let since = Instant::now();
        Site::put(&mut line, put).await;
        times.push(crowd.last(since, count).await);
    }
    println!(
        "{REVOKED} revoked, the last of {count} waiting doors has it: {}",
        best_and_worst(&times)
    );
}

async fn waiting(server: Option<&Server>, count: usize) {
    let mut site = Site::new(server, count + 1, 1_000).await;
    let before = site.hub.memory();
    let position = site.fleet.list.position();
    let begun = Instant::now();
    let mut crowd = Crowd::gather(&site.fleet.doors[1..], position);
    crowd.all(count).await;
    println!(
        "{count} doors came in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let with = site.hub.memory();
    println!(
        "{count} waiting doors: gateway {:.0} MB ({:.0} MB without), {:.1} kB a door; TCP in the kernel, both ends, {:.0} MB",
        mb(with.now),
        mb(before.now),
        (with.now - before.now) as f64 / count as f64,
        mb(with.kernel)
    );
    let (cpu, idle) = (site.hub.cpu_ms(), Duration::from_secs(10));
    tokio::time::sleep(idle).await;
    let share = (site.hub.cpu_ms() - cpu) as f64 / ms(idle) * 100.0;
    println!("{count} waiting doors: {share:.1} % of one processor while nothing happens");
    revoked(&mut site, &mut crowd, count).await;
    let mut times = Vec::new();
    for _ in 0..3 {
        site.hub.kill();
        let since = Instant::now();
        while crowd.back.load(Ordering::Relaxed) > count / 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let address = site.hub.address;
        site.hub = Hub::serve(site.folder.path(), &site.store, address);
        crowd.all(count).await;
        times.push(ms(since.elapsed()));
    }
    println!(
        "the gateway killed, all {count} doors back: {}; its peak then {:.0} MB",
        best_and_worst(&times),
        mb(site.hub.memory().peak)
    );
    crowd.doors.abort_all();
}

async fn syncs(server: Option<&Server>) {
    const COUNT: usize = 50;
    let site = Site::new(server, COUNT, PEOPLE).await;
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let mut all = JoinSet::new();
        let mut lines = Vec::new();
        for door in &site.fleet.doors {
            lines.push(door.open().await.unwrap());
        }
        site.hub.forget_peak();
        let begun = Instant::now();
        for mut line in lines {
            all.spawn(async move { line.sync(Position::START).await.unwrap() });
        }
        let mut bytes = 0;
        while let Some(synced) = all.join_next().await {
            let (more, rows) = synced.unwrap();
            assert!(rows >= PEOPLE, "{rows}");
            bytes += more;
        }
        times.push(ms(begun.elapsed()));
        println!(
            "{COUNT} first syncs of {PEOPLE} people at once: {:.0} ms, {:.0} MB each, peak of the gateway {:.0} MB",
            times.last().unwrap(),
            bytes as f64 / COUNT as f64 / 1e6,
            mb(site.hub.memory().peak)
        );
    }
    println!("{COUNT} first syncs at once: {}", best_and_worst(&times));
}

async fn events(server: Option<&Server>) {
    const COUNT: usize = 500;
    const EACH: u64 = 50;
    let site = Site::new(server, COUNT, 0).await;
    let mut lines = Vec::new();
    for door in &site.fleet.doors {
        lines.push(door.open().await.unwrap());
    }
    let mut times = Vec::new();
    for turn in 0..TURNS as u64 {
        let first = turn * EACH + 1;
        let mut frames = vec![Frame::Events {
            life: Life(1),
            first,
        }];
        frames.extend((first..first + EACH).map(|number| Frame::Event {
            number,
            body: vec![b'x'; 200],
        }));
        let push: Arc<Vec<u8>> = Arc::new(message(&frames));
        let begun = Instant::now();
        let mut all = JoinSet::new();
        let mut doors = site.fleet.doors.iter().cloned();
        for mut line in lines.drain(..) {
            let (push, door) = (push.clone(), doors.next().unwrap());
            all.spawn(async move {
                // A connection that waited for its turn too long was ended.
                while line.ask("/events", &push).await.is_err() {
                    line = door.back(Position::START).await;
                }
                line
            });
        }
        while let Some(line) = all.join_next().await {
            lines.push(line.unwrap());
        }
        times.push(ms(begun.elapsed()));
    }
    println!(
        "{COUNT} doors x {EACH} events drained: {}; gateway {:.0} MB",
        best_and_worst(&times),
        mb(site.hub.memory().now)
    );
}

/// Peers that take nothing, and handshakes that nobody ends.
async fn slow(server: Option<&Server>) {
    const READERS: usize = 200;
    const HALF_OPEN: usize = 2_000;
    let site = Site::new(server, READERS + 2, PEOPLE).await;
    let quick = site.fleet.doors[READERS + 1].clone();
    let (before, files) = (site.hub.memory(), site.hub.files());
    let mut readers = Vec::new();
    for door in &site.fleet.doors[..READERS] {
        let mut line = door.open().await.unwrap();
        let since = message(&[Frame::Since {
            position: Position::START,
            wait_s: 0,
        }]);
        for _ in 0..20 {
            line.request("/list", &since).await.unwrap();
        }
        readers.push(line);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let with = site.hub.memory();
    println!(
        "{READERS} readers that take nothing: gateway {:.0} MB (before {:.0}), TCP in the kernel {:.0} MB (before {:.0})",
        mb(with.now),
        mb(before.now),
        mb(with.kernel),
        mb(before.kernel)
    );
    let begun = Instant::now();
    while site.hub.files() > files && begun.elapsed().as_secs() < 60 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "they were ended within {:.0} s, but for {}",
        begun.elapsed().as_secs_f64() + 2.0,
        site.hub.files() - files
    );
    drop(readers);
    let stranger = site.fleet.doors[0].clone();
    let mut half = Vec::new();
    for _ in 0..HALF_OPEN {
        half.push(stranger.tcp().await.unwrap());
    }
    let begun = Instant::now();
    let line = quick.open().await;
    println!(
        "{HALF_OPEN} handshakes of one address that nobody ends: gateway {:.0} MB; a door of another address is in after {:.0} ms: {}",
        mb(site.hub.memory().now),
        ms(begun.elapsed()),
        if line.is_ok() { "yes" } else { "no" }
    );
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|one| one == word);
    let parts = ["door", "revoked", "syncs", "events", "crowd", "slow"];
    let all = !parts.iter().any(|part| has(part));
    let server = has("postgres").then(|| Server::start().expect("PostgreSQL is not here"));
    let server = server.as_ref();
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    assert!(limit.current >= Some(FILES), "ulimit -n {FILES} is needed");
    println!(
        "store: {}",
        if server.is_some() {
            "PostgreSQL"
        } else {
            "SQLite"
        }
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if all || has("door") {
            door(server).await;
        }
        if all || has("revoked") {
            waiting(server, 500).await;
        }
        if all || has("syncs") {
            syncs(server).await;
        }
        if all || has("events") {
            events(server).await;
        }
        if all || has("crowd") {
            waiting(server, 10_000).await;
        }
        if all || has("slow") {
            slow(server).await;
        }
    });
}
