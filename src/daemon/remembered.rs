//! The newest event that was written, in a file beside the guardian's note: a daemon that
//! failed or was killed does not go on with a database that lacks it. An orderly end
//! forgets it, and so does a boot.

use std::path::{Path, PathBuf};

use crate::files;
use crate::record::{
    Bent, Event, FaultReason, Head, Kind, Log, NotedHead, Query, Record, RecordError,
};

/// Where it is, and what it says.
#[derive(Debug)]
pub(crate) struct Remembered {
    path: PathBuf,
    head: Option<Head>,
}

impl Remembered {
    /// What an earlier daemon left, if the record still has that.
    ///
    /// # Errors
    /// [`RecordError`]
    pub(crate) fn of(note: &Path, log: &Log) -> Result<Self, RecordError> {
        let path = note.with_extension("head");
        let text = files::read_text(&path, files::Kind::Note).unwrap_or_default();
        let left = NotedHead::from_message(text.trim_end(), &log.place()).map(|noted| noted.head);
        if let Some(head) = left.filter(|head| head.id > 0)
            && !log.has(head)?
        {
            return Err(Bent::Forgotten {
                path: log.place().into(),
                id: head.id,
                note: path,
            }
            .into());
        }
        if left.is_some() && changed_past_the_record(log)? {
            return Err(Bent::Standing {
                path: log.place().into(),
                note: path,
            }
            .into());
        }
        Ok(Self { path, head: left })
    }

    /// Keeps what is newest now.
    pub(crate) fn keep(&mut self, log: &Log) {
        let head = log.written();
        if head == self.head {
            return;
        }
        let Some(newest) = head else { return };
        let message = NotedHead::from(newest).message(&log.place());
        match files::replace(&self.path, message.as_bytes(), 0o600) {
            Ok(()) => self.head = head,
            Err(error) => log::warn!("{} cannot be written: {error}", self.path.display()),
        }
    }

    /// Nothing failed.
    pub(crate) fn forget(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the last daemon ended because of that, and could still write it down.
fn changed_past_the_record(log: &Log) -> Result<bool, RecordError> {
    let query = Query {
        kinds: vec![Kind::Started, Kind::Fault],
        limit: Some(1),
        ..Query::default()
    };
    let newest = log.records(&query)?.pop();
    Ok(matches!(
        newest.as_ref().and_then(Record::event),
        Some(Event::Fault {
            reason: FaultReason::DatabaseReplaced,
            ..
        })
    ))
}
