//! Keeps the snapshot that faces are compared with equal to the whitelist on disk.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::events;
use super::record_queue::RecordQueue;
use crate::database::{Database, Files};
use crate::embedding::ModelVersion;
use crate::person::PersonId;
use crate::record::{Bent, Event};
use crate::risk::ThresholdRequest;
use crate::scoring::Scoring;
use crate::whitelist::{self, Credentials, Fingerprints, Snapshot, WhitelistError};

/// The whitelist's watcher.
pub(crate) struct WhitelistWatch {
    database: Database,
    /// Those that the record is written to.
    files: Files,
    /// When the database's own file was written last.
    written: Option<(i64, i64, u64)>,
    /// Whose changes are all on record.
    known: Fingerprints,
    model: ModelVersion,
    scoring: Arc<Scoring>,
    asked: ThresholdRequest,
    /// What was loaded last; nothing while it cannot be read.
    revision: Option<u64>,
    unreadable: bool,
    shared: Arc<ArcSwapOption<Snapshot>>,
    credentials: Arc<ArcSwap<Credentials>>,
}

impl WhitelistWatch {
    /// Reads the whitelist for the first time.
    ///
    /// # Errors
    /// [`WhitelistError`] if it cannot be read: the daemon does not start blind.
    pub fn open(
        database: Database,
        files: Files,
        model: ModelVersion,
        scoring: Arc<Scoring>,
        asked: ThresholdRequest,
        (shared, credentials): (Arc<ArcSwapOption<Snapshot>>, Arc<ArcSwap<Credentials>>),
        queue: &RecordQueue,
    ) -> Result<Self, WhitelistError> {
        let written = files.written();
        let known = Fingerprints::read(&database)?;
        let (revision, snapshot, factors) = load(&database, &model, &scoring, asked)?;
        credentials.store(Arc::new(factors));
        queue.happened(of_loaded(&snapshot));
        shared.store(Some(Arc::new(snapshot)));
        Ok(Self {
            files,
            written,
            known,
            database,
            model,
            scoring,
            asked,
            revision: Some(revision),
            unreadable: false,
            shared,
            credentials,
        })
    }

    /// What was read last, with each change on record; nothing while it cannot be read.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// What the next reading asks of the threshold.
    pub(crate) fn ask(&mut self, asked: ThresholdRequest) {
        self.asked = asked;
    }

    /// Reads the whitelist again if it changed, or in any case with `force`. While it cannot be read
    /// there is no snapshot, and so no grant.
    ///
    /// # Errors
    /// [`Bent`]: the database is another, or the whitelist was changed past the record.
    pub(crate) fn refresh(&mut self, force: bool, queue: &RecordQueue) -> Result<(), Bent> {
        let path = self.files.path().to_path_buf();
        let bent = if !self.files.are_in_place() {
            Some(Bent::Replaced(path))
        } else {
            match self.reload(force, queue) {
                Ok(unrecorded) => unrecorded.map(|person| Bent::Unrecorded { path, person }),
                Err(error) => {
                    self.shared.store(None);
                    self.revision = None;
                    if !std::mem::replace(&mut self.unreadable, true) {
                        queue.happened(events::of_unreadable(&error));
                    }
                    None
                }
            }
        };
        let Some(bent) = bent else { return Ok(()) };
        self.shared.store(None);
        Err(bent)
    }

    /// Gives a person who changed without an event.
    fn reload(
        &mut self,
        force: bool,
        queue: &RecordQueue,
    ) -> Result<Option<PersonId>, WhitelistError> {
        let database = &self.database;
        database.read_anew()?;
        // Taken before: what is written in between is looked at the next time.
        let written = self.files.written();
        let same = match self.revision {
            Some(revision) => self.known.unchanged_if(database, revision)?,
            None => false,
        };
        if same && !force && self.written == written {
            return Ok(None);
        }
        let loaded = if same && !force {
            None
        } else {
            Some(load(database, &self.model, &self.scoring, self.asked)?)
        };
        if let Err(person) = self.known.follow(database)? {
            return Ok(Some(person));
        }
        self.written = written;
        if let Some((revision, snapshot, factors)) = loaded {
            // First, so that whoever sees the new snapshot sees these too.
            self.credentials.store(Arc::new(factors));
            queue.happened(of_loaded(&snapshot));
            self.shared.store(Some(Arc::new(snapshot)));
            self.revision = Some(revision);
            self.unreadable = false;
        }
        Ok(None)
    }
}

/// The revision is read first: a change in between is then found the next time.
fn load(
    database: &Database,
    model: &ModelVersion,
    scoring: &Arc<Scoring>,
    asked: ThresholdRequest,
) -> Result<(u64, Snapshot, Credentials), WhitelistError> {
    let revision = whitelist::revision(database)?;
    let snapshot = Snapshot::load(database, model, scoring, asked)?;
    Ok((revision, snapshot, Credentials::load(database)?))
}

fn of_loaded(snapshot: &Snapshot) -> Event {
    let matcher = &snapshot.matcher;
    Event::WhitelistLoaded {
        model: matcher.model().clone(),
        people: snapshot.directory.len() as u64,
        templates: matcher.templates() as u64,
        templates_of_other_models: matcher.of_other_models() as u64,
    }
}
