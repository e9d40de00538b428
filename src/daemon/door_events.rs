//! From the words of the door to those of the record, and nothing else.

use std::time::Duration;

use super::events::named;
use crate::door::{self, Report};
use crate::record::{
    Alarm, AlarmEnded, By, DoorMode, Event, HeldOpen, HeldStage, InView, LockCause, ModeEnd,
    NotOpened, Passage, RelayCommand, View,
};
use crate::whitelist::Directory;

/// What the shell knows beside a report.
pub(crate) struct Beside<'a> {
    /// How long the relay was energised, if it was.
    pub energised: Option<Duration>,
    pub relay: String,
    /// Who is listed, if that can be read.
    pub directory: Option<&'a Directory>,
}

/// What a report of the door is.
pub(crate) fn of_report(report: Report, beside: Beside<'_>) -> Event {
    let view = |view| of_view(view, beside.directory);
    let passage = |by, seen| Passage {
        by: of_by(by),
        view: view(seen),
    };
    match report {
        Report::Unlocked { by, pulse } => Event::Unlocked {
            by: of_by(by),
            pulse_ms: ms(pulse),
        },
        Report::Locked { by, cause } => Event::Locked {
            reason: lock_cause(cause),
            by: by.map(of_by),
            energised_ms: beside.energised.map(ms),
        },
        Report::Fault { by, command } => Event::RelayFault {
            command: match command {
                door::RelayCommand::Energise => RelayCommand::Energise,
                door::RelayCommand::Release => RelayCommand::Release,
            },
            relay: beside.relay,
            by: by.map(of_by),
        },
        Report::NotOpened {
            by: door::By::Grant(grant),
            reason,
        } => Event::GrantWithdrawn {
            reason: not_opened(reason),
            grant: Some(grant),
            recognition: None,
        },
        Report::NotOpened { by, reason } => Event::NotOpened {
            by: of_by(by),
            reason: not_opened(reason),
        },
        Report::RexRefused { reason } => Event::RexRefused {
            reason: not_opened(reason),
        },
        Report::Taken { by, view } => Event::AccessTaken(passage(by, view)),
        Report::TakenAgain { by, view } => Event::TakenAgain(passage(by, view)),
        Report::NotTaken { by, view } => Event::AccessNotTaken(passage(by, view)),
        Report::OtherWay { by, view } => Event::OtherWay(passage(by, view)),
        Report::Exit { view: seen } => Event::Exit(view(seen)),
        Report::ForcedOpen { view: seen } => Event::ForcedOpen(view(seen)),
        Report::HeldOpen {
            stage,
            open,
            view: seen,
        } => Event::HeldOpen(HeldOpen {
            stage: match stage {
                door::HeldStage::PreAlarm => HeldStage::PreAlarm,
                door::HeldStage::Alarm => HeldStage::Alarm,
            },
            open_ms: ms(open),
            view: view(seen),
        }),
        Report::Tampered => Event::Tamper,
        Report::AlarmEnded { alarm, lasted } => Event::AlarmEnded(AlarmEnded {
            alarm: match alarm {
                door::Alarm::ForcedOpen => Alarm::ForcedOpen,
                door::Alarm::HeldOpen => Alarm::HeldOpen,
                door::Alarm::Tamper => Alarm::Tamper,
            },
            lasted_ms: ms(lasted),
        }),
        Report::OfficeOpened { act, by } => Event::OfficeOpened { act, by: of_by(by) },
        Report::ModeEnded { mode, act, reason } => Event::ModeEnded {
            mode: of_mode(mode),
            act,
            reason: match reason {
                door::ModeEnd::Expired => ModeEnd::Expired,
                door::ModeEnd::ClockUnknown => ModeEnd::ClockUnknown,
            },
        },
        Report::InputsLost => Event::InputsLost,
        Report::InputsBack => Event::InputsBack,
    }
}

/// Who is in view, by name as far as the whitelist can be read.
pub(crate) fn of_view(view: door::InView, directory: Option<&Directory>) -> View {
    let (in_view, person) = match view {
        door::InView::NotLooking => (InView::NotLooking, None),
        door::InView::Nobody => (InView::Nobody, None),
        door::InView::UnknownFace => (InView::UnknownFace, None),
        door::InView::Listed(id) => (InView::Listed, directory.map(|known| named(known, id))),
    };
    View { in_view, person }
}

pub(super) fn of_mode(mode: door::Mode) -> DoorMode {
    match mode {
        door::Mode::Normal => DoorMode::Normal,
        door::Mode::LockedDown => DoorMode::Lockdown,
        door::Mode::HeldOpen => DoorMode::Hold,
        door::Mode::OfficeHours => DoorMode::Office,
    }
}

/// What the record's mode is to the door.
pub(crate) fn to_mode(mode: DoorMode) -> door::Mode {
    match mode {
        DoorMode::Normal => door::Mode::Normal,
        DoorMode::Lockdown => door::Mode::LockedDown,
        DoorMode::Hold => door::Mode::HeldOpen,
        DoorMode::Office => door::Mode::OfficeHours,
    }
}

fn ms(time: Duration) -> u64 {
    time.as_millis() as u64
}

pub(super) fn of_by(by: door::By) -> By {
    match by {
        door::By::Grant(id) => By::Grant(id),
        door::By::Rex(id) => By::Rex(id),
        door::By::Act(id) => By::Act(id),
    }
}

fn lock_cause(cause: door::LockCause) -> LockCause {
    match cause {
        door::LockCause::Started => LockCause::Started,
        door::LockCause::PulseEnded => LockCause::PulseEnded,
        door::LockCause::RelayFault => LockCause::RelayFault,
        door::LockCause::ClockWentBack => LockCause::ClockWentBack,
        door::LockCause::Revoked => LockCause::Revoked,
        door::LockCause::Stopping => LockCause::Stopping,
        door::LockCause::LeafOpened => LockCause::LeafOpened,
        door::LockCause::LeafClosed => LockCause::LeafClosed,
        door::LockCause::Passed => LockCause::Passed,
        door::LockCause::LockedDown => LockCause::LockedDown,
        door::LockCause::OtherDoorOpen => LockCause::OtherDoorOpen,
        door::LockCause::ModeEnded => LockCause::ModeEnded,
    }
}

fn not_opened(reason: door::NotOpened) -> NotOpened {
    match reason {
        door::NotOpened::Releasing => NotOpened::Releasing,
        door::NotOpened::RelayFault => NotOpened::RelayFault,
        door::NotOpened::ClockWentBack => NotOpened::ClockWentBack,
        door::NotOpened::NoEnd => NotOpened::NoEnd,
        door::NotOpened::Stopping => NotOpened::Stopping,
        door::NotOpened::LockedDown => NotOpened::LockedDown,
        door::NotOpened::OtherDoorOpen => NotOpened::OtherDoorOpen,
        door::NotOpened::HeldOpen => NotOpened::HeldOpen,
        door::NotOpened::TooLate => NotOpened::TooLate,
        door::NotOpened::QueueFull => NotOpened::QueueFull,
        door::NotOpened::QueueExpired => NotOpened::QueueExpired,
        door::NotOpened::Revoked => NotOpened::Revoked,
    }
}
