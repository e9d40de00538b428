//! What a hub's owner learns of the doors' records from what the hub has.
#![cfg(feature = "fleet")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use doorward::fleet::store::{Push, Sqlite, Store as _};
use doorward::fleet::{Life, List, Pushed, Right, RowId, found};
use serde_json::{Value, json};

struct Hub {
    folder: tempfile::TempDir,
    store: Sqlite,
    pushed: Vec<u64>,
    doors: Vec<RowId>,
}

impl Hub {
    /// With two doors.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("hub.db")).unwrap();
        let (founder, keys) = found("127.0.0.1:7443").unwrap();
        let text = serde_json::to_string(&keys).unwrap();
        std::fs::write(folder.path().join("hub.json"), text).unwrap();
        let mut list = List::new(keys.root().unwrap());
        let founding = keys.founding().unwrap();
        list.follow(&founding.rows, &founding.commit).unwrap();
        store.put(founding).await.unwrap();
        let mut doors = Vec::new();
        for name in ["front", "back"] {
            let (door, put) = founder.invite(&list, name, Right::Enrol).unwrap();
            list.follow(&put.rows, &put.commit).unwrap();
            store.put(put).await.unwrap();
            doors.push(door.id().unwrap());
        }
        Self {
            folder,
            store,
            pushed: vec![0; doors.len()],
            doors,
        }
    }

    /// A door tells a record.
    async fn tell(&mut self, door: usize, number: u64, hash: &str, at_ms: i64) {
        let body = json!({ "id": format!("door:{number}"), "event": "granted", "number": number, "hash": hash, "at_ms": at_ms });
        let push = Push {
            door: self.doors[door],
            life: Life(1),
            first: self.pushed[door] + 1,
            bodies: vec![body.to_string().into_bytes()],
            day: 1,
            quota: 100,
        };
        self.pushed[door] += 1;
        let pushed = self.store.push(push).await.unwrap();
        assert!(matches!(pushed, Pushed::Taken { .. }), "{pushed:?}");
    }

    /// The exit code, and what is said of a door.
    fn verified(&self, door: &str) -> (i32, Value) {
        let (code, json) = verify(self.folder.path(), &[]);
        let mut doors = json["doors"].as_array().unwrap().iter();
        let found = doors.find(|one| one["door"] == door).unwrap();
        (code, found.clone())
    }
}

fn verify(folder: &Path, more: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .current_dir(folder)
        .args(["fleet", "verify", "--json"])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(said));
    (output.status.code().unwrap(), json)
}

#[tokio::test]
async fn a_door_that_rewrote_its_past_left_something_out_or_fell_silent_is_named() {
    let mut hub = Hub::new().await;
    let now = jiff::Timestamp::now().as_millisecond();
    for number in 10..14 {
        hub.tell(0, number, &format!("a{number}"), now).await;
    }
    let (code, back) = hub.verified("back");
    assert_eq!(code, 1);
    assert!(
        back["told"].to_string().contains("nothing was ever heard"),
        "{back}"
    );
    hub.tell(1, 1, "b1", now - 30 * 3_600_000).await;
    let (code, back) = hub.verified("back");
    assert_eq!(code, 1);
    assert!(back["told"].to_string().contains("30 hours"), "{back}");
    assert_eq!(verify(hub.folder.path(), &["--silent", "31"]).0, 0);

    // What comes twice is still one record.
    hub.tell(1, 2, "b2", now).await;
    hub.tell(0, 12, "a12", now).await;
    hub.tell(0, 13, "a13", now).await;
    let (code, front) = hub.verified("front");
    assert_eq!(code, 0, "{front}");
    assert_eq!(
        (&front["record"], &front["hash"]),
        (&json!(13), &json!("a13"))
    );

    hub.tell(1, 5, "b5", now).await;
    let (code, back) = hub.verified("back");
    assert_eq!(code, 1);
    assert!(
        back["told"].to_string().contains("records 3 to 4"),
        "{back}"
    );

    // Put back to an older state: told anew, with another past from 12 on.
    for (number, hash) in [(10, "a10"), (11, "a11"), (12, "c12"), (13, "c13")] {
        hub.tell(0, number, hash, now).await;
    }
    let (code, front) = hub.verified("front");
    assert_eq!(code, 1);
    let told = front["told"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{front}");
    assert!(
        told[0]
            .as_str()
            .unwrap()
            .starts_with("record 12 came with another hash")
    );
    assert_eq!(front["hash"], "c13");
}
