//! The access rules as the daemon and the commands read them: the folder's files, which others
//! must not be able to write, taken as a whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use rusqlite::Connection;

use super::events;
use super::news::News;
use super::record_queue::RecordQueue;
use super::strict::{self, Untrusted};
use crate::access::{
    Asking, Company, DenialReason, Grant, MAX_CLAIM_AGE, Moment, Rules, Wall, passed_within,
};
use crate::clock;
use crate::config::{self, ClockTrust, Config, RulesError, read_rules};
use crate::database::DatabaseError;
use crate::record::{Log, Stamp, believes_clock, boot};
use crate::shown::Quoted;
use crate::whitelist::{Directory, Group, Standing};

/// Why access rules are not used.
#[derive(Debug, thiserror::Error)]
pub enum RulesFault {
    /// They cannot be read, or are wrong.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// Others could change them.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// A rule asks for what the configuration has switched off.
    #[error(
        "the rule {rule} in {folder} asks for a challenge, and liveness.challenge = \"never\": \
         write challenge = \"rules\" below [liveness], or remove the line"
    )]
    NoChallenge { rule: String, folder: PathBuf },
}

/// The rules of the configured folder; none where there is none.
///
/// # Errors
/// [`RulesFault`] with all that is wrong.
pub(crate) fn load(config: &Config) -> Result<Rules, RulesFault> {
    let folder: &Path = &config.access.rules_dir;
    let files = read_rules(folder)?;
    if folder.exists() {
        let paths = files.iter().map(|file| file.path.clone());
        let all = paths.chain([folder.to_owned()]);
        strict::rules(all, config.daemon.strict_modes)?;
    }
    let rules = Rules::parse(&files, jiff::tz::db())?;
    match rules.asks_for_challenge() {
        Some(rule) if config.liveness.challenge == config::Challenge::Never => {
            Err(RulesFault::NoChallenge {
                rule: Quoted(&rule.name).to_string(),
                folder: folder.to_owned(),
            })
        }
        _ => Ok(rules),
    }
}

/// What the threads share of it.
#[derive(Debug, Clone)]
pub(crate) struct SharedLaw {
    pub rules: Arc<ArcSwap<Rules>>,
    /// Whether the wall's clock is believed whatever is known of it.
    pub trusts_clock: Arc<AtomicBool>,
    /// Whether it was found to be right, a moment ago.
    is_sure: Arc<AtomicBool>,
    pub lease: Arc<ArcSwap<config::FleetLease>>,
    /// Of the fleet's list.
    pub news: News,
}

impl SharedLaw {
    /// Of these rules, by a clock that is believed.
    #[cfg(test)]
    pub(crate) fn of(rules: Rules) -> Self {
        Self {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            trusts_clock: Arc::new(true.into()),
            is_sure: Arc::default(),
            lease: Arc::new(ArcSwap::from_pointee(config::Fleet::default().lease)),
            news: News::default(),
        }
    }

    pub(crate) fn new(rules: Rules, config: &Config, log: &Log, queue: &RecordQueue) -> Self {
        let access = &config.access;
        if rules.counts().0 > 0 {
            queue.happened(events::of_rules(&access.rules_dir, &rules));
        }
        let law = Self {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            trusts_clock: Arc::default(),
            is_sure: Arc::default(),
            lease: Arc::new(ArcSwap::from_pointee(config.fleet.lease.clone())),
            news: News::default(),
        };
        law.trust_clock(access);
        law.look_at_clock(log);
        law
    }

    /// Reads the rules again, and how far the clock is trusted. Rules that are refused change
    /// nothing.
    pub(crate) fn reload(&self, config: &Config, queue: &RecordQueue) {
        self.trust_clock(&config.access);
        self.lease.store(Arc::new(config.fleet.lease.clone()));
        let folder = &config.access.rules_dir;
        match load(config) {
            Ok(rules) if rules == **self.rules.load() => {}
            Ok(rules) => {
                queue.happened(events::of_rules(folder, &rules));
                self.rules.store(Arc::new(rules));
            }
            Err(fault) => queue.happened(events::of_rejected_rules(folder, &fault)),
        }
    }

    /// As the configuration says now.
    fn trust_clock(&self, access: &config::Access) {
        let trusts = access.clock == ClockTrust::Trusted;
        self.trusts_clock.store(trusts, Ordering::Relaxed);
    }

    /// Asks the record and the kernel about the clock. What cannot be asked is not believed.
    pub(crate) fn look_at_clock(&self, log: &Log) {
        let sure = log.believes_clock(&Stamp::now(), clock::is_synchronised());
        self.is_sure.store(sure.unwrap_or(false), Ordering::Relaxed);
    }

    /// Now, by all clocks, without a file or a database.
    pub(crate) fn moment(&self) -> Moment {
        let believed = [&self.trusts_clock, &self.is_sure];
        let is_believed = believed.iter().any(|flag| flag.load(Ordering::Relaxed));
        let (at_ms, uptime_ms) = Stamp::clocks();
        let wall = Wall {
            at_ms,
            is_believed,
            boot: boot(),
            uptime_ms,
        };
        Moment {
            now: std::time::Instant::now(),
            wall,
        }
    }
}

/// What holds when a grant is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Law<'a> {
    pub rules: &'a Rules,
    /// What the clocks say.
    pub stamp: &'a Stamp,
    /// Whether the wall's clock is believed, whatever else is known of it.
    pub trusts_clock: bool,
    /// The kernel's word about it.
    pub synchronised: bool,
    pub lease: &'a config::FleetLease,
    pub news: &'a News,
}

impl Law<'_> {
    /// Whether the wall's clock is believed, asked in the transaction that writes a grant.
    pub(crate) fn believes_clock(
        &self,
        connection: &Connection,
        fail: &dyn Fn(rusqlite::Error) -> DatabaseError,
    ) -> Result<bool, DatabaseError> {
        Ok(self.trusts_clock || believes_clock(connection, fail, self.stamp, self.synchronised)?)
    }

    /// Whether somebody of the fleet's list is let in without news of it for so long as there is none.
    pub(crate) fn has_lease(&self, standing: &Standing, wall: &Wall<'_>) -> bool {
        let groups = standing.groups.iter().map(Group::as_str);
        let limit = self.lease.limit(standing.is_guest, groups);
        limit.is_none_or(|limit| !self.news.is_over(limit, wall))
    }

    /// Whether the company is still what it was: by the rules it came by, and an escort who was
    /// let in indeed.
    pub(crate) fn confirmed(
        &self,
        again: Grant,
        first: &Grant,
        directory: &Directory,
        asking: &Asking<'_>,
    ) -> Result<Grant, DenialReason> {
        let Some(companion) = again.companion() else {
            return Ok(again);
        };
        if companion.company != Company::Passed {
            return match first.is_by(self.rules) {
                true => Ok(again),
                false => Err(DenialReason::CompanionMissing),
            };
        }
        let within = self.rules.longest_company() + MAX_CLAIM_AGE;
        let passed = directory
            .get(companion.person)
            .and_then(|other| other.standing.passed.as_ref());
        match passed.is_some_and(|passed| passed_within(passed, &asking.wall, within)) {
            true => Ok(again),
            false => Err(DenialReason::EscortMissing),
        }
    }
}

/// What the clocks say, to the rules.
pub(crate) fn wall(stamp: &Stamp, is_believed: bool) -> Wall<'_> {
    Wall {
        at_ms: stamp.at_ms,
        is_believed,
        boot: stamp.boot.as_deref(),
        uptime_ms: stamp.uptime_ms,
    }
}
