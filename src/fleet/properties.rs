//! Doors and a hub that is cut, killed, restored and sent the same twice, in any order.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const DOORS: usize = 3;
const PEOPLE: u8 = 4;
/// Rows in a page, so that a list takes several.
const PAGE_ROWS: usize = 2;

fn person(number: u8) -> RowId {
    RowId([100 + number; 16])
}

fn door_id(door: usize) -> RowId {
    RowId([1 + door as u8; 16])
}

fn secret(door: usize) -> [u8; 32] {
    [7 + door as u8; 32]
}

/// A hub as a store and a gateway make one together.
#[derive(Clone)]
pub(super) struct Hub {
    list: List,
    pub(super) rows: BTreeMap<RowId, Row>,
    pub(super) commits: BTreeMap<Revision, Commit>,
}

impl Hub {
    pub(super) fn founded(root: &Signer) -> Self {
        let list = List::new(Root(root.public()));
        let doors: Vec<Change> = (0..DOORS)
            .map(|door| Change {
                id: door_id(door),
                kind: Kind::Door,
                standing: Standing::Enabled,
                body: DoorCard {
                    name: format!("door{door}"),
                    right: Right::Enrol,
                    key: Signer::new(door_id(door), &secret(door)).public(),
                    certificate: [door as u8; 32],
                }
                .encode(),
            })
            .collect();
        let put = Put::sign(&list, &doors, Mark([9; 16]), 0, root).unwrap();
        let mut hub = Self {
            list,
            rows: BTreeMap::new(),
            commits: BTreeMap::new(),
        };
        assert_eq!(hub.put(&put), Answer::Stored);
        hub
    }

    fn put(&mut self, put: &Put) -> Answer {
        match self.list.follow(&put.rows, &put.commit) {
            Ok(()) => {
                self.rows
                    .extend(put.rows.iter().map(|row| (row.id, row.clone())));
                self.commits
                    .insert(put.commit.position.revision, put.commit.clone());
                Answer::Stored
            }
            Err(Refusal::Elsewhere) => Answer::Late,
            Err(_) => Answer::Refused,
        }
    }

    fn since(&self, since: Position) -> Vec<Answer> {
        let covering = |revision| {
            self.commits
                .range(revision..)
                .next()
                .map(|(_, commit)| commit)
        };
        let is_known = covering(since.revision).is_some_and(|c| c.position.mark == since.mark);
        if since != Position::START && !is_known {
            return vec![Answer::Differs];
        }
        let head = self.list.position();
        let mut rows: Vec<&Row> = self
            .rows
            .values()
            .filter(|r| r.revision > since.revision)
            .collect();
        rows.sort_by_key(|row| row.revision);
        let mut answers: Vec<Answer> = rows
            .chunks(PAGE_ROWS)
            .map(|page| {
                let revision = page.last().unwrap().revision;
                let mark = covering(revision).unwrap().position.mark;
                let page = page.iter().map(|row| (*row).clone()).collect();
                Answer::Page(page, Position { revision, mark })
            })
            .collect();
        if let Some(Answer::Page(_, position)) = answers.last_mut() {
            *position = head;
        }
        answers.push(Answer::Commit(self.commits[&head.revision].clone()));
        answers
    }
}

/// A door and its disk.
struct Site {
    door: Door,
    kept: BTreeMap<RowId, Row>,
    beside: Vec<Row>,
    position: Position,
    /// Of everybody this door heard to be disabled: when that was done.
    heard: BTreeMap<RowId, u64>,
    /// When somebody here last enabled whom.
    enabled: BTreeMap<RowId, u64>,
}

struct World {
    root: Signer,
    hub: Hub,
    backups: Vec<Hub>,
    sites: Vec<Site>,
    clock: u64,
    marks: u64,
    /// When what a signed row disables was done.
    done: BTreeMap<(RowId, [u8; 64]), u64>,
}

#[derive(Debug, Clone)]
enum Act {
    Change {
        door: usize,
        person: u8,
        standing: Standing,
    },
    /// Asks, and gets only so many of the answers.
    Sync {
        door: usize,
        answers: usize,
    },
    /// Puts what is due; the answer may be lost on its way.
    Put {
        door: usize,
        is_lost: bool,
    },
    /// What the hub said before comes once more.
    Again {
        door: usize,
        answers: usize,
    },
    Pulse {
        door: usize,
    },
    Crash {
        door: usize,
    },
    Backup,
    Restore {
        backup: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let door = 0..DOORS;
    let standing = prop::sample::select(vec![
        Standing::Enabled,
        Standing::Enabled,
        Standing::Disabled,
        Standing::Removed,
    ]);
    prop_oneof![
        4 => (door.clone(), 0..PEOPLE, standing)
            .prop_map(|(door, person, standing)| Act::Change { door, person, standing }),
        4 => (door.clone(), 0..6_usize).prop_map(|(door, answers)| Act::Sync { door, answers }),
        4 => (door.clone(), any::<bool>()).prop_map(|(door, is_lost)| Act::Put { door, is_lost }),
        1 => (door.clone(), 1..4_usize).prop_map(|(door, answers)| Act::Again { door, answers }),
        1 => door.clone().prop_map(|door| Act::Pulse { door }),
        1 => door.prop_map(|door| Act::Crash { door }),
        1 => Just(Act::Backup),
        1 => (0..4_usize).prop_map(|backup| Act::Restore { backup }),
    ]
}

fn new_door(list: List, door: usize) -> Door {
    Door::new(list, Some(Signer::new(door_id(door), &secret(door))))
}

impl World {
    fn new() -> Self {
        let root = Signer::root(&[1; 32]);
        let hub = Hub::founded(&root);
        let sites = (0..DOORS)
            .map(|door| Site {
                door: new_door(List::new(Root(root.public())), door),
                kept: BTreeMap::new(),
                beside: Vec::new(),
                position: Position::START,
                heard: BTreeMap::new(),
                enabled: BTreeMap::new(),
            })
            .collect();
        let backups = vec![hub.clone()];
        Self {
            root,
            hub,
            backups,
            sites,
            clock: 0,
            marks: 0,
            done: BTreeMap::new(),
        }
    }

    fn mark(&mut self) -> Mark {
        self.marks += 1;
        Mark(u128::from(self.marks).to_be_bytes())
    }

    fn act(&mut self, act: &Act) {
        self.clock += 1;
        match *act {
            Act::Change {
                door,
                person: number,
                standing,
            } => {
                let site = &mut self.sites[door];
                let id = person(number);
                let body = match standing {
                    Standing::Removed => Vec::new(),
                    _ => self.clock.to_be_bytes().to_vec(),
                };
                if standing.is_shut() {
                    site.heard.insert(id, self.clock);
                } else {
                    // Who enables it here has seen what this door knows.
                    site.heard.remove(&id);
                    site.enabled.insert(id, self.clock);
                }
                site.door.change(Change {
                    id,
                    kind: Kind::Person,
                    standing,
                    body,
                });
            }
            Act::Sync { door, answers } => {
                let said = self.hub.since(self.sites[door].door.asks());
                self.take(door, said.into_iter().take(answers));
            }
            Act::Again { door, answers } => {
                let said = self.hub.since(Position::START);
                self.take(door, said.into_iter().take(answers));
            }
            Act::Put { door, is_lost } => self.put(door, is_lost),
            Act::Pulse { door } => {
                let mark = self.mark();
                if let Some(put) = self.sites[door].door.pulse(mark, 0) {
                    self.hub.put(&put);
                }
            }
            Act::Crash { door } => {
                let site = &mut self.sites[door];
                let root = Root(self.root.public());
                let list = List::load(root, site.kept.values().cloned(), site.position);
                let (shut, changes) = (site.door.shut().clone(), site.door.changes().to_vec());
                site.door = new_door(list, door).with(shut, changes);
                site.beside.clear();
            }
            Act::Backup => self.backups.push(self.hub.clone()),
            Act::Restore { backup } => {
                let backup = backup % self.backups.len();
                self.hub = self.backups[backup].clone();
            }
        }
        self.nobody_heard_of_passes();
    }

    fn put(&mut self, door: usize, is_lost: bool) {
        let mark = self.mark();
        let site = &mut self.sites[door];
        let (put, _) = site.door.put(mark, 0);
        let Some(put) = put else { return };
        for row in put.rows.iter().filter(|row| row.standing.is_shut()) {
            let done = site.heard.get(&row.id).copied().unwrap_or(0);
            self.done.insert((row.id, row.signature), done);
        }
        let said = self.hub.put(&put);
        assert_ne!(said, Answer::Refused, "a hub refuses what its door signed");
        if !is_lost {
            self.take(door, [said].into_iter());
        }
    }

    fn take(&mut self, door: usize, answers: impl Iterator<Item = Answer>) {
        let site = &mut self.sites[door];
        for answer in answers {
            let shut: Vec<Row> = match &answer {
                Answer::Page(rows, _) => rows.clone(),
                _ => Vec::new(),
            };
            let asked = site.door.asks().revision;
            let effects = site.door.take(answer);
            let is_taken = matches!(effects[..], [.., Effect::Stage(_)]);
            for row in shut.iter().filter(|row| row.standing.is_shut()) {
                // Of a page that is refused, a door hears what it can believe.
                let is_new = is_taken && row.revision > asked;
                if is_new
                    || site.door.shut().contains_key(&row.id)
                        && self.done.contains_key(&(row.id, row.signature))
                {
                    let done = self.done[&(row.id, row.signature)];
                    // What was done here before somebody here enabled the person is no news.
                    let is_own = row.signer == door_id(door);
                    let enabled = site.enabled.get(&row.id).copied().unwrap_or(0);
                    if is_own && done < enabled {
                        continue;
                    }
                    let heard = site.heard.entry(row.id).or_insert(0);
                    *heard = (*heard).max(done);
                }
            }
            for effect in effects {
                match effect {
                    Effect::Stage(rows) => site.beside.extend(rows),
                    Effect::Unstage => site.beside.clear(),
                    Effect::Settle { commit, is_whole } => {
                        if is_whole {
                            site.kept.clear();
                        }
                        site.kept
                            .extend(site.beside.drain(..).map(|row| (row.id, row)));
                        site.position = commit.position;
                    }
                    Effect::Tell(_) => {}
                }
            }
        }
    }

    fn nobody_heard_of_passes(&mut self) {
        for site in &mut self.sites {
            let (door, kept) = (&site.door, &site.kept);
            site.heard.retain(|id, heard| {
                if !door.is_enabled(*id) {
                    return true;
                }
                let body = kept[id].body.as_slice().try_into().unwrap();
                let enabled = u64::from_be_bytes(body);
                assert!(
                    enabled > *heard,
                    "{id} was disabled at {heard}, and passes by {enabled}"
                );
                // What was heard since is that the person passes.
                false
            });
        }
    }

    /// Everybody reaches the hub, for as long as there is something to say.
    fn heal(&mut self) {
        for _ in 0..20 {
            for door in 0..DOORS {
                for _ in 0..3 {
                    self.act(&Act::Sync {
                        door,
                        answers: usize::MAX,
                    });
                }
                self.put(door, false);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn after_healing_every_door_equals_the_hub(acts in prop::collection::vec(act(), 0..60)) {
        let mut world = World::new();
        for act in &acts {
            world.act(act);
        }
        world.heal();
        for site in &world.sites {
            prop_assert_eq!(&site.kept, &world.hub.rows);
            prop_assert_eq!(site.door.list().digest(), world.hub.list.digest());
            prop_assert_eq!(site.position, world.hub.list.position());
            prop_assert!(site.door.shut().is_empty());
            prop_assert!(site.door.changes().is_empty());
        }
    }

    /// A hub that changes, swaps, leaves out, repeats or invents: refused, or the same as if it
    /// had not; and what counts is always a list that somebody signed.
    #[test]
    fn what_a_hostile_hub_says_changes_no_list(
        acts in prop::collection::vec(act(), 10..40),
        page in 0..8_usize,
        how in 0..7_u8,
        which in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        let mut signed = vec![List::new(Root(world.root.public())).digest()];
        for act in &acts {
            world.act(act);
            signed.push(world.hub.list.digest());
        }
        let mut said = world.hub.since(world.sites[0].door.asks());
        if said.is_empty() {
            return Ok(());
        }
        let at = page % said.len();
        match (&mut said[at], how) {
            (Answer::Page(rows, _), 0) if !rows.is_empty() => { rows.remove(which.index(rows.len())); }
            (Answer::Page(rows, _), 1) if !rows.is_empty() => { let at = which.index(rows.len()); rows[at].body.push(1); }
            (Answer::Page(rows, _), 2) if !rows.is_empty() => { let at = which.index(rows.len()); rows[at].standing = Standing::Enabled; }
            (Answer::Page(rows, _), 3) if rows.len() > 1 => { let id = rows[0].id; rows[1].id = id; }
            (Answer::Page(rows, _), 4) if !rows.is_empty() => { let at = which.index(rows.len()); rows[at].revision.0 += 1; }
            (Answer::Page(_, position), 5) => position.revision.0 += 3,
            (Answer::Commit(commit), _) => commit.digest[0] ^= 1,
            _ => { said.remove(at); }
        }
        world.take(0, said.into_iter());
        world.nobody_heard_of_passes();
        prop_assert!(signed.contains(&world.sites[0].door.list().digest()));
        world.heal();
        prop_assert_eq!(&world.sites[0].kept, &world.hub.rows);
    }
}
