//! What the fleet's list changes here: all steps of a batch and the list's revision in one
//! transaction, with an event for each person.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::consent;
use super::erase::is_listed;
use super::error::WhitelistError;
use super::fleet::{
    FleetBatch, FleetBy, FleetId, FleetPerson, FleetStep, FleetTemplate, NOTHING_SAID,
};
use super::import::Sizes;
use super::sealed_rows::{TemplateRow, add_person, add_template, set_name};
use super::standing::Group;
use super::store::{Fail, by_id, by_name, check_name, from_bytes, refuse_look_alike};
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::record::{
    self, Erased, Event, FleetAct, FleetChanged, Origin, PersonRef, Stamp, append_within, head_id,
};

/// What a template's source is called here that came with the list.
const SOURCE: &str = "fleet";

/// What a batch has done so far.
struct Work<'w> {
    c: &'w Connection,
    fail: Fail<'w>,
    origin: &'w Origin,
    require_consent: bool,
    /// Each with what is told of it.
    told: BTreeMap<PersonId, (FleetAct, String, FleetBy)>,
    has_removed: bool,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FleetDone {
    /// Rows whose people cannot be listed here, and why.
    pub left_out: Vec<(FleetId, String)>,
    /// Whether somebody is listed no more.
    pub has_removed: bool,
}

/// Does a batch: all of it, but for people who cannot be listed here.
///
/// # Errors
/// [`WhitelistError`]; nothing was done.
pub(crate) fn take_fleet(
    database: &mut Database,
    batch: &FleetBatch,
    require_consent: bool,
    origin: &Origin,
) -> Result<FleetDone, WhitelistError> {
    database.transaction(|c, fail| {
        let mut work = Work {
            c,
            fail,
            origin,
            require_consent,
            told: BTreeMap::new(),
            has_removed: false,
        };
        let mut done = FleetDone::default();
        for step in &batch.steps {
            if let Err((row, why)) = work.step(step)? {
                done.left_out.push((row, why));
            }
        }
        for (person, (act, name, by)) in std::mem::take(&mut work.told) {
            let event = Event::FleetChanged(FleetChanged {
                act,
                person: PersonRef::new(person, name),
                revision: by.revision,
                signer: by.signer,
            });
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        }
        let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('fleet_revision', ?1)";
        c.execute(sql, [batch.revision.cast_signed()])
            .map_err(fail)?;
        done.has_removed = work.has_removed;
        Ok(done)
    })
}

/// Why a row's person cannot be listed here.
type LeftOut = (FleetId, String);

impl Work<'_> {
    fn step(&mut self, step: &FleetStep) -> Result<Result<(), LeftOut>, WhitelistError> {
        match step {
            FleetStep::Join => self.run(
                "INSERT OR IGNORE INTO meta (key, value) SELECT 'fleet_since', coalesce(max(id), 0) FROM people",
                params![],
            )?,
            FleetStep::Adopt {
                row,
                person,
                template,
            } => self.run(
                "INSERT OR IGNORE INTO fleet_rows (row, person, template, said) VALUES (?1, ?2, ?3, ?4)",
                params![row, person.0, template, NOTHING_SAID],
            )?,
            FleetStep::Said { row, said } => self.run(
                "UPDATE fleet_rows SET said = ?2, seen = NULL WHERE row = ?1",
                params![row, said],
            )?,
            FleetStep::Seen { row, seen } => self.run(
                "UPDATE fleet_rows SET seen = ?2 WHERE row = ?1",
                params![row, seen],
            )?,
            FleetStep::Forget { row } => {
                self.run("DELETE FROM fleet_rows WHERE row = ?1", params![row])?;
            }
            FleetStep::Person {
                row,
                said,
                seen,
                is_enabled,
                person,
                by,
            } => {
                let put = self.person((row, *is_enabled, person), by)?;
                let id = match put {
                    Ok(id) => id,
                    Err(why) => return Ok(Err((*row, why))),
                };
                self.run(
                    "INSERT OR REPLACE INTO fleet_rows (row, person, said, seen) VALUES (?1, ?2, ?3, ?4)",
                    params![row, id.0, said, seen],
                )?;
            }
            FleetStep::Shut {
                row,
                said,
                seen,
                by,
            } => {
                let Some((id, _)) = self.known(row)? else {
                    return Ok(Ok(()));
                };
                let known = by_id(self.c, self.fail, id)?;
                self.run("UPDATE people SET enabled = 0 WHERE id = ?1", params![id.0])?;
                self.run(
                    "UPDATE fleet_rows SET said = ?2, seen = coalesce(?3, seen) WHERE row = ?1",
                    params![row, said, seen],
                )?;
                if known.enabled {
                    self.tell(id, FleetAct::Disabled, known.name, by);
                }
            }
            FleetStep::Remove { row, is_erased, by } => self.remove(row, *is_erased, by)?,
            FleetStep::Template {
                row,
                of,
                said,
                seen,
                template,
                by,
            } => {
                let put = self.template(row, of, template, by)?;
                let (person, template) = match put {
                    Ok(put) => put,
                    Err(why) => return Ok(Err((*row, why))),
                };
                self.run(
                    "INSERT OR REPLACE INTO fleet_rows (row, person, template, said, seen) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![row, person.0, template, said, seen],
                )?;
            }
            FleetStep::ForgetTemplate { row, by } => {
                if let Some((id, Some(template))) = self.known(row)? {
                    self.run(
                        "DELETE FROM templates WHERE id = ?1 AND person = ?2",
                        params![template, id.0],
                    )?;
                    self.run("DELETE FROM fleet_rows WHERE row = ?1", params![row])?;
                    self.changed(id, by)?;
                }
            }
        }
        Ok(Ok(()))
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), DatabaseError> {
        let done = self.c.prepare_cached(sql);
        let done = done.and_then(|mut statement| statement.execute(values));
        done.map(|_| ()).map_err(self.fail)
    }

    /// Whose row it is, where it is known.
    fn known(&self, row: &FleetId) -> Result<Option<(PersonId, Option<i64>)>, DatabaseError> {
        let sql = "SELECT person, template FROM fleet_rows WHERE row = ?1";
        let found = self.c.query_row(sql, params![row], |row| {
            Ok((PersonId(row.get(0)?), row.get(1)?))
        });
        found.optional().map_err(self.fail)
    }

    /// The newest of what is told of a person; being listed or removed outweighs a change.
    fn tell(&mut self, id: PersonId, act: FleetAct, name: String, by: &FleetBy) {
        let before = self.told.get(&id).map(|(act, ..)| *act);
        let act = match (before, act) {
            (Some(before), FleetAct::Changed) => before,
            (Some(FleetAct::Listed), FleetAct::Enabled | FleetAct::Disabled) => FleetAct::Listed,
            (_, act) => act,
        };
        self.told.insert(id, (act, name, by.clone()));
    }

    fn changed(&mut self, id: PersonId, by: &FleetBy) -> Result<(), WhitelistError> {
        if is_listed(self.c, self.fail, id)? {
            let name = by_id(self.c, self.fail, id)?.name;
            self.tell(id, FleetAct::Changed, name, by);
        }
        Ok(())
    }

    fn person(
        &mut self,
        (row, is_enabled, person): (&FleetId, bool, &FleetPerson),
        by: &FleetBy,
    ) -> Result<Result<PersonId, String>, WhitelistError> {
        let (c, fail) = (self.c, self.fail);
        // What differs from what would be kept would go up again as another.
        if !check_name(&person.name).is_ok_and(|name| name == person.name) {
            return Ok(Err("the name is none that is kept here".into()));
        }
        let is_sorted = person.groups.is_sorted_by(|a, b| a < b);
        if !is_sorted || person.groups.iter().any(Group::is_reserved) {
            return Ok(Err("the groups are none that are kept here".into()));
        }
        if self.require_consent && person.consent.is_none() && is_enabled {
            return Ok(Err(
                "no consent is noted, and whitelist.require_consent asks for one".into(),
            ));
        }
        let known = match self.known(row)? {
            Some((id, None)) => Some(id),
            Some((_, Some(_))) => return Ok(Err("the row is a template's here".into())),
            None => None,
        };
        let listed = match known {
            Some(id) if is_listed(c, fail, id)? => Some(by_id(c, fail, id)?),
            _ => None,
        };
        let of = listed.as_ref().map(|listed| listed.id);
        if let Some(other) = by_name(c, fail, &person.name)?
            && Some(other.id) != of
        {
            let id = other.id;
            return Ok(Err(format!(
                "somebody of that name ({id}) is listed here already: rename or remove one of the two"
            )));
        }
        if let Err(error) = refuse_look_alike(c, fail, &person.name, of) {
            return match error {
                WhitelistError::LooksLike { .. } => Ok(Err(error.to_string())),
                error => Err(error),
            };
        }
        let id = match of {
            Some(id) => id,
            None => add_person(c, fail, &person.name, person.created_at_ms)?,
        };
        set_name(c, fail, id, &person.name)?;
        self.run(
            "UPDATE people SET enabled = ?2, created_at_ms = ?3, guest = ?4, valid_from_ms = ?5, valid_until_ms = ?6 WHERE id = ?1",
            params![
                id.0,
                is_enabled,
                person.created_at_ms,
                person.is_guest,
                person.valid_from_ms,
                person.valid_until_ms
            ],
        )?;
        let standing = by_id(c, fail, id)?.standing;
        if standing.entries.map(|entries| entries.most) != person.entries {
            let now = head_id(c, fail)?.cast_signed();
            self.run(
                "UPDATE people SET entries = ?2, entries_from = ?3 WHERE id = ?1",
                params![id.0, person.entries, now],
            )?;
        }
        self.run("DELETE FROM memberships WHERE person = ?1", params![id.0])?;
        for group in &person.groups {
            self.run(
                "INSERT INTO memberships (person, name) VALUES (?1, ?2)",
                params![id.0, group.as_str()],
            )?;
        }
        let whom = PersonRef::new(id, person.name.clone());
        match &person.consent {
            None => self.run("DELETE FROM consents WHERE person = ?1", params![id.0])?,
            consent => consent::bring(c, fail, &whom, consent.as_ref(), false, self.origin)?,
        }
        let act = match listed.map(|listed| listed.enabled) {
            None => FleetAct::Listed,
            Some(true) if !is_enabled => FleetAct::Disabled,
            Some(false) if is_enabled => FleetAct::Enabled,
            Some(_) => FleetAct::Changed,
        };
        self.tell(id, act, person.name.clone(), by);
        Ok(Ok(id))
    }

    fn template(
        &mut self,
        row: &FleetId,
        of: &FleetId,
        template: &FleetTemplate,
        by: &FleetBy,
    ) -> Result<Result<(PersonId, i64), String>, WhitelistError> {
        let (c, fail) = (self.c, self.fail);
        let Some((person, None)) = self.known(of)? else {
            return Ok(Err("whose template it is is not listed here".into()));
        };
        if !is_listed(c, fail, person)? {
            return Ok(Err("whose template it is is not listed here".into()));
        }
        if from_bytes(&template.model, &template.vector).is_none() {
            return Ok(Err("the template is no vector of length 1".into()));
        }
        let size = Sizes::default().of(c, fail, &template.model)?;
        if size.is_some_and(|size| size != template.vector.len()) {
            return Ok(Err(format!(
                "the template has another size than those of {} here",
                template.model
            )));
        }
        if let Some((before, Some(old))) = self.known(row)? {
            self.run(
                "DELETE FROM templates WHERE id = ?1 AND person = ?2",
                params![old, before.0],
            )?;
        }
        let stored = TemplateRow {
            model: template.model.as_str(),
            vector: &template.vector,
            source: SOURCE,
            created_at_ms: template.made_at_ms,
            photo: None,
        };
        add_template(c, fail, person, &stored)?;
        let id = c.last_insert_rowid();
        self.changed(person, by)?;
        Ok(Ok((person, id)))
    }

    fn remove(
        &mut self,
        row: &FleetId,
        is_erased: bool,
        by: &FleetBy,
    ) -> Result<(), WhitelistError> {
        let (c, fail) = (self.c, self.fail);
        let Some((id, None)) = self.known(row)? else {
            return Ok(());
        };
        if is_listed(c, fail, id)? {
            let person = by_id(c, fail, id)?;
            self.run("DELETE FROM people WHERE id = ?1", params![id.0])?;
            self.has_removed = true;
            if is_erased {
                let (templates, actor) = (person.templates as u64, self.origin.actor.clone());
                let event = Event::Erased(Erased::new(id, templates, actor));
                append_within(c, fail, &Stamp::now(), &self.origin.door, &event)?;
                record::forget_names_within(c, fail, id)?;
                self.told.remove(&id);
            } else {
                self.tell(id, FleetAct::Removed, person.name, by);
            }
        }
        self.run("DELETE FROM fleet_rows WHERE person = ?1", params![id.0])?;
        Ok(())
    }
}
