//! Two doors, a hub and any sequence of what people do: in the end both doors have the same people,
//! nothing waits, and whom somebody shut out stays out.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::plan::{Given, plan};
use crate::config::FleetShare;
use crate::embedding::ModelVersion;
use crate::fleet::{
    Answer, Change, Commit, Door, DoorCard, Kind, List, Mark, Put, Right, Root, Row, RowId,
    Sealing, Signer, Standing,
};
use crate::person::PersonId;
use crate::whitelist::{
    FleetListed, FleetPerson, FleetRow, FleetStep, FleetTemplate, FleetView, NOTHING_SAID,
};

struct Hub {
    list: List,
    rows: BTreeMap<RowId, Row>,
    newest: Commit,
}

impl Hub {
    fn store(&mut self, put: Put) -> bool {
        if self.list.follow(&put.rows, &put.commit).is_err() {
            return false;
        }
        self.rows
            .extend(put.rows.into_iter().map(|row| (row.id, row)));
        self.newest = put.commit;
        true
    }
}

struct Site {
    door: Door,
    view: FleetView,
    rows: BTreeMap<RowId, Row>,
    next: u8,
    salt: u8,
    newest_person: i64,
}

fn mark(salt: u8, next: &mut u8) -> [u8; 16] {
    *next += 1;
    let mut bytes = [salt; 16];
    bytes[0] = *next;
    bytes
}

impl Site {
    fn agree(&mut self, sealing: &Sealing) {
        for _ in 0..20 {
            let given = Given {
                view: &self.view,
                door: &self.door,
                sealing,
                share: FleetShare::All,
                left_out: &BTreeMap::new(),
            };
            let (salt, next) = (self.salt, &mut self.next);
            let made = plan(
                &given,
                |id| self.rows.get(&id).cloned(),
                || Some(RowId(mark(salt, next))),
            );
            assert!(made.unopened.is_empty());
            if made.is_empty() {
                return;
            }
            made.changes
                .into_iter()
                .for_each(|one| self.door.change(one));
            made.first
                .into_iter()
                .chain(made.steps)
                .for_each(|step| self.step(step));
        }
        panic!("list and whitelist never agree");
    }

    fn step(&mut self, step: FleetStep) {
        let view = &mut self.view;
        match step {
            FleetStep::Join => view.since = Some(PersonId(self.newest_person)),
            FleetStep::Adopt {
                row,
                person,
                template,
            } => {
                let (said, seen) = (NOTHING_SAID, None);
                view.rows.insert(
                    row,
                    FleetRow {
                        row,
                        person,
                        template,
                        said,
                        seen,
                    },
                );
            }
            FleetStep::Said { row, said } => {
                if let Some(known) = view.rows.get_mut(&row) {
                    (known.said, known.seen) = (said, None);
                }
            }
            FleetStep::Seen { row, seen } => {
                if let Some(known) = view.rows.get_mut(&row) {
                    known.seen = Some(seen);
                }
            }
            FleetStep::Forget { row } => {
                view.rows.remove(&row);
            }
            FleetStep::Person {
                row,
                said,
                seen,
                is_enabled,
                person,
                ..
            } => {
                let id = match view.rows.get(&row) {
                    Some(known) => known.person,
                    None => {
                        self.newest_person += 1;
                        PersonId(self.newest_person)
                    }
                };
                let before = view.people.remove(&id);
                let templates = before.map(|before| before.templates).unwrap_or_default();
                view.people.insert(
                    id,
                    FleetListed {
                        is_enabled,
                        person,
                        templates,
                    },
                );
                view.rows.insert(
                    row,
                    FleetRow {
                        row,
                        person: id,
                        template: None,
                        said,
                        seen: Some(seen),
                    },
                );
            }
            FleetStep::Shut {
                row, said, seen, ..
            } => {
                let known = view.rows.get_mut(&row).unwrap();
                known.said = said;
                known.seen = seen.or(known.seen);
                view.people.get_mut(&known.person).unwrap().is_enabled = false;
            }
            FleetStep::Remove { row, .. } => {
                let Some(id) = view.rows.get(&row).map(|known| known.person) else {
                    return;
                };
                view.people.remove(&id);
                view.rows.retain(|_, row| row.person != id);
            }
            FleetStep::Template {
                row,
                of,
                said,
                seen,
                template,
                ..
            } => {
                let Some(person) = view.rows.get(&of).map(|known| known.person) else {
                    return;
                };
                self.newest_person += 1;
                let id = self.newest_person;
                if let Some(listed) = view.people.get_mut(&person) {
                    listed.templates.insert(id, template);
                }
                view.rows.insert(
                    row,
                    FleetRow {
                        row,
                        person,
                        template: Some(id),
                        said,
                        seen: Some(seen),
                    },
                );
            }
            FleetStep::ForgetTemplate { row, .. } => {
                let Some(known) = view.rows.remove(&row) else {
                    return;
                };
                if let Some(listed) = view.people.get_mut(&known.person) {
                    listed.templates.remove(&known.template.unwrap());
                }
            }
        }
    }

    /// All that is new at the hub, and what waits here.
    fn sync(&mut self, hub: &mut Hub) {
        for _ in 0..2 {
            let here = self.door.asks();
            let mut rows: Vec<Row> = hub.rows.values().cloned().collect();
            rows.retain(|row| row.revision > here.revision);
            rows.sort_by_key(|row| row.revision);
            self.rows
                .extend(rows.iter().map(|row| (row.id, row.clone())));
            self.door.take(Answer::Page(rows, hub.newest.position));
            self.door.take(Answer::Commit(hub.newest.clone()));
            assert_eq!(self.door.list().position(), hub.newest.position);
            let (put, _) = self.door.put(Mark(mark(self.salt, &mut self.next)), 1);
            if let Some(put) = put {
                let rows = put.rows.clone();
                let answer = match hub.store(put) {
                    true => Answer::Stored,
                    false => Answer::Refused,
                };
                assert_eq!(answer, Answer::Stored);
                self.door.take(answer);
                self.rows.extend(rows.into_iter().map(|row| (row.id, row)));
            }
        }
    }

    fn named(&self, who: u8) -> Option<PersonId> {
        let key = i64::from(who);
        let mut all = self.view.people.iter();
        let found = all.find(|(_, listed)| listed.person.created_at_ms == key);
        found.map(|(id, _)| *id)
    }
}

/// What people do, where.
#[derive(Debug, Clone)]
enum Act {
    Enrol,
    Rename,
    Enable,
    Disable,
    Remove,
    AnotherTemplate,
    Agree,
    Sync,
}

fn act() -> impl Strategy<Value = (usize, u8, Act)> {
    let act = prop_oneof![
        2 => Just(Act::Enrol),
        2 => Just(Act::Rename),
        1 => Just(Act::Enable),
        2 => Just(Act::Disable),
        1 => Just(Act::Remove),
        1 => Just(Act::AnotherTemplate),
        4 => Just(Act::Agree),
        4 => Just(Act::Sync),
    ];
    (0..2_usize, 0..4_u8, act)
}

fn template(n: u8) -> FleetTemplate {
    FleetTemplate {
        model: ModelVersion::new("m"),
        vector: Zeroizing::new(vec![n; 8]),
        made_at_ms: 1,
    }
}

proptest! {
    #[test]
    fn doors_agree_in_the_end_and_whom_somebody_shut_out_stays_out(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let root = Signer::root(&[1; 32]);
        let sealing = Sealing::new(&[5; 32]);
        let list = || List::new(Root(root.public()));
        let ids = [RowId([201; 16]), RowId([202; 16])];
        let signers = || [(0, ids[0]), (1, ids[1])].map(|(n, id)| Signer::new(id, &[10 + n; 32]));
        let cards: Vec<Change> = signers().iter().zip(["front", "back"]).map(|(signer, name)| Change {
            id: signer.id(),
            kind: Kind::Door,
            standing: Standing::Enabled,
            body: DoorCard {
                name: name.into(),
                right: Right::Enrol,
                key: signer.public(),
                certificate: [0; 32],
            }.encode(),
        }).collect();
        let put = Put::sign(&list(), &cards, Mark([77; 16]), 1, &root).unwrap();
        let mut hub = Hub { list: list(), rows: BTreeMap::new(), newest: put.commit.clone() };
        assert!(hub.store(put));
        let [front, back] = signers();
        let mut sites = [(front, 101), (back, 102)].map(|(signer, salt)| Site {
            door: Door::new(list(), Some(signer)),
            view: FleetView { since: Some(PersonId(0)), ..FleetView::default() },
            rows: BTreeMap::new(),
            next: 0,
            salt,
            newest_person: 0,
        });
        let mut enrolled = [false; 4];
        // Since when nobody let the person in again.
        let mut shut = [false; 4];
        let mut removed = [false; 4];
        for (n, (at, who, act)) in (0_u32..).zip(acts) {
            let site = &mut sites[at];
            let one = usize::from(who);
            let id = site.named(who);
            match (act, id) {
                (Act::Enrol, None) if !enrolled[one] => {
                    enrolled[one] = true;
                    site.newest_person += 1;
                    let person = FleetPerson {
                        name: format!("person {who}"),
                        created_at_ms: who.into(),
                        groups: Vec::new(),
                        is_guest: false,
                        valid_from_ms: None,
                        valid_until_ms: None,
                        entries: None,
                        consent: None,
                    };
                    let templates = BTreeMap::from([(site.newest_person, template(who))]);
                    let listed = FleetListed { is_enabled: true, person, templates };
                    site.view.people.insert(PersonId(site.newest_person), listed);
                }
                (Act::Rename, Some(id)) => {
                    let listed = site.view.people.get_mut(&id).unwrap();
                    listed.person.name = format!("person {who}, {n}");
                }
                (Act::Enable, Some(id)) => {
                    site.view.people.get_mut(&id).unwrap().is_enabled = true;
                    shut[one] = false;
                }
                (Act::Disable, Some(id)) => {
                    // Whoever is shut out as far as this door knows is not once more.
                    let was = std::mem::take(&mut site.view.people.get_mut(&id).unwrap().is_enabled);
                    site.agree(&sealing);
                    shut[one] |= was;
                }
                (Act::Remove, Some(id)) => {
                    site.view.people.remove(&id);
                    site.view.removed.insert(id, false);
                    site.agree(&sealing);
                    removed[one] = true;
                }
                (Act::AnotherTemplate, Some(id)) => {
                    site.newest_person += 1;
                    let id_of_it = site.newest_person;
                    let listed = site.view.people.get_mut(&id).unwrap();
                    listed.templates.insert(id_of_it, template(100 + who));
                }
                (Act::Agree, _) => site.agree(&sealing),
                (Act::Sync, _) => site.sync(&mut hub),
                _ => {}
            }
        }
        for _ in 0..6 {
            for site in &mut sites {
                site.agree(&sealing);
                site.sync(&mut hub);
                site.agree(&sealing);
            }
        }
        let people = |site: &Site| -> Vec<(bool, FleetPerson, Vec<FleetTemplate>)> {
            let mut all: Vec<_> = site.view.people.values().map(|listed| {
                let mut templates: Vec<FleetTemplate> = listed.templates.values().cloned().collect();
                templates.sort_by_key(|template| template.vector.to_vec());
                (listed.is_enabled, listed.person.clone(), templates)
            }).collect();
            all.sort_by_key(|(_, person, _)| person.created_at_ms);
            all
        };
        prop_assert_eq!(people(&sites[0]), people(&sites[1]));
        for site in &sites {
            prop_assert_eq!(site.door.changes(), &[]);
            for (who, (is_shut, is_removed)) in (0..).zip(shut.into_iter().zip(removed)) {
                let listed = site.named(who).map(|id| &site.view.people[&id]);
                prop_assert!(!is_shut || listed.is_none_or(|listed| !listed.is_enabled), "{who} is let in");
                prop_assert!(!is_removed || listed.is_none(), "{who} is back");
            }
        }
    }
}
