//! What list and whitelist have to hear of each other: a pure function of both. Nothing is
//! remembered in between, so that a daemon killed at any instruction goes on where it was.
//!
//! What shuts somebody out is done first and undone by nothing but an act that knew of it.

use std::collections::{BTreeMap, BTreeSet};

use super::content;
use crate::config::FleetShare;
use crate::fleet::{Change, Door, Hash, Kind, Position, Row, RowId, Sealing, Standing};
use crate::person::PersonId;
use crate::whitelist::{FleetBy, FleetRow, FleetStep, FleetView, NOTHING_SAID};

/// Rows of the list that one batch is about, so that nobody at the door waits long for it.
const MAX_BATCH_ROWS: usize = 200;

/// Changes that may wait for the hub before more are made of what is here.
const MAX_WAITING_CHANGES: usize = 2_000;

/// What it is made of.
pub(super) struct Given<'a> {
    pub view: &'a FleetView,
    pub door: &'a Door,
    pub sealing: &'a Sealing,
    pub share: FleetShare,
    /// Rows that could not be taken, as they were then.
    pub left_out: &'a BTreeMap<RowId, Hash>,
}

/// What is to be done: `first` before anything else, else the changes and then the steps.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub first: Vec<FleetStep>,
    pub changes: Vec<Change>,
    pub steps: Vec<FleetStep>,
    /// Rows whose bodies do not open.
    pub unopened: Vec<(RowId, Hash)>,
}

impl Plan {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.changes.is_empty() && self.steps.is_empty()
    }
}

/// `body`: a row of the list as it was signed. `draw`: an id for a new row; nothing without random
/// numbers.
pub(super) fn plan(
    given: &Given<'_>,
    body: impl Fn(RowId) -> Option<Row>,
    mut draw: impl FnMut() -> Option<RowId>,
) -> Plan {
    let mut plan = Plan {
        first: first(given, &mut draw),
        ..Plan::default()
    };
    if !plan.first.is_empty() {
        return plan;
    }
    shut(given, &mut plan);
    if plan.steps.is_empty() {
        up(given, &mut plan);
        down(given, &body, &mut plan);
    }
    plan
}

/// Each person's own row.
fn own_rows(view: &FleetView) -> BTreeMap<PersonId, &FleetRow> {
    let own = view.rows.values().filter(|row| row.template.is_none());
    own.map(|row| (row.person, row)).collect()
}

/// What has to be noted before rows can go up.
fn first(given: &Given<'_>, draw: &mut impl FnMut() -> Option<RowId>) -> Vec<FleetStep> {
    let view = given.view;
    let Some(since) = view.since else {
        return vec![FleetStep::Join];
    };
    let mut steps = Vec::new();
    let rows = || view.rows.values();
    let own = own_rows(view);
    let templates: BTreeSet<i64> = rows().filter_map(|row| row.template).collect();
    for (id, listed) in &view.people {
        let is_shared = match given.share {
            FleetShare::None => false,
            FleetShare::New => *id > since,
            FleetShare::All => true,
        };
        let row = own.get(id);
        if row.is_none() && !is_shared {
            continue;
        }
        let mut adopt = |template| {
            if let Some(row) = draw() {
                steps.push(FleetStep::Adopt {
                    row: row.0,
                    person: *id,
                    template,
                });
            }
        };
        if row.is_none() {
            adopt(None);
        }
        for template in listed.templates.keys() {
            if !templates.contains(template) {
                adopt(Some(*template));
            }
        }
        if steps.len() >= MAX_BATCH_ROWS {
            break;
        }
    }
    steps
}

fn standing(given: &Given<'_>, id: RowId) -> Option<Standing> {
    let shut = given.door.shut().get(&id).map(|shut| shut.standing);
    shut.or_else(|| Some(given.door.list().get(id)?.standing))
}

/// Whom the list shuts, as far as it is known, and whom nobody let in again here since.
fn shut(given: &Given<'_>, plan: &mut Plan) {
    let list = given.door.list();
    for row in given
        .view
        .rows
        .values()
        .filter(|row| row.template.is_none())
    {
        let id = RowId(row.row);
        let Some(person) = given.view.people.get(&row.person) else {
            continue;
        };
        let is_shut = standing(given, id).is_some_and(Standing::is_shut);
        if is_shut && person.is_enabled && content::was_enabled(&row.said) {
            let revision = list.get(id).map_or(0, |listed| listed.revision.0);
            let newer = given.door.shut().get(&id).and_then(|shut| shut.newer_than);
            plan.steps.push(FleetStep::Shut {
                row: row.row,
                said: content::said_of_person(given.sealing, false, &person.person),
                seen: None,
                by: FleetBy {
                    revision: newer.map_or(revision, |newer| newer.0),
                    signer: "fleet".into(),
                },
            });
        }
    }
}

/// Changes that wait already.
fn pending(door: &Door) -> BTreeSet<RowId> {
    let all = door.changes().iter();
    all.map(|pending| pending.change.id).collect()
}

/// What changed here.
fn up(given: &Given<'_>, plan: &mut Plan) {
    let (view, door) = (given.view, given.door);
    let pending = pending(door);
    if pending.len() >= MAX_WAITING_CHANGES {
        return;
    }
    let own = own_rows(view);
    let is_known = door.list().position() != Position::START && !door.is_fetching();
    for row in view.rows.values() {
        let id = RowId(row.row);
        if plan.changes.len() >= MAX_BATCH_ROWS {
            break;
        }
        // Whoever is removed is not listed again by what somebody did who had not heard of it.
        let there = door.list().get(id).map(|listed| listed.standing);
        if there == Some(Standing::Removed) {
            continue;
        }
        // The hub lost it.
        let is_lost = is_known
            && !pending.contains(&id)
            && row.seen.is_some()
            && door.list().get(id).is_none();
        let person = view.people.get(&row.person);
        let said = match (person, row.template) {
            (Some(person), None) => {
                let said =
                    content::said_of_person(given.sealing, person.is_enabled, &person.person);
                let text = content::of_person(&person.person);
                let standing = match person.is_enabled {
                    true => Standing::Enabled,
                    false => Standing::Disabled,
                };
                text.map(|text| (said, Kind::Person, standing, text))
            }
            (Some(person), Some(template)) => {
                let of = own.get(&row.person);
                let template = person.templates.get(&template);
                of.zip(template).and_then(|(of, template)| {
                    let of = RowId(of.row);
                    let said = content::said_of_template(given.sealing, of, template);
                    let text = content::of_template(of, template)?;
                    Some((said, Kind::Template, Standing::Enabled, text))
                })
            }
            (None, _) => None,
        };
        if let Some((said, kind, standing, text)) = said {
            if (said != row.said || is_lost)
                && let Some(body) = given.sealing.seal(id, kind, &text)
            {
                plan.changes.push(Change {
                    id,
                    kind,
                    standing,
                    body,
                });
                let row = row.row;
                plan.steps.push(FleetStep::Said { row, said });
            }
            continue;
        }
        let removed = view.removed.get(&row.person).copied();
        let (kind, is_gone) = match row.template {
            None => (Kind::Person, removed.is_some()),
            Some(_) => (Kind::Template, removed.is_some() || person.is_some()),
        };
        if !is_gone {
            continue;
        }
        // What never went up, nobody has to forget.
        if row.said != NOTHING_SAID {
            plan.changes.push(Change {
                id,
                kind,
                standing: Standing::Removed,
                body: match (kind, removed) {
                    (Kind::Person, Some(true)) => content::ERASED.to_vec(),
                    _ => Vec::new(),
                },
            });
        }
        plan.steps.push(FleetStep::Forget { row: row.row });
    }
}

/// What the list has otherwise than it is here.
fn down(given: &Given<'_>, body: &impl Fn(RowId) -> Option<Row>, plan: &mut Plan) {
    let (view, door) = (given.view, given.door);
    let mut pending = pending(door);
    pending.extend(plan.changes.iter().map(|change| change.id));
    let mut begun = Vec::new();
    let mut templates = Vec::new();
    let of_kind = |kind| {
        let rows = door.list().rows().iter();
        rows.filter(move |(_, listed)| listed.kind == kind)
    };
    // A template after whoever it is of.
    for (id, listed) in of_kind(Kind::Person).chain(of_kind(Kind::Template)) {
        if begun.len() + templates.len() >= MAX_BATCH_ROWS {
            break;
        }
        let known = view.rows.get(&id.0);
        let is_taken = known.is_some_and(|known| known.seen == Some(listed.hash));
        let is_left_out = given.left_out.get(id) == Some(&listed.hash);
        if pending.contains(id) || is_taken || is_left_out {
            continue;
        }
        let is_shut = door.shut().contains_key(id);
        if known.is_none() && (listed.standing == Standing::Removed || is_shut) {
            continue;
        }
        let Some(row) = body(*id) else { continue };
        let by = by(given, &row);
        let seen = listed.hash;
        match (listed.kind, listed.standing) {
            (Kind::Person, Standing::Removed) => begun.push(FleetStep::Remove {
                row: id.0,
                is_erased: row.body == content::ERASED,
                by,
            }),
            (Kind::Template, Standing::Removed | Standing::Disabled) => {
                begun.push(FleetStep::ForgetTemplate { row: id.0, by });
            }
            (Kind::Person, standing) => {
                let is_enabled = standing == Standing::Enabled && !is_shut;
                match content::person(given.sealing, *id, &row.body) {
                    Some(person) => {
                        let said = content::said_of_person(given.sealing, is_enabled, &person);
                        let row = id.0;
                        begun.push(match known.is_some_and(|known| known.said == said) {
                            true => FleetStep::Seen { row, seen },
                            false => FleetStep::Person {
                                row,
                                said,
                                seen,
                                is_enabled,
                                person,
                                by,
                            },
                        });
                    }
                    // Whoever shut it out knew no more of it; that was done already.
                    None if standing.is_shut() => {
                        if known.is_some() {
                            begun.push(FleetStep::Seen { row: id.0, seen });
                        }
                    }
                    None => plan.unopened.push((*id, seen)),
                }
            }
            _ => match content::template(given.sealing, *id, &row.body) {
                Some((of, _)) if !has_person(view, &begun, of) => {}
                Some((of, template)) => {
                    let said = content::said_of_template(given.sealing, of, &template);
                    let row = id.0;
                    templates.push(match known.is_some_and(|known| known.said == said) {
                        true => FleetStep::Seen { row, seen },
                        false => FleetStep::Template {
                            row,
                            of: of.0,
                            said,
                            seen,
                            template,
                            by,
                        },
                    });
                }
                None => plan.unopened.push((*id, seen)),
            },
        }
    }
    plan.steps.extend(begun);
    plan.steps.extend(templates);
}

/// Whether a person's row is known here, or is going to be.
fn has_person(view: &FleetView, begun: &[FleetStep], of: RowId) -> bool {
    let is_new = |step: &FleetStep| matches!(step, FleetStep::Person { row, .. } if *row == of.0);
    view.rows.contains_key(&of.0) || begun.iter().any(is_new)
}

fn by(given: &Given<'_>, row: &Row) -> FleetBy {
    let mut doors = given.door.list().doors();
    let signer = doors.find(|(id, ..)| *id == row.signer);
    FleetBy {
        revision: row.revision.0,
        signer: match signer {
            Some((_, card, _)) => card.name.clone(),
            None => "founder".into(),
        },
    }
}
