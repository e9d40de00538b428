//! One suite for whatever a hub keeps its list in: SQLite, and a real PostgreSQL.
#![cfg(all(feature = "fleet", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use doorward::fleet::store::{Page, Postgres, Push, Sqlite, Store};
use doorward::fleet::{
    Answer, Change, Door, DoorCard, Effect, Held, Kind, Life, List, Mark, Position, Pushed, Put,
    Revision, Right, Root, RowId, Signer, Standing, wire,
};
use support::postgres::Server;

const MEMBER: RowId = RowId([1; 16]);

fn root() -> Signer {
    Signer::root(&[1; 32])
}

fn member() -> Signer {
    Signer::new(MEMBER, &[2; 32])
}

fn empty() -> List {
    List::new(Root(root().public()))
}

fn person(number: u16, standing: Standing) -> Change {
    let mut id = [200; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    let body = match standing {
        Standing::Removed => Vec::new(),
        _ => vec![number as u8; 40],
    };
    Change {
        id: RowId(id),
        kind: Kind::Person,
        standing,
        body,
    }
}

/// A store, and the list as whoever writes to it has it.
struct Hub<S> {
    store: S,
    list: List,
    marks: u8,
}

impl<S: Store> Hub<S> {
    async fn founded(store: S) -> Self {
        let mut hub = Self {
            store,
            list: empty(),
            marks: 0,
        };
        let card = DoorCard {
            name: "front".into(),
            right: Right::Enrol,
            key: member().public(),
            certificate: [3; 32],
        };
        let door = Change {
            id: MEMBER,
            kind: Kind::Door,
            standing: Standing::Enabled,
            body: card.encode(),
        };
        assert!(hub.put(&[door], &root()).await);
        hub
    }

    async fn put(&mut self, changes: &[Change], signer: &Signer) -> bool {
        self.marks += 1;
        let put = Put::sign(&self.list, changes, Mark([self.marks; 16]), 0, signer).unwrap();
        self.list.follow(&put.rows, &put.commit).unwrap();
        self.store.put(put).await.unwrap()
    }

    /// A door that asks until there is nothing more; how often the hub had another history.
    async fn sync(&self, door: &mut Door) -> usize {
        let mut differed = 0;
        loop {
            let page = self.store.page(door.asks()).await.unwrap();
            let answers = match page {
                Page::Differs => {
                    differed += 1;
                    vec![Answer::Differs]
                }
                Page::Rows {
                    mut frames,
                    rows,
                    position,
                    end,
                } => {
                    wire::Frame::End.encode(&mut frames);
                    let frames = wire::frames(&frames).unwrap();
                    assert_eq!(frames.len(), rows);
                    let rows = frames.into_iter().map(|frame| match frame {
                        wire::Frame::Row(row) => row,
                        other => panic!("{other:?} among rows"),
                    });
                    let page = Answer::Page(rows.collect(), position);
                    [Some(page), end.map(Answer::Commit)]
                        .into_iter()
                        .flatten()
                        .collect()
                }
            };
            let mut is_at_end = false;
            for answer in answers {
                is_at_end |= matches!(answer, Answer::Commit(_));
                for effect in door.take(answer) {
                    if let Effect::Tell(notice) = effect {
                        assert!(differed > 0, "{notice}");
                    }
                }
            }
            if is_at_end {
                return differed;
            }
        }
    }

    async fn push(&self, life: u32, first: u64, bodies: &[&[u8]], quota: u64) -> Pushed {
        let push = Push {
            door: MEMBER,
            life: Life(life),
            first,
            bodies: bodies.iter().map(|body| body.to_vec()).collect(),
            day: 20_000,
            quota,
        };
        self.store.push(push).await.unwrap()
    }
}

fn taken(life: u32, last: u64, backed_up: u64) -> Pushed {
    Pushed::Taken {
        life: Life(life),
        last,
        backed_up,
    }
}

async fn conforms(store: impl Store, again: impl AsyncFn() -> Box<dyn FnOnce() + Send>) {
    assert_eq!(store.head().await.unwrap(), None);
    let nothing = Page::Rows {
        frames: Vec::new(),
        rows: 0,
        position: Position::START,
        end: None,
    };
    assert_eq!(store.page(Position::START).await.unwrap(), nothing);
    let mut hub = Hub::founded(store).await;

    // More rows than a page has, changed, disabled and removed.
    let people: Vec<Change> = (0..1_200).map(|n| person(n, Standing::Enabled)).collect();
    assert!(hub.put(&people, &member()).await);
    let gone = [person(3, Standing::Removed), person(4, Standing::Disabled)];
    assert!(hub.put(&gone, &member()).await);
    let mut door = Door::new(empty(), None);
    assert_eq!(hub.sync(&mut door).await, 0);
    assert_eq!(door.list(), &hub.list);
    assert!(
        door.is_enabled(people[5].id)
            && !door.is_enabled(people[3].id)
            && !door.is_enabled(people[4].id)
    );

    // From where it is, only what is new; the same person twice in a commit.
    let twice = [person(5, Standing::Disabled), person(5, Standing::Enabled)];
    assert!(hub.put(&twice, &member()).await);
    let Page::Rows { rows, .. } = hub.store.page(door.asks()).await.unwrap() else {
        panic!("the hub does not know its own position");
    };
    assert_eq!(rows, 1);
    assert_eq!(hub.sync(&mut door).await, 0);
    assert_eq!(door.list(), &hub.list);

    // A commit that follows another one than the newest is late, and changes nothing.
    let late = Put::sign(
        &empty(),
        &[person(9, Standing::Removed)],
        Mark([99; 16]),
        0,
        &member(),
    );
    let head = hub.store.head().await.unwrap();
    assert!(!hub.store.put(late.unwrap()).await.unwrap());
    assert_eq!(hub.store.head().await.unwrap(), head);

    // Positions of another history: another mark, a revision that was never reached.
    for (revision, mark) in [(1_201, 77), (1_000_000, 3), (1, 0)] {
        let position = Position {
            revision: Revision(revision),
            mark: Mark([mark; 16]),
        };
        assert_eq!(hub.store.page(position).await.unwrap(), Page::Differs);
    }

    // Events: in order, repeated, with a gap, another body, a new life, the day's quota.
    assert_eq!(hub.push(1, 1, &[b"a", b"b"], 10).await, taken(1, 2, 0));
    assert_eq!(
        hub.push(1, 1, &[b"a", b"b", b"c"], 10).await,
        taken(1, 3, 0)
    );
    assert_eq!(
        hub.push(1, 5, &[b"e"], 10).await,
        Pushed::Expected { number: 4 }
    );
    assert_eq!(
        hub.push(1, 2, &[b"b", b"x"], 10).await,
        Pushed::OtherBody { number: 3 }
    );
    assert_eq!(hub.push(1, 4, &[b"d", b"e"], 4).await, Pushed::Enough);
    hub.store
        .note_backup(hub.store.held().await.unwrap())
        .await
        .unwrap();
    assert_eq!(hub.push(1, 4, &[b"d"], 4).await, taken(1, 4, 3));
    assert_eq!(
        hub.push(3, 1, &[b"a"], 10).await,
        Pushed::OtherLife { life: Life(1) }
    );
    assert_eq!(hub.push(2, 1, &[b"z"], 10).await, taken(2, 1, 0));
    assert_eq!(
        hub.push(1, 5, &[b"e"], 10).await,
        Pushed::OtherLife { life: Life(2) }
    );
    let events = hub.store.events(MEMBER, Life(1), 1).await.unwrap();
    let expected: Vec<(u64, Vec<u8>)> =
        vec![(2, b"b".to_vec()), (3, b"c".to_vec()), (4, b"d".to_vec())];
    assert_eq!(events, expected);
    let held = |life, last, backed_up| {
        let life = Life(life);
        (
            MEMBER,
            Held {
                life,
                last,
                backed_up,
            },
        )
    };
    assert_eq!(
        hub.store.held().await.unwrap(),
        [held(1, 4, 3), held(2, 1, 0)]
    );

    // An older state comes back: the door notices, and has everything the hub has afterwards.
    let restore = again().await;
    assert!(hub.put(&[person(6, Standing::Removed)], &member()).await);
    hub.sync(&mut door).await;
    // Elsewhere, so that this runtime's connections go on meanwhile.
    tokio::task::spawn_blocking(restore).await.unwrap();
    let other = Mark([200; 16]);
    let before = hub.store.head().await.unwrap().unwrap();
    hub.list = empty();
    let mut admin = Door::new(empty(), Some(member()));
    hub.sync(&mut admin).await;
    assert_eq!(admin.list().position(), before.position);
    admin.change(person(7, Standing::Removed));
    let (put, _) = admin.put(other, 0);
    assert!(hub.store.put(put.unwrap()).await.unwrap());
    assert_eq!(hub.sync(&mut door).await, 1);
    hub.sync(&mut admin).await;
    assert_eq!(door.list(), admin.list());
    assert!(
        !door.is_enabled(people[6].id),
        "the hub forgot that this person was removed; the door has not"
    );
}

#[tokio::test]
async fn sqlite_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let store = Sqlite::open(&path).unwrap();
    let (live, copy) = (store.clone(), folder.path().join("copy.db"));
    conforms(store, async || {
        live.copy(&copy).unwrap();
        let (copy, path) = (copy.clone(), path.clone());
        Box::new(move || back(&copy, &path)) as Box<dyn FnOnce() + Send>
    })
    .await;
}

/// Puts a copy's rows into a database that is open, as SQLite's own backup does.
fn back(copy: &Path, path: &Path) {
    let from = rusqlite::Connection::open(copy).unwrap();
    let mut to = rusqlite::Connection::open(path).unwrap();
    let backup = rusqlite::backup::Backup::new(&from, &mut to).unwrap();
    backup
        .run_to_completion(1_000, std::time::Duration::ZERO, None)
        .unwrap();
}

#[tokio::test]
async fn postgresql_is_a_store() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = Postgres::open(&server.url()).await.unwrap();
    conforms(store, async || {
        let dump = server.dump();
        let server = server.clone();
        Box::new(move || server.restore(&dump)) as Box<dyn FnOnce() + Send>
    })
    .await;
}

#[tokio::test]
async fn a_server_elsewhere_is_refused() {
    for url in [
        "host=192.0.2.1 user=x",
        "postgresql://x@db.example/y",
        "user=x",
    ] {
        let refused = Postgres::open(url).await.err().expect(url).to_string();
        assert!(refused.contains("on this machine"), "{url}: {refused}");
    }
}
