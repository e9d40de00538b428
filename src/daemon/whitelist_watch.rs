//! Keeps the snapshot that faces are compared with equal to the whitelist on disk.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::events;
use super::record_queue::RecordQueue;
use crate::database::Database;
use crate::embedding::ModelVersion;
use crate::record::Event;
use crate::risk::ThresholdRequest;
use crate::scoring::Scoring;
use crate::whitelist::{self, Snapshot, WhitelistError};

/// The whitelist's watcher.
pub(crate) struct WhitelistWatch {
    database: Database,
    file: Option<(u64, u64)>,
    model: ModelVersion,
    scoring: Arc<Scoring>,
    asked: ThresholdRequest,
    /// What was loaded last; nothing while it cannot be read.
    revision: Option<u64>,
    unreadable: bool,
    shared: Arc<ArcSwapOption<Snapshot>>,
}

/// The database file is not the one that was opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database {0} was moved, deleted or replaced while it was in use; the daemon has to start again with it"
)]
pub struct Replaced(String);

impl WhitelistWatch {
    /// Reads the whitelist for the first time.
    ///
    /// # Errors
    /// [`WhitelistError`] if it cannot be read: the daemon does not start blind.
    pub fn open(
        database: Database,
        model: ModelVersion,
        scoring: Arc<Scoring>,
        asked: ThresholdRequest,
        shared: Arc<ArcSwapOption<Snapshot>>,
        queue: &RecordQueue,
    ) -> Result<Self, WhitelistError> {
        let (revision, snapshot) = load(&database, &model, &scoring, asked)?;
        queue.happened(loaded(&snapshot));
        shared.store(Some(Arc::new(snapshot)));
        Ok(Self {
            file: identity(&database),
            database,
            model,
            scoring,
            asked,
            revision: Some(revision),
            unreadable: false,
            shared,
        })
    }

    /// What the next reading asks of the threshold.
    pub(crate) fn ask(&mut self, asked: ThresholdRequest) {
        self.asked = asked;
    }

    /// Reads the whitelist again if it changed, or in any case with `force`. While it cannot be read
    /// there is no snapshot, and so no grant.
    ///
    /// # Errors
    /// [`Replaced`]
    pub(crate) fn refresh(&mut self, force: bool, queue: &RecordQueue) -> Result<(), Replaced> {
        if identity(&self.database) != self.file {
            self.shared.store(None);
            return Err(Replaced(self.database.path().display().to_string()));
        }
        if let Err(error) = self.reload(force, queue) {
            self.shared.store(None);
            self.revision = None;
            if !std::mem::replace(&mut self.unreadable, true) {
                queue.happened(events::of_unreadable(&error));
            }
        }
        Ok(())
    }

    fn reload(&mut self, force: bool, queue: &RecordQueue) -> Result<(), WhitelistError> {
        let revision = whitelist::revision(&self.database)?;
        if !force && self.revision == Some(revision) {
            return Ok(());
        }
        let (revision, snapshot) = load(&self.database, &self.model, &self.scoring, self.asked)?;
        queue.happened(loaded(&snapshot));
        self.shared.store(Some(Arc::new(snapshot)));
        self.revision = Some(revision);
        self.unreadable = false;
        Ok(())
    }
}

/// The revision is read first: a change in between is then found the next time.
fn load(
    database: &Database,
    model: &ModelVersion,
    scoring: &Arc<Scoring>,
    asked: ThresholdRequest,
) -> Result<(u64, Snapshot), WhitelistError> {
    let revision = whitelist::revision(database)?;
    Ok((revision, Snapshot::load(database, model, scoring, asked)?))
}

fn loaded(snapshot: &Snapshot) -> Event {
    let matcher = &snapshot.matcher;
    Event::WhitelistLoaded {
        model: matcher.model().clone(),
        people: snapshot.directory.len() as u64,
        templates: matcher.templates() as u64,
        templates_of_other_models: matcher.of_other_models() as u64,
    }
}

fn identity(database: &Database) -> Option<(u64, u64)> {
    let file = std::fs::metadata(database.path()).ok()?;
    Some((file.dev(), file.ino()))
}
