//! The second camera: what it gives, and whether it is known how its picture lies against the
//! other.

use super::sight::{Seen, look_through};
use super::{Report, Verdict};
use crate::config::Config;
use crate::daemon::mapping_file;
use crate::database::{Database, DatabaseError};
use crate::liveness::Mapping;
use crate::record::{Event, Kind, Log, Query, RecordError};

/// Nothing without a second camera. `first`: what the first one gave.
pub(super) fn check_infrared(config: &Config, first: &Seen, report: &mut Report) {
    let Some(infrared) = &config.camera.infrared else {
        return;
    };
    let names = ["infrared", "infrared modes"];
    let second = look_through(&infrared.camera, config, names, report);
    let part = "infrared map";
    let (mapping, hash) = match mapping_file::read(&mapping_file::path(config)) {
        Ok(found) => found,
        Err(error) => return report.add(part, Verdict::Wrong, error.to_string()),
    };
    let about = format!(
        "SHA-256 {hash}, from {} pairs of faces, landmarks {:.3} sizes of the face off",
        mapping.pairs, mapping.residual
    );
    let again = "; stop the service and run `doorward infrared map` again";
    match last_on_record(config) {
        Err(error) => report.add(part, Verdict::Unknown, format!("{about}; {error}")),
        Ok(on_record) if on_record.as_deref() != Some(&hash) => {
            let text = format!("{about}: that is not the one on record{again}");
            report.add(part, Verdict::Wrong, text);
        }
        Ok(_) if !fits(&mapping, first, &second) => {
            let text = format!("{about}: learnt from pictures of another shape{again}");
            report.add(part, Verdict::Wrong, text);
        }
        Ok(_) => report.add(part, Verdict::Ok, about),
    }
}

/// As far as pictures were seen.
fn fits(mapping: &Mapping, first: &Seen, second: &Seen) -> bool {
    let size = |seen: &Seen, else_: [u32; 2]| match seen.frames.last() {
        Some(frame) => frame.dimensions().into(),
        None => else_,
    };
    mapping.is_of(size(first, mapping.colour), size(second, mapping.infrared))
}

/// The hash of the mapping that was learnt last.
fn last_on_record(config: &Config) -> Result<Option<String>, RecordError> {
    let database = match Database::look(&config.whitelist.database) {
        Err(DatabaseError::Missing { .. }) => return Ok(None),
        database => database?,
    };
    let query = Query {
        kinds: vec![Kind::InfraredMapped],
        limit: Some(1),
        ..Query::default()
    };
    let log = Log::new(database, config.daemon.door.clone());
    let records = log.records(&query)?;
    Ok(records
        .iter()
        .rev()
        .find_map(|record| match record.event() {
            Some(Event::InfraredMapped(mapped)) => Some(mapped.hash.clone()),
            _ => None,
        }))
}
