//! A disk that takes no more.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::fleet::put::Put;
use crate::fleet::row::Mark;

const SITE: RowId = RowId([9; 16]);

struct Hub {
    root: Signer,
    list: List,
    commit: Option<Commit>,
    rows: BTreeMap<RowId, Row>,
}

impl Hub {
    fn new() -> Self {
        let root = Signer::root(&[1; 32]);
        Self {
            list: List::new(Root(root.public())),
            root,
            commit: None,
            rows: BTreeMap::new(),
        }
    }

    fn put(&mut self, changes: &[Change]) {
        let mark = Mark([self.rows.len() as u8; 16]);
        let put = Put::sign(&self.list, changes, mark, 0, &self.root).unwrap();
        self.list.follow(&put.rows, &put.commit).unwrap();
        self.commit = Some(put.commit);
        self.rows
            .extend(put.rows.into_iter().map(|row| (row.id, row)));
    }

    /// What it says to a door, as a page and the commit that ends it.
    fn since(&self, position: Position) -> [Answer; 2] {
        let mut rows: Vec<Row> = self.rows.values().cloned().collect();
        rows.retain(|row| row.revision > position.revision);
        rows.sort_by_key(|row| row.revision);
        let commit = self.commit.clone().unwrap();
        [Answer::Page(rows, commit.position), Answer::Commit(commit)]
    }
}

fn person(at: u8, standing: Standing, bytes: usize) -> Change {
    Change {
        id: RowId([at; 16]),
        kind: Kind::Person,
        standing,
        body: vec![at; bytes],
    }
}

fn pages(kept: &Kept, sql: &str) -> i64 {
    let pages = kept.connection.query_row(sql, [], |row| row.get(0));
    pages.unwrap()
}

#[test]
fn what_the_disk_does_not_take_is_not_believed_and_whoever_it_shuts_stays_out() {
    for full_at in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.db");
        let mut kept = Kept::open(&path).unwrap();
        let mut hub = Hub::new();
        let root = *hub.list.root();
        let mut door = kept.door(root, None).unwrap();
        let all = |standing, bytes| -> Vec<Change> {
            (1..40).map(|at| person(at, standing, bytes)).collect()
        };
        hub.put(&all(Standing::Enabled, 10));
        for answer in hub.since(door.asks()) {
            kept.take(&mut door, answer).unwrap();
        }
        assert!(door.is_enabled(SITE));
        hub.put(&all(Standing::Disabled, 2_000));

        // Full at any place of what it has to write.
        let has = pages(&kept, "PRAGMA page_count");
        pages(&kept, &format!("PRAGMA max_page_count = {}", has + full_at));
        let answers = hub.since(door.asks());
        let taken = answers.map(|answer| kept.take(&mut door, answer).is_ok());
        assert!(!door.is_enabled(SITE), "{full_at}");
        let on_disk = kept.door(root, None).unwrap();
        assert_eq!(door.list(), on_disk.list(), "{full_at}");
        assert!(!taken[0] || full_at > 0);

        pages(&kept, "PRAGMA max_page_count = 100000");
        for answer in hub.since(door.asks()) {
            kept.take(&mut door, answer).unwrap();
        }
        assert_eq!(door.list(), &hub.list);
        drop(kept);
        let kept = Kept::open(&path).unwrap();
        let mut rows: Vec<Row> = hub.rows.values().cloned().collect();
        rows.sort_by_key(|row| row.revision);
        assert_eq!(kept.rows(None).unwrap(), rows);
        let door = kept.door(root, None).unwrap();
        assert!(!door.is_enabled(SITE));
    }
}
