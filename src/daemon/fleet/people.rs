//! List and whitelist agree: what is to be done says [`plan`], and the recorder does it, in
//! transactions of its own between two records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::notices::Notices;
use super::plan::{Given, Plan, plan};
use crate::config::{Config, FleetShare};
use crate::daemon::error::DaemonError;
use crate::daemon::verb_line::{self, Line};
use crate::database::Database;
use crate::fleet::{Hash, ListKeys, Member, MemberError, RowId, Sealing};
use crate::record::{Actor, FleetFault, Origin};
use crate::verbs::{Reply, Verb, VerbError};
use crate::whitelist::{self, FleetBatch};

/// Batches in a row, before the bridge gets an answer again.
const MAX_BATCHES: usize = 50;
/// After something came to nothing.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// What it needs, and what it knows.
pub(super) struct People {
    sealing: Sealing,
    share: FleetShare,
    database: PathBuf,
    reader: Option<Database>,
    line: Line,
    origin: Origin,
    /// The list may be another than it was.
    pub has_news: bool,
    /// The whitelist that agreed.
    agreed: Option<u64>,
    retry_at: Instant,
    /// Rows that could not be taken, as they were then.
    left_out: BTreeMap<RowId, Hash>,
}

impl People {
    pub(super) fn new(
        config: &Config,
        keys: &ListKeys,
        recorder: Sender<verb_line::Asked>,
    ) -> Result<Self, DaemonError> {
        let seal = keys.seal().map_err(super::FleetKeysError::from)?;
        let database = config.whitelist.database.clone();
        Ok(Self {
            sealing: Sealing::new(&seal),
            share: config.fleet.share,
            line: Line::new(database.clone(), recorder),
            database,
            reader: None,
            origin: Origin {
                door: config.daemon.door.clone(),
                actor: Actor {
                    uid: rustix::process::geteuid().as_raw(),
                    login_uid: None,
                    claimed: Some("fleet".into()),
                },
            },
            has_news: true,
            agreed: None,
            retry_at: Instant::now(),
            left_out: BTreeMap::new(),
        })
    }

    /// Does what list and whitelist have to hear of each other, if one of them is another.
    ///
    /// # Errors
    /// [`MemberError`]: what is to go up cannot be kept.
    pub(super) fn agree(
        &mut self,
        member: &mut Member,
        notices: &mut Notices,
    ) -> Result<(), MemberError> {
        if Instant::now() < self.retry_at {
            return Ok(());
        }
        for batch in 0..MAX_BATCHES {
            match self.once(member, notices, batch == 0) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Fault::Here(error)) => {
                    log::warn!("fleet: the whitelist is not as the list has it yet: {error}");
                    self.reader = None;
                    self.retry_at = Instant::now() + RETRY_INTERVAL;
                    break;
                }
                Err(Fault::Member(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// False if there was nothing to do.
    fn once(
        &mut self,
        member: &mut Member,
        notices: &mut Notices,
        is_first: bool,
    ) -> Result<bool, Fault> {
        let database = match self.reader.take() {
            Some(database) => database,
            None => Database::open_existing(&self.database).map_err(VerbError::from)?,
        };
        let database = self.reader.insert(database);
        let revision = whitelist::revision(database).map_err(VerbError::from)?;
        match self.agreed == Some(revision) {
            true if !self.has_news => return Ok(false),
            // Somebody may have made room for them.
            false if is_first => self.left_out.clear(),
            _ => {}
        }
        let view = whitelist::fleet_view(database).map_err(VerbError::from)?;
        let given = Given {
            view: &view,
            door: member.door(),
            sealing: &self.sealing,
            share: self.share,
            left_out: &self.left_out,
        };
        let row = |id| member.kept().row(id).ok().flatten();
        let Plan {
            first,
            changes,
            steps,
            unopened,
        } = plan(&given, row, RowId::draw);
        for (row, hash) in unopened {
            self.left_out.insert(row, hash);
            let why = format!(
                "row {row} does not open: it is sealed with another key, or made by a newer doorward"
            );
            notices.tell(FleetFault::NotOpened, &why);
        }
        if first.is_empty() && changes.is_empty() && steps.is_empty() {
            self.agreed = Some(view.revision);
            self.has_news = false;
            return Ok(false);
        }
        // What goes up is kept before it is noted that it does.
        member.change(changes).map_err(Fault::Member)?;
        let revision = member.door().list().position().revision.0;
        let steps = match first.is_empty() {
            true => steps,
            false => first,
        };
        self.send(member, notices, FleetBatch { revision, steps })?;
        Ok(true)
    }

    fn send(
        &mut self,
        member: &Member,
        notices: &mut Notices,
        batch: FleetBatch,
    ) -> Result<(), VerbError> {
        if batch.steps.is_empty() {
            return Ok(());
        }
        let verb = Verb::TakeFleet(Box::new(batch));
        if let Reply::FleetTaken { left_out, .. } = self.line.does(verb, &self.origin)? {
            for (row, why) in left_out {
                let row = RowId(row);
                if let Some(listed) = member.door().list().get(row) {
                    self.left_out.insert(row, listed.hash);
                }
                notices.tell(FleetFault::NotTaken, &why);
            }
        }
        Ok(())
    }
}

/// Whose fault it is that nothing was done.
enum Fault {
    Here(VerbError),
    Member(MemberError),
}

impl From<VerbError> for Fault {
    fn from(error: VerbError) -> Self {
        Self::Here(error)
    }
}
