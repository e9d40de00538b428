//! What rules ask of somebody who travels: read from a file, and put where the person arrives.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::portable::PortablePerson;
use super::rights::MAX_ENTRIES;
use super::standing::{Group, Standing};
use super::store::Fail;
use crate::database::DatabaseError;
use crate::record::{Event, Origin, PersonRef, Stamp, append_within, head_id};

/// Groups, validity and entries of somebody in a file.
pub(super) struct Asked {
    groups: BTreeSet<Group>,
    is_guest: bool,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
    /// So many from now on.
    entries: Option<u32>,
}

impl Asked {
    /// As the file has it, or why it cannot be.
    pub(super) fn of(person: &PortablePerson) -> Result<Self, &'static str> {
        let group = |name: &String| Group::new(name).filter(|group| !group.is_reserved());
        let groups: Option<_> = person.groups.iter().map(group).collect();
        let ms = |at: Option<jiff::Timestamp>| at.map(jiff::Timestamp::as_millisecond);
        let asked = Self {
            groups: groups.ok_or("a group's name is none")?,
            is_guest: person.guest,
            from_ms: ms(person.valid_from),
            until_ms: ms(person.valid_until),
            entries: person.entries,
        };
        let limits = asked.from_ms.zip(asked.until_ms);
        if limits.is_some_and(|(from, until)| until <= from) {
            return Err("a validity ends before it begins");
        }
        if asked.is_guest && asked.until_ms.is_none() {
            return Err("a guest's validity has no end");
        }
        if asked.entries > Some(MAX_ENTRIES) {
            return Err("nobody has so many entries");
        }
        Ok(asked)
    }

    /// Has rules ask this of a person from now on. Each change is on record as if it was made
    /// here.
    pub(super) fn put(
        &self,
        c: &Connection,
        fail: Fail<'_>,
        person: &PersonRef,
        before: &Standing,
        origin: &Origin,
    ) -> Result<(), DatabaseError> {
        let id = person.id.0;
        c.execute(
            "UPDATE people SET guest = ?2, valid_from_ms = ?3, valid_until_ms = ?4,
                 entries = ?5, entries_from = ?6 WHERE id = ?1",
            params![
                id,
                self.is_guest,
                self.from_ms,
                self.until_ms,
                self.entries,
                head_id(c, fail)?.cast_signed()
            ],
        )
        .map_err(fail)?;
        c.execute("DELETE FROM memberships WHERE person = ?1", [id])
            .map_err(fail)?;
        for group in &self.groups {
            c.execute(
                "INSERT INTO memberships (person, name) VALUES (?1, ?2)",
                params![id, group.as_str()],
            )
            .map_err(fail)?;
        }
        for event in self.events(person, before, origin) {
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        }
        Ok(())
    }

    /// What is otherwise than before.
    fn events(&self, person: &PersonRef, before: &Standing, origin: &Origin) -> Vec<Event> {
        let (person, actor) = (|| person.clone(), || origin.actor.clone());
        let were: BTreeSet<&Group> = before.groups.iter().collect();
        let are: BTreeSet<&Group> = self.groups.iter().collect();
        let left = were.difference(&are).map(|group| Event::GroupLeft {
            person: person(),
            group: group.to_string(),
            actor: actor(),
        });
        let joined = are.difference(&were).map(|group| Event::GroupJoined {
            person: person(),
            group: group.to_string(),
            actor: actor(),
        });
        let mut events: Vec<Event> = left.chain(joined).collect();
        let has_new_end = self.until_ms != before.valid_until_ms;
        let becomes_guest = self.is_guest && (has_new_end || !before.is_guest);
        if let Some(until_ms) = self.until_ms.filter(|_| becomes_guest) {
            events.push(Event::GuestUntil {
                person: person(),
                until_ms,
                actor: actor(),
            });
        }
        if self.from_ms != before.valid_from_ms || (has_new_end && !becomes_guest) {
            events.push(Event::ValidityChanged {
                person: person(),
                from_ms: self.from_ms,
                until_ms: self.until_ms,
                actor: actor(),
            });
        }
        // Even the same number is counted anew.
        if self.entries.is_some() || before.entries.is_some() {
            events.push(Event::EntriesChanged {
                person: person(),
                entries: self.entries,
                actor: actor(),
            });
        }
        events
    }
}
