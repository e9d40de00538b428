//! What a step of the door asks for.

use std::time::{Duration, Instant};

use super::mode::{Mode, ModeEnd};
use super::reason::{LockCause, NotOpened};
use super::view::InView;
use crate::config::Signals;

/// Effects of one step, at most. A queue that is emptied tells of each who waited in it.
pub const MAX_EFFECTS: usize = 16;

/// What the relay is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayCommand {
    /// Unlock the strike.
    Energise,
    /// Lock it.
    Release,
}

impl RelayCommand {
    /// What to give to [`super::relay::Relay::set`].
    pub fn energised(self) -> bool {
        self == Self::Energise
    }
}

/// On whose account the door opens: each by the number of its audit record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// A grant.
    Grant(u64),
    /// Somebody inside asked for it.
    Rex(u64),
    /// An administrator's act: an unlocking, or a mode.
    Act(u64),
}

/// How far a door is that is held open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeldStage {
    /// It will be an alarm soon.
    PreAlarm,
    /// It is one.
    Alarm,
}

/// What stays until it is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alarm {
    /// Opened without grant, REX or act.
    ForcedOpen,
    /// Open for too long.
    HeldOpen,
    /// A cover is open or a line cut.
    Tamper,
}

/// Something worth writing down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The relay is energised. Also said when a further grant restarts the pulse.
    Unlocked {
        /// On whose account.
        by: By,
        /// How long it is to be, counted from when it was asked for.
        pulse: Duration,
    },
    /// The relay is released.
    Locked {
        /// Whose pulse that was; nobody's if the door was locked already.
        by: Option<By>,
        /// What locked it.
        cause: LockCause,
    },
    /// The relay refused a command; said once, until [`Report::Locked`] ends it.
    Fault {
        /// Whose pulse it was to be or was.
        by: Option<By>,
        /// What the relay did not do.
        command: RelayCommand,
    },
    /// The door was asked to open and stays locked.
    NotOpened {
        /// On whose account it was asked.
        by: By,
        /// What kept it locked.
        reason: NotOpened,
    },
    /// Somebody inside asked for the door and gets no record, nor an opening.
    RexRefused { reason: NotOpened },
    /// The leaf opened, or the rotor turned, for whom it was unlocked.
    Taken { by: By, view: InView },
    /// The leaf closed and opened again in the time of one grant.
    TakenAgain { by: By, view: InView },
    /// The time is over, and the leaf stayed closed.
    NotTaken { by: By, view: InView },
    /// The rotor turned against the way it was unlocked for.
    OtherWay { by: By, view: InView },
    /// The leaf was opened by the handle inside, after REX.
    Exit { view: InView },
    /// The leaf opened, or the rotor turned, without grant, REX or act.
    ForcedOpen { view: InView },
    /// The leaf is open for longer than it should.
    HeldOpen {
        stage: HeldStage,
        /// How long it is open.
        open: Duration,
        view: InView,
    },
    /// A cover was opened or a line cut.
    Tampered,
    /// What an alarm was for is over.
    AlarmEnded { alarm: Alarm, lasted: Duration },
    /// The first listed person of the office hours came: the door is unlocked from now on.
    OfficeOpened { act: u64, by: By },
    /// A mode ended by itself.
    ModeEnded {
        mode: Mode,
        act: u64,
        reason: ModeEnd,
    },
    /// Nothing is known of contact, REX, tamper, rotor and the other door any more.
    InputsLost,
    /// They tell again.
    InputsBack,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Something for the record.
    Report(Report),
    /// Somebody inside asks for the door: to be written down, and then answered with
    /// [`super::Input::Open`] by [`By::Rex`].
    AskRex,
    /// Which signals hold from now on.
    Signals(Signals),
    /// A command for the relay, whose outcome is told with [`super::Input::RelayDone`].
    Relay(RelayCommand),
}

/// What is to be done after a step, in this order, and when to call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Effects {
    list: [Option<Effect>; MAX_EFFECTS - 1],
    relay: Option<RelayCommand>,
    /// When to call again if nothing happens before; `None`: whenever.
    pub wake_at: Option<Instant>,
}

impl Effects {
    /// The effects in the order in which they are to be carried out. A command for the relay
    /// comes last: what the relay made of it is told before anything else is done.
    pub fn iter(&self) -> impl Iterator<Item = Effect> {
        let last = self.relay.map(Effect::Relay);
        self.list.into_iter().flatten().chain(last)
    }

    /// The reports in it.
    pub(super) fn reports(&self) -> impl Iterator<Item = Report> {
        self.list
            .into_iter()
            .flatten()
            .filter_map(|effect| match effect {
                Effect::Report(report) => Some(report),
                _ => None,
            })
    }

    /// The command for the relay, if there is one.
    pub(super) fn command(&self) -> Option<RelayCommand> {
        self.relay
    }

    /// Nothing but a call at this time.
    pub(super) fn wake(at: Option<Instant>) -> Self {
        Self {
            wake_at: at,
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, effect: Effect) {
        let free = self.list.iter_mut().find(|place| place.is_none());
        debug_assert!(free.is_some(), "more than MAX_EFFECTS");
        if let Some(free) = free {
            *free = Some(effect);
        }
    }

    /// With this said.
    pub(super) fn say(&mut self, report: Report) {
        self.push(Effect::Report(report));
    }

    pub(super) fn report(mut self, report: Report) -> Self {
        self.say(report);
        self
    }

    pub(super) fn relay(mut self, command: RelayCommand) -> Self {
        self.relay = Some(command);
        self
    }

    /// Calls again at this time too.
    pub(super) fn wake_by(&mut self, at: Option<Instant>) {
        self.wake_at = match (self.wake_at, at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}
