//! Looks at the database and at what lies beside it: the faces that were kept of events.

use super::pictures::Pictures;
use crate::database::Database;
use crate::verbs::{self, Code, Reply, Verb, VerbError};

/// Does a verb that changes nothing.
///
/// # Errors
/// [`VerbError`], also for a verb that changes something.
pub(crate) fn look(database: &Database, verb: &Verb) -> Result<Reply, VerbError> {
    if let Verb::Picture { event } = verb {
        let jpeg = Pictures::open(database)?.read(*event).map_err(|error| {
            let why = format!("the picture of event {event} cannot be read: {error}");
            VerbError::new(Code::Refused, why)
        })?;
        return Ok(Reply::Picture { jpeg });
    }
    let mut reply = verbs::look(database, verb)?;
    if let Reply::Events { records } = &mut reply {
        let pictures = Pictures::beside(database.path());
        for record in records {
            let event = record.get("id").and_then(serde_json::Value::as_u64);
            if event.is_some_and(|event| pictures.has(event)) {
                record["picture"] = true.into();
            }
        }
    }
    Ok(reply)
}
