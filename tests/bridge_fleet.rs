//! Whole doors in a fleet, each with its daemon and its bridge, and a hub: events are at the hub,
//! each once and in order, whatever happens to the hub and the bridge meanwhile; the list is what
//! each daemon verified itself.
#![cfg(all(feature = "bridge", feature = "fleet"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward::fleet::store::{Sqlite, Store as _};
use doorward::fleet::{
    Client, DoorKeys, Errand, FounderKeys, Gateway, HubKeys, Life, Limits, Right, RowId, fetch,
    found,
};
use doorward::ipc::{self, Ask, FleetErrand, FleetTaken};
use doorward::record::{DenialReason, Event, FleetAct, FleetFault, Kind};
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

/// A hub that serves, and whoever founded the fleet.
struct Hub {
    runtime: Runtime,
    store: Sqlite,
    keys: HubKeys,
    founder: FounderKeys,
    address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

impl Hub {
    fn new(folder: &std::path::Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let (mut founder, keys) = found("127.0.0.1:7443").unwrap();
        let store = Sqlite::open(&folder.join("hub.db")).unwrap();
        runtime
            .block_on(store.put(keys.founding().unwrap()))
            .unwrap();
        let (address, serving) = serve(&runtime, &store, &keys, "127.0.0.1:0".parse().unwrap());
        founder.door.hub = address.to_string();
        Self {
            runtime,
            store,
            keys,
            founder,
            address,
            serving: Some(serving),
        }
    }

    fn invite(&self, name: &str) -> DoorKeys {
        self.runtime.block_on(async {
            let door = &self.founder.door;
            let mut client = Client::new(&door.hub, &door.identity()).unwrap();
            let list = fetch(&mut client, self.keys.root().unwrap()).await.unwrap();
            let (keys, put) = self.founder.invite(&list, name, Right::Enrol).unwrap();
            client.put(put).await.unwrap();
            keys
        })
    }

    fn stop(&mut self) {
        let serving = self.serving.take().unwrap();
        serving.abort();
        let _ = self.runtime.block_on(serving);
    }

    fn start(&mut self) {
        let (_, serving) = serve(&self.runtime, &self.store, &self.keys, self.address);
        self.serving = Some(serving);
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// A door of a fleet, before its daemon is started.
fn door(hub: &Hub, name: &str) -> (Site, DoorKeys) {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.clock", "\"trusted\"")
        .set("daemon.door", format!("{name:?}"));
    let file = site.at("door.json");
    let site = site.set("fleet.keys", format!("{:?}", file.display().to_string()));
    let keys = hub.invite(name);
    join(&site, &keys);
    (site, keys)
}

/// As `doorward fleet join` leaves it, and the bridge switched on.
fn join(site: &Site, keys: &DoorKeys) {
    let (list, link) = keys.split();
    let write = |name: &str, text: String| {
        std::fs::write(site.at(name), text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(site.at(name), mode).unwrap();
    };
    write("door.json", serde_json::to_string(&list).unwrap());
    write("link.json", serde_json::to_string(&link).unwrap());
    let folder = site.at("told");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "[bridge]\nfolder = \"{}\"\n[fleet]\nlink = \"{}\"\n",
        folder.display(),
        site.at("link.json").display()
    );
    std::fs::write(site.at("bridge.toml"), text).unwrap();
}

/// How the door stands in its fleet.
fn standing(site: &Site) -> Value {
    let output = site.run(&["fleet", "status", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
}

/// Until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it never came to it: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
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
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Hub::new(folder.path());
    let (site, keys) = door(&hub, "front");
    let site = site.frames(NOBODY, 3);
    let _daemon = site.start();
    site.await_events(Kind::Started, 1);
    let door = keys.id().unwrap();

    let told = bridge(&site);
    let first = unlock(&site);
    await_number(&hub.runtime, &hub.store, door, first);

    // The hub is away: the door goes on, and so does the bridge, also when it is killed.
    hub.stop();
    let second = unlock(&site);
    assert!(second > first);
    told.signal(Signal::KILL);
    drop(told);
    let _told = bridge(&site);
    let third = unlock(&site);
    hub.start();
    let numbers = await_number(&hub.runtime, &hub.store, door, third);
    assert!(
        [first, second, third]
            .iter()
            .all(|number| numbers.contains(number))
    );
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

/// What was brought to the daemon instead of a hub's answer.
fn bring(site: &Site, answer: impl Fn(Vec<u8>) -> Vec<u8>) -> Result<FleetTaken, String> {
    let mut daemon = ipc::Client::connect(&site.config()).unwrap().unwrap();
    let errand: FleetErrand = daemon.ask(Ask::FleetAsk {}, PATIENCE).unwrap();
    let body = STANDARD.decode(errand.body).unwrap();
    let take = Ask::FleetTake {
        errand: errand.errand,
        piece: STANDARD.encode(answer(body)),
        ends: true,
    };
    daemon
        .ask(take, PATIENCE)
        .map_err(|error| error.to_string())
}

fn noticed(site: &Site) -> Vec<FleetFault> {
    let events = site.events();
    let reasons = events.iter().filter_map(|(_, event)| match event {
        Event::FleetNoticed(noticed) => Some(noticed.reason),
        _ => None,
    });
    reasons.collect()
}

#[test]
fn a_daemon_verifies_the_list_itself_and_a_lying_bridge_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(folder.path());
    let (site, _) = door(&hub, "front");
    let site = site.frames(NOBODY, 3);
    let _daemon = site.start();
    site.await_events(Kind::Started, 1);
    assert_eq!(standing(&site)["revision"], 0);
    {
        let _bridge = bridge(&site);
        until("the list is here", || standing(&site)["revision"] == 2);
    }
    hub.invite("back");
    let client = || {
        let door = &hub.founder.door;
        Client::new(&door.hub, &door.identity()).unwrap()
    };
    let answer = |body: Vec<u8>| {
        let carried = async {
            let mut client = client();
            client.carry(Errand::List(Duration::ZERO), body).await
        };
        hub.runtime.block_on(carried).unwrap()
    };

    // Bytes that are none, one that was changed, and a message that was cut.
    bring(&site, |_| b"nonsense".to_vec()).unwrap_err();
    let changed = |body| {
        let mut answer = answer(body);
        let place = answer.len() / 3;
        answer[place] ^= 1;
        answer
    };
    let _ = bring(&site, changed);
    let cut = |body| {
        let mut answer = answer(body);
        answer.truncate(answer.len() - 40);
        answer
    };
    bring(&site, cut).unwrap_err();
    // A list from before, as if it were the newest, and another founder's.
    let other = tempfile::tempdir().unwrap();
    let foreign = Hub::new(other.path());
    foreign.invite("front");
    let theirs = foreign.runtime.block_on(async {
        let door = &foreign.founder.door;
        let mut client = Client::new(&door.hub, &door.identity()).unwrap();
        let since = doorward::fleet::wire::Frame::Since {
            position: doorward::fleet::Position::START,
            wait_s: 0,
        };
        let body = doorward::fleet::wire::message(&[since]);
        client
            .carry(Errand::List(Duration::ZERO), body)
            .await
            .unwrap()
    });
    bring(&site, |_| theirs.clone()).unwrap();
    let now = standing(&site);
    assert_eq!(
        (&now["revision"], &now["rows"]),
        (&2.into(), &2.into()),
        "{now}"
    );
    until("it is on record", || {
        let reasons = noticed(&site);
        reasons.contains(&FleetFault::NotUnderstood) && reasons.contains(&FleetFault::Refused)
    });
    // The right answer still counts, and an answer to another errand does not.
    let taken = bring(&site, answer).unwrap();
    assert_eq!(taken.revision, 3);
    let mut daemon = ipc::Client::connect(&site.config()).unwrap().unwrap();
    let old = Ask::FleetTake {
        errand: 1,
        piece: String::new(),
        ends: true,
    };
    assert!(daemon.ask::<FleetTaken>(old, PATIENCE).is_err());
}

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const WALL: &str = "scenes-free/brick.jpg";

fn runs(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Who is listed at a door, and who of them is let in.
fn listed(site: &Site) -> Vec<(String, bool)> {
    let people: Value = serde_json::from_str(&runs(site, &["people", "list", "--json"])).unwrap();
    let people = people["people"].as_array().unwrap().iter();
    people
        .map(|person| {
            let name = person["name"].as_str().unwrap().to_owned();
            (name, person["enabled"].as_bool().unwrap())
        })
        .collect()
}

fn is_listed(site: &Site, name: &str, is_enabled: bool) -> bool {
    listed(site).contains(&(name.to_owned(), is_enabled))
}

/// What the fleet's list changed at a door.
fn changes(site: &Site) -> Vec<(FleetAct, String)> {
    let events = site.events().into_iter();
    let changes = events.filter_map(|(_, event)| match event {
        Event::FleetChanged(changed) => Some((changed.act, changed.signer)),
        _ => None,
    });
    changes.collect()
}

#[test]
fn who_is_enrolled_at_one_door_passes_at_the_other_until_somebody_is_shut_out_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut hub = Hub::new(folder.path());
    let (front, _) = door(&hub, "front");
    let (back, _) = door(&hub, "back");
    // Who was listed before the door joined stays its own.
    let front = front
        .set("camera.replay.pace", "\"real-time\"")
        .set("camera.replay.fps", 1)
        .enrolled("Grace Hopper", &[NOBODY])
        .frames(WALL, 3);
    let back = back.frames(WALL, 3);
    let _front = front.start();
    let back_daemon = back.start();
    front.await_events(Kind::Started, 1);
    back.await_events(Kind::Started, 1);
    let _front_bridge = bridge(&front);
    let back_bridge = bridge(&back);
    until("both have the list", || {
        standing(&front)["revision"] == 3 && standing(&back)["revision"] == 3
    });

    let photos = OBAMA.map(support::site::photo_path);
    let [one, other] = photos.each_ref().map(|photo| photo.to_str().unwrap());
    runs(&front, &["enroll", "Barack Obama", one, other]);
    until("the other door lists him", || {
        is_listed(&back, "Barack Obama", true)
    });
    assert_eq!(listed(&back).len(), 1, "{:?}", listed(&back));
    assert_eq!(changes(&back), [(FleetAct::Listed, "front".to_owned())]);
    back.show(PROBE);
    until("he is let in", || back.count(Kind::Granted) == 1);
    back.show(WALL);

    // The hub is gone: the door goes on with what it has.
    hub.stop();
    assert!(is_listed(&back, "Barack Obama", true));
    // Shut out at the door he is at, at once, and at the other when there is a hub again.
    runs(&back, &["people", "disable", "Barack Obama"]);
    assert!(is_listed(&back, "Barack Obama", false));
    assert!(is_listed(&front, "Barack Obama", true));
    hub.start();
    until("the other door shuts him out", || {
        is_listed(&front, "Barack Obama", false)
    });
    assert_eq!(changes(&front), [(FleetAct::Disabled, "fleet".to_owned())]);

    // A daemon that was away hears of it, and what was changed meanwhile does not come back.
    drop(back_daemon);
    drop(back_bridge);
    runs(&front, &["people", "rename", "Barack Obama", "B. H. Obama"]);
    runs(&front, &["people", "enable", "B. H. Obama"]);
    let _back = back.start();
    let _back_bridge = bridge(&back);
    until("the other door lets him in again", || {
        is_listed(&back, "B. H. Obama", true)
    });
    runs(&front, &["people", "erase", "B. H. Obama", "--yes"]);
    until("the other door forgets him", || listed(&back).is_empty());
    until("that is on record", || back.count(Kind::Erased) == 1);
    assert_eq!(listed(&front), [("Grace Hopper".to_owned(), true)]);
    until("nothing waits", || standing(&front)["waiting"] == 0);
}

#[test]
fn whoever_the_list_has_is_refused_when_the_lease_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(folder.path());
    let (site, _) = door(&hub, "front");
    let site = site.set("fleet.share", "\"all\"").frames(WALL, 3);
    let _daemon = site.start();
    site.await_events(Kind::Started, 1);
    let photos = OBAMA.map(support::site::photo_path);
    let [one, other] = photos.each_ref().map(|photo| photo.to_str().unwrap());
    runs(&site, &["enroll", "Barack Obama", one, other]);
    let grace = support::site::photo_path(NOBODY);
    let grace = grace.to_str().unwrap();
    runs(
        &site,
        &[
            "people",
            "add-guest",
            "Grace Hopper",
            grace,
            "--until",
            "8h",
        ],
    );
    until("both wait for the hub", || {
        standing(&site)["waiting"].as_u64() >= Some(4)
    });

    // No commit of another door was ever heard: nothing proves how old the list is.
    let now = standing(&site);
    assert_eq!(now["news_age_s"], Value::Null);
    assert_eq!(now["leases"][0]["who"], "guests");
    assert_eq!(now["leases"][0]["is_over"], true);
    assert_eq!(now["leases"].as_array().unwrap().len(), 1);
    let refused = || {
        let denied = |(_, event)| matches!(event, Event::Denied(denied) if denied.reason == DenialReason::LeaseOver);
        site.events().into_iter().any(denied)
    };
    site.show(NOBODY);
    until("the guest is refused", refused);
    assert_eq!(site.count(Kind::Granted), 0);
    site.show(PROBE);
    until("a resident is let in", || site.count(Kind::Granted) == 1);

    // The founder's commit comes, and with it news.
    site.show(WALL);
    let _bridge = bridge(&site);
    until("the list is here", || {
        standing(&site)["leases"][0]["is_over"] == false
    });
    site.show(NOBODY);
    until("the guest is let in", || site.count(Kind::Granted) == 2);
}
