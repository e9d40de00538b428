//! What the daemon needs beside the relay and the record, each tried before the door is guarded.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use crossbeam_channel::{Receiver, Sender};

use super::access_rules::SharedLaw;
use super::acts_watch::ActsWatch;
use super::capture::Shared;
use super::desk::{Desk, DeskSettings, Reading, clocks};
use super::error::{DaemonError, of_a_thread};
use super::heartbeat::Heartbeat;
use super::judge::SecondFrames;
use super::mailbox::Mailbox;
use super::pin_checker::PinChecker;
use super::record_queue::RecordQueue;
use super::threads::Starting;
use super::whitelist_watch::WhitelistWatch;
use super::{access_rules, fleet, lockout_rows, mapping_file, strict};
use crate::access::{Gate, Rules, Subject};
use crate::camera::{self, CameraError};
use crate::config::{self, Config, Signal, Source};
use crate::database::{Database, Files};
use crate::door;
use crate::liveness::SecondEye;
use crate::panel::Panel;
use crate::recognise::MAX_KEPT_FRAMES;
use crate::record::{Stamp, WhichCamera};
use crate::vision::Vision;
use crate::whitelist::{Credentials, Snapshot};

/// What is tried before the door is guarded.
pub(super) struct Parts {
    pub vision: Vision,
    pub whitelist: Arc<ArcSwapOption<Snapshot>>,
    pub whitelist_watch: WhitelistWatch,
    pub acts_watch: ActsWatch,
    /// The mode that is in force.
    pub mode: Option<door::Input>,
    /// Lockouts of an earlier life.
    pub lockouts: Vec<(Subject, String)>,
    pub credentials: Arc<ArcSwap<Credentials>>,
    /// What is at the door besides strike and camera.
    pub panel: Option<Panel>,
    /// Who may pass when.
    pub rules: Rules,
    /// Or why there is none yet.
    pub camera: Result<Box<dyn camera::FrameSource>, CameraError>,
    /// The second camera, where there is one.
    pub second: Option<Second>,
    /// Of the fleet that the door belongs to.
    pub fleet_keys: fleet::Keys,
}

/// The infrared camera.
pub(super) struct Second {
    pub config: config::Camera,
    pub settings: SecondEye,
    /// Or why there is none yet.
    pub camera: Result<Box<dyn camera::FrameSource>, CameraError>,
    pub mailbox: Arc<Mailbox>,
}

impl Second {
    fn open(config: &Config) -> Result<Option<Self>, DaemonError> {
        let Some(infrared) = &config.camera.infrared else {
            return Ok(None);
        };
        if config.daemon.strict_modes {
            strict::mapping(&mapping_file::path(config))?;
        }
        let (mapping, hash) = mapping_file::read(&mapping_file::path(config))?;
        log::info!("infrared camera: mapping {hash}");
        Ok(Some(Self {
            config: infrared.camera.clone(),
            settings: mapping_file::settings(infrared, mapping),
            camera: open_camera(&infrared.camera)?,
            mailbox: Arc::new(Mailbox::holding(MAX_KEPT_FRAMES)),
        }))
    }

    /// What its thread is started with.
    pub(super) fn start(self, shared: &Shared, heartbeat: Heartbeat) -> Starting {
        let which = WhichCamera::Infrared;
        let capture = shared.capture(which, &self.config, &self.mailbox, heartbeat);
        (capture, self.camera)
    }

    /// What the vision thread has of it.
    pub(super) fn eye(&self) -> SecondFrames {
        SecondFrames {
            settings: self.settings,
            mailbox: Arc::clone(&self.mailbox),
        }
    }
}

/// A camera may come later, a recording will not.
fn open_camera(
    config: &config::Camera,
) -> Result<Result<Box<dyn camera::FrameSource>, CameraError>, DaemonError> {
    match (camera::open(config), config.source) {
        (Err(error), Source::Replay) => Err(error.into()),
        (camera, _) => Ok(camera),
    }
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
        let fleet_keys = fleet::keys(&config.fleet)?;
        let rules = access_rules::load(config)?;
        let panel = Panel::take(&config.panel)?;
        let vision = Vision::open(&config.models, &config.vision)?.with_pad(config)?;
        let whitelist = Arc::new(ArcSwapOption::empty());
        let credentials = Arc::<ArcSwap<Credentials>>::default();
        let database = Database::open_existing(&config.whitelist.database)?;
        // Where nobody is listed nothing else would ask for it.
        database.need_key()?;
        let lockouts = lockout_rows::read(&database, &config.daemon.door)?;
        let whitelist_watch = WhitelistWatch::open(
            database,
            files,
            vision.version().clone(),
            Arc::clone(vision.scoring()),
            config.access.threshold_request(),
            (Arc::clone(&whitelist), Arc::clone(&credentials)),
            queue,
        )?;
        let database = Database::open_existing(&config.whitelist.database)?;
        let (acts_watch, mode) = ActsWatch::open(database, queue)?;
        // A risk that no threshold follows from is a mistake to be told at once.
        if let Some(snapshot) = &*whitelist.load() {
            snapshot.matcher.threshold()?;
        }
        let camera = open_camera(&config.camera)?;
        let second = Second::open(config)?;
        Ok(Self {
            vision,
            whitelist,
            whitelist_watch,
            acts_watch,
            mode,
            lockouts,
            credentials,
            panel,
            rules,
            camera,
            second,
            fleet_keys,
        })
    }
}

/// The desk, with the lockouts that were kept.
///
/// # Errors
/// [`DaemonError::System`]: there is no thread left to check PINs.
pub(super) fn desk(
    lockouts: Vec<(Subject, String)>,
    credentials: Arc<ArcSwap<Credentials>>,
    settings: Arc<ArcSwap<DeskSettings>>,
    (readings, signals): (Receiver<Reading>, Sender<(Signal, bool)>),
    (law, queue): (SharedLaw, RecordQueue),
) -> Result<Desk, DaemonError> {
    let checker = PinChecker::start().map_err(of_a_thread)?;
    let (boot, uptime_ms) = (Stamp::now().boot, clocks().uptime_ms);
    let gate = Gate::new(settings.load().gate(), boot, uptime_ms, lockouts);
    Ok(Desk {
        gate,
        readings,
        signals,
        checker,
        credentials,
        settings,
        law,
        queue,
        state: Default::default(),
    })
}
