//! A whole door in a fleet: its events are at the hub, each once and in order, whatever happens to
//! the hub and the bridge meanwhile, and the door needs neither.
#![cfg(all(feature = "bridge", feature = "fleet"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use doorward::fleet::store::{Sqlite, Store as _};
use doorward::fleet::{Client, Gateway, HubKeys, Life, Limits, Right, RowId, fetch, found};
use doorward::record::Kind;
use rustix::process::Signal;
use serde_json::Value;
use support::site::{Daemon, Site, said};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const NOBODY: &str = "grace-hopper/01.jpg";
/// Longer than anything takes; a hub that was away is tried again after half a minute.
const PATIENCE: Duration = Duration::from_secs(90);

fn unlock(site: &Site) -> u64 {
    let output = site.run(&["unlock", "--json"]);
    let told: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    told["event"].as_u64().unwrap()
}

fn bridge(site: &Site) -> Daemon {
    let bridge = site.spawn(&["bridge"]);
    bridge.await_said("telling: fleet");
    bridge
}

fn serve(
    runtime: &Runtime,
    store: &Sqlite,
    hub: &HubKeys,
    at: SocketAddr,
) -> (SocketAddr, JoinHandle<()>) {
    runtime.block_on(async {
        let (root, identity) = (hub.root().unwrap(), hub.identity());
        let gateway = Gateway::bind(store.clone(), root, &identity, at, Limits::default());
        let gateway = gateway.await.unwrap();
        (gateway.address().unwrap(), tokio::spawn(gateway.serve()))
    })
}

/// The numbers of the door's records that the hub has, in the order it has them.
fn numbers(runtime: &Runtime, store: &Sqlite, door: RowId) -> Vec<u64> {
    let events = runtime.block_on(store.events(door, Life(1), 0)).unwrap();
    let number = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["number"].as_u64();
    events
        .iter()
        .map(|(_, body)| number(body).unwrap())
        .collect()
}

fn await_number(runtime: &Runtime, store: &Sqlite, door: RowId, wanted: u64) -> Vec<u64> {
    let until = Instant::now() + PATIENCE;
    loop {
        let numbers = numbers(runtime, store, door);
        if numbers.last() >= Some(&wanted) {
            return numbers;
        }
        assert!(
            Instant::now() < until,
            "record {wanted} is not at the hub, only {numbers:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_doors_events_are_at_the_hub_once_and_in_order_and_the_door_needs_no_hub() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.clock", "\"trusted\"")
        .set("daemon.door", "\"front\"")
        .frames(NOBODY, 3);
    let _daemon = site.start();
    site.await_events(Kind::Started, 1);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut founder, hub) = found("127.0.0.1:7443").unwrap();
    let store = Sqlite::open(&site.at("hub.db")).unwrap();
    runtime
        .block_on(store.put(hub.founding().unwrap()))
        .unwrap();
    let (address, serving) = serve(&runtime, &store, &hub, "127.0.0.1:0".parse().unwrap());
    founder.door.hub = address.to_string();
    let keys = runtime.block_on(async {
        let mut client = Client::new(&founder.door.hub, &founder.door.identity()).unwrap();
        let list = fetch(&mut client, hub.root().unwrap()).await.unwrap();
        let (keys, put) = founder.invite(&list, "front", Right::Enrol).unwrap();
        client.put(put).await.unwrap();
        keys
    });
    let file = site.at("door.json");
    std::fs::write(&file, serde_json::to_string(&keys).unwrap()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let folder = site.at("told");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "[bridge]\nfolder = \"{}\"\n[fleet]\nkeys = \"{}\"\n",
        folder.display(),
        file.display()
    );
    std::fs::write(site.at("bridge.toml"), text).unwrap();
    let door = keys.id().unwrap();

    let told = bridge(&site);
    let first = unlock(&site);
    await_number(&runtime, &store, door, first);

    // The hub is away: the door goes on, and so does the bridge, also when it is killed.
    serving.abort();
    let second = unlock(&site);
    assert!(second > first);
    told.signal(Signal::KILL);
    drop(told);
    let _told = bridge(&site);
    let third = unlock(&site);
    let _ = runtime.block_on(serving);
    let (_, serving) = serve(&runtime, &store, &hub, address);
    let numbers = await_number(&runtime, &store, door, third);
    assert!(
        [first, second, third]
            .iter()
            .all(|number| numbers.contains(number))
    );
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    serving.abort();
}
