//! A hub and doors over loopback: the list, the events, who is refused, and what nobody can do
//! to a hub.
#![cfg(feature = "fleet")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use doorward::fleet::store::{Sqlite, Store};
use doorward::fleet::{
    Answer, Change, Client, DoorCard, DoorKeys, FounderKeys, Gateway, HubKeys, Identity, Kind,
    Life, Limits, Mark, Notice, Position, Put, Right, RowId, Session, Signer, Standing, Told,
    fetch, found, wire,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

fn person(number: u8, standing: Standing) -> Change {
    let body = match standing {
        Standing::Removed => Vec::new(),
        _ => vec![number; 64],
    };
    Change {
        id: RowId([number; 16]),
        kind: Kind::Person,
        standing,
        body,
    }
}

/// A hub on loopback with a SQLite file.
struct Fleet {
    folder: TempDir,
    founder: FounderKeys,
    hub: HubKeys,
    store: Sqlite,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

async fn serve(store: &Sqlite, hub: &HubKeys, address: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let limits = Limits {
        handshakes: 4,
        events_a_day: 40,
        ..Limits::default()
    };
    let root = hub.root().unwrap();
    let gateway = Gateway::bind(store.clone(), root, &hub.identity(), address, limits).await;
    let gateway = gateway.unwrap();
    (gateway.address().unwrap(), tokio::spawn(gateway.serve()))
}

impl Fleet {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut founder, hub) = found("127.0.0.1:7443").unwrap();
        let store = Sqlite::open(&folder.path().join("hub.db")).unwrap();
        assert!(store.put(hub.founding().unwrap()).await.unwrap());
        let (address, serving) = serve(&store, &hub, "127.0.0.1:0".parse().unwrap()).await;
        founder.door.hub = address.to_string();
        Self {
            folder,
            founder,
            hub,
            store,
            address,
            serving,
        }
    }

    fn client(keys: &DoorKeys) -> Client {
        Client::new(&keys.hub, &keys.identity()).unwrap()
    }

    async fn invite(&self, name: &str, right: Right) -> DoorKeys {
        let mut client = Self::client(&self.founder.door);
        let list = fetch(&mut client, self.hub.root().unwrap()).await.unwrap();
        let (keys, put) = self.founder.invite(&list, name, right).unwrap();
        client.put(put).await.unwrap();
        keys
    }

    async fn revoke(&self, keys: &DoorKeys) {
        let mut client = Self::client(&self.founder.door);
        let list = fetch(&mut client, self.hub.root().unwrap()).await.unwrap();
        let put = self.founder.revoke(&list, keys.id().unwrap()).unwrap();
        client.put(put).await.unwrap();
    }

    fn session(&self, keys: &DoorKeys) -> Session {
        Session::open(keys, &self.folder.path().join(format!("{}.db", keys.name))).unwrap()
    }

    async fn door(&self, name: &str, right: Right) -> (DoorKeys, Session) {
        let keys = self.invite(name, right).await;
        let session = self.session(&keys);
        (keys, session)
    }
}

async fn turn(session: &mut Session) -> Vec<Told> {
    session.turn(Duration::ZERO).await.unwrap()
}

#[tokio::test]
async fn what_is_done_at_one_door_holds_at_all() {
    let fleet = Fleet::start().await;
    let (_, mut front) = fleet.door("front", Right::Enrol).await;
    let (back_keys, mut back) = fleet.door("back", Right::Enrol).await;
    let (_, mut gate) = fleet.door("gate", Right::Disable).await;

    // Enrolled at one, opens the others.
    for number in 1..=3 {
        front.change(person(number, Standing::Enabled)).unwrap();
    }
    assert_eq!(turn(&mut front).await, []);
    for door in [&mut back, &mut gate] {
        assert_eq!(turn(door).await, []);
        assert!(door.door().is_enabled(RowId([2; 16])));
    }
    assert_eq!(turn(&mut front).await, []);
    assert_eq!(front.door().list(), back.door().list());
    assert_eq!(
        back.kept().rows(None).unwrap(),
        front.kept().rows(None).unwrap()
    );

    // Disabled at one, while it has no network: at once there, and everywhere at healing.
    gate.change(person(1, Standing::Disabled)).unwrap();
    assert!(!gate.door().is_enabled(RowId([1; 16])));
    // Meanwhile somebody else, who knows nothing of it, changes the same person.
    front.change(person(1, Standing::Enabled)).unwrap();
    turn(&mut gate).await;
    let told = turn(&mut front).await;
    assert_eq!(told, [Told::Notice(Notice::Overruled(RowId([1; 16])))]);
    for door in [&mut front, &mut back, &mut gate] {
        turn(door).await;
        assert!(!door.door().is_enabled(RowId([1; 16])));
    }

    // A door that may only disable enrols nobody.
    gate.change(person(9, Standing::Enabled)).unwrap();
    let told = turn(&mut gate).await;
    assert!(
        matches!(told[..], [Told::Notice(Notice::NotAllowed(..))]),
        "{told:?}"
    );
    assert!(gate.door().list().get(RowId([9; 16])).is_none());

    // A door that was switched off has what it had, and hears the rest.
    drop(back);
    front.change(person(2, Standing::Removed)).unwrap();
    turn(&mut front).await;
    let mut back = fleet.session(&back_keys);
    assert!(
        back.door().is_enabled(RowId([2; 16])),
        "what was kept is there at once"
    );
    turn(&mut back).await;
    turn(&mut front).await;
    assert!(!back.door().is_enabled(RowId([2; 16])) && back.door().is_enabled(RowId([3; 16])));
    assert_eq!(front.door().list(), back.door().list());
}

#[tokio::test]
async fn a_waiting_door_hears_of_a_change_and_a_revoked_one_is_cut_off() {
    let fleet = Fleet::start().await;
    let (_, mut front) = fleet.door("front", Right::Enrol).await;
    let (thief_keys, mut thief) = fleet.door("thief", Right::Enrol).await;
    turn(&mut front).await;
    turn(&mut thief).await;
    let waiting = tokio::spawn(async move {
        let told = thief.turn(Duration::from_secs(50)).await;
        (thief, told)
    });
    tokio::task::yield_now().await;
    front.change(person(1, Standing::Enabled)).unwrap();
    turn(&mut front).await;
    let (mut thief, told) = waiting.await.unwrap();
    assert_eq!(told.unwrap(), []);
    assert!(thief.door().is_enabled(RowId([1; 16])));

    let waiting = tokio::spawn(async move {
        let told = thief.turn(Duration::from_secs(50)).await;
        (thief, told)
    });
    tokio::task::yield_now().await;
    fleet.revoke(&thief_keys).await;
    let (mut thief, told) = waiting.await.unwrap();
    assert!(told.is_err(), "a revoked door was served: {told:?}");
    // Nothing it does from now on counts, and nobody tells it anything.
    thief.change(person(2, Standing::Enabled)).unwrap();
    let refused = thief.turn(Duration::ZERO).await.unwrap_err().to_string();
    assert!(
        refused.contains("403") || refused.contains("connection"),
        "{refused}"
    );
    turn(&mut front).await;
    assert!(front.door().list().get(RowId([2; 16])).is_none());
    // What it signed before stays.
    assert!(front.door().is_enabled(RowId([1; 16])));
    let held = fleet.store.held().await.unwrap();
    assert!(
        held.iter()
            .all(|(door, held)| *door != thief_keys.id().unwrap() || held.last == 0)
    );
}

#[tokio::test]
async fn a_hub_from_an_old_backup_is_noticed_and_forgets_nobody_who_was_disabled() {
    let fleet = Fleet::start().await;
    let (_, mut front) = fleet.door("front", Right::Enrol).await;
    for number in 1..=3 {
        front.change(person(number, Standing::Enabled)).unwrap();
    }
    for body in [&b"one"[..], b"two"] {
        assert!(front.event(body).unwrap());
    }
    turn(&mut front).await;
    turn(&mut front).await;
    let copy = fleet.folder.path().join("copy.db");
    let held = fleet.store.copy(&copy).unwrap();
    fleet.store.note_backup(held).await.unwrap();

    front.change(person(1, Standing::Disabled)).unwrap();
    front.change(person(4, Standing::Enabled)).unwrap();
    assert!(front.event(b"three").unwrap());
    turn(&mut front).await;
    turn(&mut front).await;
    assert_eq!((front.outbox().taken(), front.outbox().backed_up()), (3, 2));

    fleet.serving.abort();
    let _ = fleet.serving.await;
    let from = rusqlite::Connection::open(&copy).unwrap();
    let mut to = rusqlite::Connection::open(fleet.folder.path().join("hub.db")).unwrap();
    rusqlite::backup::Backup::new(&from, &mut to)
        .unwrap()
        .run_to_completion(1_000, Duration::ZERO, None)
        .unwrap();
    let (_, serving) = serve(&fleet.store, &fleet.hub, fleet.address).await;

    let told = turn(&mut front).await;
    assert!(
        matches!(
            told[..],
            [
                Told::Notice(Notice::Restored(_)),
                Told::Notice(Notice::Lost(1))
            ]
        ),
        "{told:?}"
    );
    assert!(!front.door().is_enabled(RowId([1; 16])));
    turn(&mut front).await;
    turn(&mut front).await;
    let door = front.door();
    assert!(
        !door.is_enabled(RowId([1; 16]))
            && door.is_enabled(RowId([2; 16]))
            && door.shut().is_empty()
    );
    let hub = door.list().get(RowId([1; 16])).unwrap();
    assert_eq!(
        hub.standing,
        Standing::Disabled,
        "the hub was not told again"
    );
    let held = fleet.store.held().await.unwrap();
    let (id, _) = held[0];
    let events = fleet.store.events(id, Life(1), 0).await.unwrap();
    let bodies: Vec<&[u8]> = events.iter().map(|(_, body)| &body[..]).collect();
    assert_eq!(bodies, [&b"one"[..], b"two", b"three"]);
    serving.abort();
}

#[tokio::test]
async fn what_a_stolen_key_signs_past_its_right_is_refused() {
    let fleet = Fleet::start().await;
    let front = fleet.invite("front", Right::Enrol).await;
    let gate = fleet.invite("gate", Right::Disable).await;
    let mut session = fleet.session(&front);
    session.change(person(1, Standing::Enabled)).unwrap();
    turn(&mut session).await;
    turn(&mut session).await;
    let root = fleet.hub.root().unwrap();
    let own = fleet.invite("thief", Right::Enrol).await;
    let list = fetch(&mut Fleet::client(&own), root).await.unwrap();
    let (card, _) = fleet
        .founder
        .invite(&list, "another", Right::Enrol)
        .unwrap();
    let mark = |number| Mark([number; 16]);
    let door = |kind, body: Vec<u8>| Change {
        id: RowId([77; 16]),
        kind,
        standing: Standing::Enabled,
        body,
    };
    let a_card = DoorCard {
        name: "another".into(),
        right: Right::Enrol,
        key: card.signer().unwrap().public(),
        certificate: [1; 32],
    };
    let revocation = door(Kind::Revocation, front.id().unwrap().0.to_vec());
    let enrolled = person(2, Standing::Enabled);
    let (own_signer, gate_signer) = (own.signer().unwrap(), gate.signer().unwrap());
    let nobody = Signer::new(RowId([88; 16]), &[5; 32]);
    let as_front = Signer::new(front.id().unwrap(), &[5; 32]);
    for (what, change, signer) in [
        (
            "a door of its own",
            door(Kind::Door, a_card.encode()),
            &own_signer,
        ),
        ("another door's end", revocation, &own_signer),
        (
            "somebody, where it may only disable",
            enrolled.clone(),
            &gate_signer,
        ),
        ("somebody, as nobody", enrolled.clone(), &nobody),
        (
            "somebody, in another door's name",
            enrolled.clone(),
            &as_front,
        ),
    ] {
        let put = Put::sign(&list, &[change], mark(1), 0, signer).unwrap();
        let answer = Fleet::client(&own).put(put).await.unwrap();
        assert_eq!(answer, Answer::Refused, "{what}");
    }
    // Rows that were signed for elsewhere: an old one again, one with another body.
    let kept = session.kept().rows(None).unwrap();
    let row = kept.iter().find(|row| row.id == RowId([1; 16])).unwrap();
    for change in ["again", "elsewhere"] {
        let mut put = Put::sign(
            &list,
            std::slice::from_ref(&enrolled),
            mark(2),
            0,
            &own_signer,
        )
        .unwrap();
        let revision = put.rows[0].revision;
        put.rows[0] = row.clone();
        if change == "elsewhere" {
            put.rows[0].revision = revision;
        }
        let answer = Fleet::client(&own).put(put).await.unwrap();
        assert_eq!(answer, Answer::Refused, "{change}");
    }
    let mut client = Fleet::client(&own);
    assert_eq!(
        fetch(&mut client, root).await.unwrap(),
        list,
        "something was taken"
    );
    // And what it may is taken.
    let put = Put::sign(&list, &[enrolled], mark(3), 0, &own_signer).unwrap();
    assert_eq!(client.put(put).await.unwrap(), Answer::Stored);
}

/// A TLS connection by whatever certificate, and what the hub says to bytes.
async fn raw(
    address: SocketAddr,
    identity: Option<&Identity>,
    from: &str,
    bytes: &[u8],
) -> std::io::Result<String> {
    let authority = identity.map(|identity| identity.authority.clone());
    let mut roots = rustls::RootCertStore::empty();
    if let Some(authority) = &authority {
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity.filter(|identity| !identity.key.is_empty()) {
        Some(identity) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("{from}:0").parse().unwrap())?;
    let stream = socket.connect(address).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = connector.connect(name, stream).await?;
    stream.write_all(bytes).await?;
    let mut said = Vec::new();
    // The hub may end it without a word of TLS.
    let read = stream.read_to_end(&mut said).await;
    if said.is_empty() {
        read?;
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_certificate_that_is_not_a_doors_gets_nothing() {
    let fleet = Fleet::start().await;
    let keys = fleet.invite("front", Right::Enrol).await;
    let since = wire::Frame::Since {
        position: Position::START,
        wait_s: 0,
    };
    let ask = post("/list", &wire::message(&[since]));
    let served = raw(fleet.address, Some(&keys.identity()), "127.0.0.1", &ask)
        .await
        .unwrap();
    assert!(served.starts_with("HTTP/1.1 200"), "{served}");

    // No certificate; one of another fleet; one that was made and never entered.
    let mut without = keys.identity();
    without.key.clear();
    let (other, _) = found("127.0.0.1:7443").unwrap();
    let mut foreign = other.door.identity();
    foreign.authority = keys.identity().authority;
    for identity in [without, foreign] {
        let said = raw(fleet.address, Some(&identity), "127.0.0.1", &ask).await;
        assert!(
            said.as_ref().is_err() || said.as_ref().is_ok_and(String::is_empty),
            "{said:?}"
        );
    }
    let mut client = Fleet::client(&fleet.founder.door);
    let list = fetch(&mut client, fleet.hub.root().unwrap()).await.unwrap();
    let (never, _) = fleet.founder.invite(&list, "never", Right::Enrol).unwrap();
    let said = raw(fleet.address, Some(&never.identity()), "127.0.0.1", &ask)
        .await
        .unwrap();
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
    assert!(!said.contains("front"));
}

#[tokio::test]
async fn every_abuse_has_its_answer_and_the_hub_goes_on() {
    let fleet = Fleet::start().await;
    let keys = fleet.invite("front", Right::Enrol).await;
    let identity = keys.identity();
    let since = |revision: u64| {
        let mut message = wire::message(&[wire::Frame::Since {
            position: Position::START,
            wait_s: 0,
        }]);
        message[4 + 17..4 + 25].copy_from_slice(&revision.to_be_bytes());
        message
    };
    let event = |number, body: Vec<u8>| wire::Frame::Event { number, body };
    let events = |first, bodies: Vec<wire::Frame>| {
        let head = wire::Frame::Events {
            life: Life(1),
            first,
        };
        wire::message(&[vec![head], bodies].concat())
    };
    let cut = &since(0)[..20];
    let long = format!("GET /{} HTTP/1.1\r\nhost: hub\r\n\r\n", "x".repeat(60_000));
    let chunked = b"POST /list HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let both = b"POST /list HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let huge = b"POST /events HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: 99999999999\r\n\r\n";
    let too_many = (1..=41).map(|number| event(number, vec![1])).collect();
    for (what, bytes, expected) in [
        (
            "a negative revision",
            post("/list", &since(u64::MAX)),
            "400",
        ),
        ("a revision of 2^63", post("/list", &since(1 << 63)), "400"),
        ("half a frame", post("/list", cut), "400"),
        ("no frame at all", post("/put", b"hello"), "400"),
        (
            "events with a gap",
            post(
                "/events",
                &events(1, vec![event(1, vec![1]), event(3, vec![1])]),
            ),
            "400",
        ),
        (
            "a commit without one",
            post("/put", &events(1, vec![])),
            "400",
        ),
        ("a path of 60 kB", long.into_bytes(), "4"),
        ("a body in chunks", chunked.to_vec(), "411"),
        ("two lengths", both.to_vec(), "4"),
        ("a body of 100 GB", huge.to_vec(), "413"),
        (
            "a list that is larger than it may be",
            post("/list", &vec![0; 5_000]),
            "413",
        ),
        (
            "another method",
            b"GET /list HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n".to_vec(),
            "405",
        ),
        ("another path", post("/etc/passwd", b""), "404"),
        (
            "more events than a day has",
            post("/events", &events(1, too_many)),
            "200",
        ),
    ] {
        let said = raw(fleet.address, Some(&identity), "127.0.0.1", &bytes)
            .await
            .unwrap();
        assert!(
            said.starts_with(&format!("HTTP/1.1 {expected}")),
            "{what}: {said}"
        );
    }
    assert_eq!(fleet.store.held().await.unwrap(), [], "an event was taken");

    // Handshakes that are begun and not finished keep out their own address alone.
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.push(TcpStream::connect(fleet.address).await.unwrap());
    }
    let ask = post("/list", &since(0));
    let mut elsewhere = String::new();
    for _ in 0..50 {
        // They are counted a moment after they are connected.
        elsewhere = raw(fleet.address, Some(&identity), "127.0.0.2", &ask)
            .await
            .unwrap();
        if raw(fleet.address, Some(&identity), "127.0.0.1", &ask)
            .await
            .is_err()
        {
            break;
        }
    }
    assert!(elsewhere.starts_with("HTTP/1.1 200"), "{elsewhere}");
    assert!(
        raw(fleet.address, Some(&identity), "127.0.0.1", &ask)
            .await
            .is_err()
    );
    drop(begun);
    let mut session = fleet.session(&keys);
    for _ in 0..100 {
        if session.turn(Duration::ZERO).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the hub does not come back");
}

/// `doorward fleet serve`, until it is dropped.
struct Hub(Child);

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn doorward(folder: &Path, line: &str) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(said));
    (output.status.code().unwrap(), value)
}

#[test]
fn a_fleet_is_founded_joined_and_left_by_commands() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // A port that nobody has now.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let run = |line: &str| doorward(at, line);
    assert_eq!(
        run(&format!("fleet init --hub 127.0.0.1:{port} --json")).0,
        0
    );
    // Nothing is written over.
    let (code, said) = run(&format!("fleet init --hub 127.0.0.1:{port}"));
    assert_eq!(code, 3, "{said}");
    assert!(said.to_string().contains("founder.json"), "{said}");
    let hub_keys = std::fs::read_to_string(at.join("hub.json")).unwrap();
    let founder: Value =
        serde_json::from_str(&std::fs::read_to_string(at.join("founder.json")).unwrap()).unwrap();
    for secret in [
        &founder["root"],
        &founder["authority_key"],
        &founder["door"]["seal"],
        &founder["door"]["signing"],
    ] {
        assert!(
            !hub_keys.contains(secret.as_str().unwrap().trim()),
            "the hub has a key that it must not have"
        );
    }
    let (code, said) = run("fleet status --founder founder.json");
    assert_eq!(code, 3, "{said}");
    assert!(
        said.to_string().contains(&format!("127.0.0.1:{port}")),
        "{said}"
    );

    let serve = format!("fleet serve --listen 127.0.0.1:{port}");
    let child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .current_dir(at)
        .args(serve.split_whitespace())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _hub = Hub(child);
    for _ in 0..600 {
        if run("fleet status --founder founder.json").0 != 3 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let (code, invited) = run("fleet invite front front.fleet --json");
    assert_eq!(code, 0, "{invited}");
    assert_eq!(
        run("fleet invite front again.fleet").0,
        3,
        "a name was given twice"
    );
    assert!(!at.join("again.fleet").exists());
    std::fs::write(at.join("wrong"), "AAAAA-AAAAA-AAAAA-AAAAA\n").unwrap();
    assert_eq!(run("fleet join front.fleet --code-file wrong").0, 3);
    let code = invited["code"].as_str().unwrap().to_lowercase();
    std::fs::write(at.join("code"), code + "\n").unwrap();
    let (code, joined) = run("fleet join front.fleet --code-file code --json");
    assert_eq!(code, 0, "{joined}");
    assert!(
        !at.join("front.fleet").exists(),
        "the invitation is still there"
    );
    // The bridge's file has nothing of the list's, and the daemon's nothing of the network's.
    let keys = |name: &str| -> Value {
        let file = std::fs::metadata(at.join(name)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
        serde_json::from_str(&std::fs::read_to_string(at.join(name)).unwrap()).unwrap()
    };
    let (list, link) = (keys("door.json"), keys("link.json"));
    for (file, without) in [
        (&link, ["signing", "seal"]),
        (&list, ["key", "certificate"]),
    ] {
        for key in without {
            assert!(file.get(key).is_none(), "{key} is where it must not be");
        }
    }
    let (code, synced) = run("fleet sync --json");
    assert_eq!((code, &synced["rows"]), (0, &Value::from(2)), "{synced}");
    let (code, status) = run("fleet status --founder founder.json --json");
    assert_eq!(code, 0, "{status}");
    assert_eq!(run("fleet backup copy.db --json").0, 0);
    assert_eq!(
        run("fleet backup copy.db").0,
        3,
        "a backup was written over"
    );
    let (code, verified) = run("fleet verify --json");
    let told = verified["doors"][0]["told"].to_string();
    assert_eq!(code, 1, "{verified}");
    assert!(told.contains("nothing was ever heard"), "{told}");
    let (code, revoked) = run("fleet revoke front --json");
    assert_eq!(code, 0, "{revoked}");
    assert_eq!(
        run("fleet verify").0,
        0,
        "a door that left has to say nothing"
    );
    let (code, said) = run("fleet sync");
    assert_eq!(code, 3, "{said}");
    assert!(said.to_string().contains("belongs to no door"), "{said}");
}
