//! What the daemon needs beside the relay and the record, each tried before the door is guarded.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::acts_watch::ActsWatch;
use super::error::DaemonError;
use super::record_queue::RecordQueue;
use super::whitelist_watch::WhitelistWatch;
use super::{access_rules, strict};
use crate::access::Rules;
use crate::camera::{self, CameraError};
use crate::config::{Config, Source};
use crate::database::{Database, Files};
use crate::door;
use crate::vision::Vision;
use crate::whitelist::Snapshot;

/// What is tried before the door is guarded.
pub(super) struct Parts {
    pub vision: Vision,
    pub whitelist: Arc<ArcSwapOption<Snapshot>>,
    pub whitelist_watch: WhitelistWatch,
    pub acts_watch: ActsWatch,
    /// The mode that is in force.
    pub mode: Option<door::Input>,
    /// Who may pass when.
    pub rules: Rules,
    /// Or why there is none yet.
    pub camera: Result<Box<dyn camera::FrameSource>, CameraError>,
}

impl Parts {
    /// Opens all but the relay and the record.
    ///
    /// # Errors
    /// [`DaemonError`]
    pub fn open(config: &Config, files: Files, queue: &RecordQueue) -> Result<Self, DaemonError> {
        if config.daemon.strict_modes {
            strict::models(&config.models)?;
        }
        let rules = access_rules::load(config)?;
        let vision = Vision::open(&config.models, &config.vision)?;
        let whitelist = Arc::new(ArcSwapOption::empty());
        let whitelist_watch = WhitelistWatch::open(
            Database::open_existing(&config.whitelist.database)?,
            files,
            vision.version().clone(),
            Arc::clone(vision.scoring()),
            config.access.threshold_request(),
            Arc::clone(&whitelist),
            queue,
        )?;
        let database = Database::open_existing(&config.whitelist.database)?;
        let (acts_watch, mode) = ActsWatch::open(database, queue)?;
        // A risk that no threshold follows from is a mistake to be told at once.
        if let Some(snapshot) = &*whitelist.load() {
            snapshot.matcher.threshold()?;
        }
        let camera = match (camera::open(&config.camera), config.camera.source) {
            // A camera may come later, a recording will not.
            (Err(error), Source::Replay) => return Err(error.into()),
            (camera, _) => camera,
        };
        Ok(Self {
            vision,
            whitelist,
            whitelist_watch,
            acts_watch,
            mode,
            rules,
            camera,
        })
    }
}
