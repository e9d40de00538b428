//! What a step of the door asks for.

use std::time::{Duration, Instant};

use super::reason::{LockCause, NotOpened};

/// Effects of one step, at most: one report and one command for the relay.
pub const MAX_EFFECTS: usize = 2;

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

/// On whose account the door opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// A grant, by the number of its audit record.
    Grant(u64),
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
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Something for the record.
    Report(Report),
    /// A command for the relay, whose outcome is told with [`super::Input::RelayDone`].
    Relay(RelayCommand),
}

/// What is to be done after a step, in this order, and when to call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Effects {
    list: [Option<Effect>; MAX_EFFECTS],
    /// When to call again if nothing happens before; `None`: whenever.
    pub wake_at: Option<Instant>,
}

impl Effects {
    /// The effects in the order in which they are to be carried out.
    pub fn iter(&self) -> impl Iterator<Item = Effect> {
        self.list.into_iter().flatten()
    }

    /// The command for the relay, if there is one.
    #[cfg(test)]
    pub(super) fn command(&self) -> Option<RelayCommand> {
        self.iter().find_map(|effect| match effect {
            Effect::Relay(command) => Some(command),
            Effect::Report(_) => None,
        })
    }

    /// Nothing but a call at this time.
    pub(super) fn wake(at: Option<Instant>) -> Self {
        Self {
            wake_at: at,
            ..Self::default()
        }
    }

    pub(super) fn report(mut self, report: Report) -> Self {
        let [first, _] = &mut self.list;
        *first = Some(Effect::Report(report));
        self
    }

    /// With this command. It comes last: what the relay made of it is told before
    /// anything else is done.
    pub(super) fn relay(mut self, command: RelayCommand) -> Self {
        let [_, last] = &mut self.list;
        *last = Some(Effect::Relay(command));
        self
    }
}
