//! From the words of the parts to those of the record, and nothing else: which event a
//! decision, a report of the door or a failure is.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use super::access_rules::RulesFault;
use super::strict::Untrusted;
use super::{DaemonError, Fault};
use crate::access::{self, CardClaim, Claim, Denial, Factors, GateEffect, Grant, Rules, Subject};
use crate::camera::CameraError;
use crate::cohort::Score;
use crate::config::{ConfigError, RulesError};
use crate::database::DatabaseError;
use crate::embedding::ModelVersion;
use crate::liveness::{Cue, Failure};
use crate::person::PersonId;
use crate::recognise::{FaceReport, TooSeldom};
use crate::record::{
    CameraLoss, ChallengePassed, ConfigFault, Cues, DenialReason, Denied, Event, Factor,
    FaultReason, FrameRef, GrantReason, Granted, LockoutCause, PersonRef, Recognition, Unusable,
    WhichCamera, WhitelistFault,
};
use crate::whitelist::{Directory, WhitelistError};

/// Where a face was decided about.
#[derive(Debug, Clone)]
pub(crate) struct DecidedAt {
    pub(crate) frame: FrameRef,
    /// What made the embeddings.
    pub(crate) model: ModelVersion,
    /// How the face moved until then.
    pub(crate) cues: Option<Cues>,
}

/// Somebody may pass.
pub(crate) fn of_grant(
    grant: &Grant,
    claim: &Claim,
    directory: &Directory,
    at: DecidedAt,
) -> Granted {
    Granted {
        reason: GrantReason::Recognised,
        recognition: Recognition {
            person: named(directory, claim.person),
            score: claim.score,
            threshold: claim.threshold,
            frames: count(claim.frames),
            model: at.model,
            frame: at.frame,
        },
        // Named where it is written.
        with: None,
        factors: given(grant.factors()),
        challenge: grant.factors().challenge.map(|passed| ChallengePassed {
            steps: count(passed.steps),
            ms: millis(passed.took),
        }),
        cues: at.cues,
    }
}

/// A grant that was not written, because the rules stand against it.
pub(crate) fn of_refused_grant(event: Event, reason: access::DenialReason) -> Event {
    let granted = match event {
        Event::Granted(granted) => granted,
        Event::GrantedByCard { person, card, .. } => {
            return Event::FactorRefused {
                reason: denial_reason(reason),
                person: Some(person),
                card: Some(card),
            };
        }
        other => return other,
    };
    let Recognition {
        person,
        score,
        threshold,
        frames,
        model,
        frame,
    } = granted.recognition;
    Event::Denied(Denied {
        reason: denial_reason(reason),
        person: Some(person),
        score: finite(score),
        threshold: finite(threshold),
        frames,
        model,
        frame,
        measured: None,
        challenge: None,
        cues: granted.cues,
        left_out: None,
    })
}

/// Somebody may not pass.
pub(crate) fn of_denial(denial: &Denial, directory: &Directory, at: DecidedAt) -> Denied {
    let nearest = denial.nearest;
    Denied {
        reason: denial_reason(denial.reason),
        person: nearest.map(|nearest| named(directory, nearest.person)),
        score: nearest.and_then(|nearest| finite(nearest.score)),
        threshold: finite(denial.threshold),
        frames: count(denial.frames),
        model: at.model,
        frame: at.frame,
        measured: denial.cue.and_then(Cue::measured),
        challenge: None,
        cues: at.cues,
        left_out: NonZeroU32::new(denial.left_out),
    }
}

/// What was measured of how the face of this number moves, if it is among these.
pub(crate) fn cues_of(track: u64, faces: &[FaceReport]) -> Option<Cues> {
    let face = faces.iter().find(|face| face.track.number() == track)?;
    let tenths_of_thousandths = |value: f32| (value * 10_000.0).round() / 10_000.0;
    let told = |value: Option<f32>| value.filter(|v| v.is_finite()).map(tenths_of_thousandths);
    let cues = Cues {
        movement: told(face.cues.movement),
        coupling: told(face.cues.coupling),
    };
    (cues.movement.is_some() || cues.coupling.is_some()).then_some(cues)
}

/// A face could not be judged.
pub(crate) fn of_flaw(
    flaw: access::Flaw,
    left_out: u32,
    model: &ModelVersion,
    frame: FrameRef,
) -> Event {
    Event::CannotJudge {
        reason: unusable(flaw),
        model: model.clone(),
        frame,
        left_out: NonZeroU32::new(left_out),
    }
}

/// Faces are seen too seldom to be followed, when looking at a frame took `vision`.
pub(crate) fn of_seldom_frames(seldom: TooSeldom, vision: Duration) -> Event {
    let (gap, most) = (seldom.gap.as_millis(), seldom.most.as_millis());
    let vision = vision.as_millis();
    let message = format!(
        "a face was seen again only after {gap} ms, several times in a row, and {most} ms is the most; looking at the last picture took {vision} ms: if that is long, end what else runs on this machine (doorward bench says what it can do), else have the camera give more pictures (camera.fps)"
    );
    Event::Fault {
        reason: FaultReason::TooSlow,
        part: None,
        message: Some(message),
    }
}

/// Why a face could not be judged, as the record calls it.
pub(crate) fn unusable(flaw: access::Flaw) -> Unusable {
    match flaw {
        access::Flaw::TooSmall => Unusable::TooSmall,
        access::Flaw::Blurred => Unusable::Blurred,
        access::Flaw::Dark => Unusable::Dark,
        access::Flaw::Cut => Unusable::Cut,
        access::Flaw::UpsideDown => Unusable::UpsideDown,
        access::Flaw::LowDetectorScore => Unusable::LowDetectorScore,
    }
}

/// What gave a presentation attack away, as the record calls it.
pub(crate) fn of_cue(cue: Cue) -> DenialReason {
    denial_reason(access::DenialReason::of(cue))
}

/// The daemon does not start or ends.
pub(crate) fn of_failure(error: &DaemonError) -> Event {
    let (reason, part) = match error {
        DaemonError::Relay(_) | DaemonError::Place(_) => (FaultReason::Relay, None),
        DaemonError::Database(_) | DaemonError::Acts(_) => (FaultReason::Database, None),
        DaemonError::Record(_) => (FaultReason::Record, None),
        DaemonError::Vision(_) | DaemonError::Untrusted(_) => (FaultReason::Models, None),
        DaemonError::Camera(_) => (FaultReason::Camera, None),
        DaemonError::Mapping(_) => (FaultReason::Infrared, None),
        DaemonError::Whitelist(_) => (FaultReason::Whitelist, None),
        DaemonError::Panel(_) => (FaultReason::Panel, None),
        DaemonError::Risk(_) => (FaultReason::NoThreshold, None),
        DaemonError::AccessRules(_) => (FaultReason::AccessRules, None),
        DaemonError::Fleet(_) => (FaultReason::Fleet, None),
        DaemonError::System { .. } => (FaultReason::System, None),
        DaemonError::Fault(fault) => return of_fault(fault),
        DaemonError::NotLocked(_) => (FaultReason::Relay, None),
    };
    Event::Fault {
        reason,
        part,
        message: Some(error.to_string()),
    }
}

/// A part failed while the door was guarded.
pub(crate) fn of_fault(fault: &Fault) -> Event {
    let (reason, part) = match fault {
        Fault::Ended(part) => (FaultReason::PartEnded, Some(*part)),
        Fault::Hung { part, .. } => (FaultReason::PartHung, Some(*part)),
        Fault::Bent(_) => (FaultReason::DatabaseReplaced, None),
    };
    Event::Fault {
        reason,
        part,
        message: Some(fault.to_string()),
    }
}

/// A changed configuration was refused because others can write it.
pub(crate) fn of_untrusted(path: &Path, untrusted: &Untrusted) -> Event {
    Event::ConfigRejected {
        reason: ConfigFault::Invalid,
        file: path.display().to_string(),
        message: untrusted.to_string(),
    }
}

/// A changed configuration was refused.
pub(crate) fn of_rejected(error: &ConfigError) -> Event {
    let (reason, path) = match error {
        ConfigError::Read { path, .. } => (ConfigFault::Unreadable, path),
        ConfigError::Invalid { path, .. } => (ConfigFault::Invalid, path),
    };
    Event::ConfigRejected {
        reason,
        file: path.display().to_string(),
        // One line a mistake; an event is one line.
        message: error.to_string().replace('\n', "; "),
    }
}

/// Access rules are in force.
pub(crate) fn of_rules(folder: &Path, rules: &Rules) -> Event {
    let (files, rules) = rules.counts();
    Event::RulesLoaded {
        folder: folder.display().to_string(),
        files: files as u64,
        rules: rules as u64,
    }
}

/// Changed access rules were refused.
pub(crate) fn of_rejected_rules(folder: &Path, fault: &RulesFault) -> Event {
    Event::RulesRejected {
        reason: match fault {
            RulesFault::Rules(RulesError::Read { .. }) => ConfigFault::Unreadable,
            RulesFault::Rules(_) | RulesFault::Untrusted(_) | RulesFault::NoChallenge { .. } => {
                ConfigFault::Invalid
            }
        },
        folder: folder.display().to_string(),
        message: fault.to_string().replace('\n', "; "),
    }
}

/// The whitelist could not be read.
pub(crate) fn of_unreadable(error: &WhitelistError) -> Event {
    Event::WhitelistUnreadable {
        reason: match error {
            WhitelistError::Database(DatabaseError::Changed { .. }) => WhitelistFault::Changed,
            WhitelistError::Database(DatabaseError::Key(_)) => WhitelistFault::NoKey,
            WhitelistError::Database(_) => WhitelistFault::Database,
            WhitelistError::DamagedTemplate { .. } => WhitelistFault::DamagedTemplate,
            _ => WhitelistFault::Other,
        },
        message: error.to_string(),
    }
}

/// No frames come.
pub(crate) fn of_loss(which: WhichCamera, error: &CameraError) -> Event {
    let message = error.to_string();
    Event::CameraLost {
        which,
        reason: match error {
            CameraError::NotFound { .. } => CameraLoss::NotFound,
            CameraError::Busy { .. } => CameraLoss::Busy,
            CameraError::Permission { .. } => CameraLoss::NoPermission,
            CameraError::NotACamera { .. } => CameraLoss::NotACamera,
            CameraError::NoUsableFormat { .. } => CameraLoss::NoUsableFormat,
            CameraError::Unplugged { .. } => CameraLoss::Unplugged,
            CameraError::Stalled { .. } => CameraLoss::Stalled,
            CameraError::Frozen { .. } => CameraLoss::Frozen,
            CameraError::BadFrame { .. } => CameraLoss::BadFrames,
            CameraError::TooOld { .. } => CameraLoss::TooOld,
            CameraError::NoBandwidth { .. } => CameraLoss::NoBandwidth,
            CameraError::ImpossibleSize { .. } => CameraLoss::ImpossibleSize,
            CameraError::Replay { .. } => CameraLoss::Recording,
            CameraError::Io { .. } => CameraLoss::Failed,
        },
        message: match which {
            WhichCamera::Colour => message,
            // The keys that it names are the second camera's.
            WhichCamera::Infrared => message.replace(" camera.", " camera.infrared."),
        },
    }
}

/// A reason as it is stored and shown.
pub(crate) fn denial_reason(reason: access::DenialReason) -> DenialReason {
    match reason {
        access::DenialReason::NotListed => DenialReason::NotListed,
        access::DenialReason::FrozenFace => DenialReason::FrozenFace,
        access::DenialReason::CoupledFace => DenialReason::CoupledFace,
        access::DenialReason::InfraredDark => DenialReason::InfraredDark,
        access::DenialReason::InfraredFlat => DenialReason::InfraredFlat,
        access::DenialReason::InfraredMissingFace => DenialReason::InfraredMissingFace,
        access::DenialReason::InfraredElsewhere => DenialReason::InfraredElsewhere,
        access::DenialReason::InfraredCameraLost => DenialReason::InfraredCameraLost,
        access::DenialReason::PadNetwork => DenialReason::PadNetwork,
        access::DenialReason::EmptyWhitelist => DenialReason::EmptyWhitelist,
        access::DenialReason::Disabled => DenialReason::Disabled,
        access::DenialReason::Removed => DenialReason::Removed,
        access::DenialReason::Expired => DenialReason::Expired,
        access::DenialReason::OutsideHours => DenialReason::OutsideHours,
        access::DenialReason::NotYetValid => DenialReason::NotYetValid,
        access::DenialReason::ValidityOver => DenialReason::ValidityOver,
        access::DenialReason::NoEntriesLeft => DenialReason::NoEntriesLeft,
        access::DenialReason::ClockUnknown => DenialReason::ClockUnknown,
        access::DenialReason::FactorNeeded(_) => DenialReason::FactorNeeded,
        access::DenialReason::ChallengeNeeded => DenialReason::ChallengeNeeded,
        access::DenialReason::Challenge(failure) => match failure {
            Failure::WrongStep => DenialReason::ChallengeWrongStep,
            Failure::TooEarly => DenialReason::ChallengeTooEarly,
            Failure::TooLate => DenialReason::ChallengeTooLate,
            Failure::IdentityLost => DenialReason::ChallengeIdentityLost,
            Failure::Flat => DenialReason::ChallengeFlat,
        },
        access::DenialReason::CompanionMissing => DenialReason::CompanionMissing,
        access::DenialReason::EscortMissing => DenialReason::EscortMissing,
        access::DenialReason::PassedBack => DenialReason::PassedBack,
        access::DenialReason::ScoreTooLow => DenialReason::ScoreTooLow,
        access::DenialReason::LockedDown => DenialReason::LockedDown,
        access::DenialReason::WrongPin => DenialReason::WrongPin,
        access::DenialReason::LockedOut => DenialReason::LockedOut,
        access::DenialReason::CardUnknown => DenialReason::CardUnknown,
        access::DenialReason::CardLost => DenialReason::CardLost,
        access::DenialReason::CardAlone => DenialReason::CardAlone,
        access::DenialReason::FactorOfAnother => DenialReason::FactorOfAnother,
        access::DenialReason::LeaseOver => DenialReason::LeaseOver,
    }
}

pub(super) fn named(directory: &Directory, id: PersonId) -> PersonRef {
    PersonRef::new(id, directory.name_of(id))
}

/// JSON has no infinity, and NaN is no score.
pub(super) fn finite(score: Score) -> Option<Score> {
    score.value().is_finite().then_some(score)
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn count(frames: usize) -> u32 {
    u32::try_from(frames).unwrap_or(u32::MAX)
}

fn given(factors: Factors) -> Vec<Factor> {
    let all = [(factors.card, Factor::Card), (factors.pin, Factor::Pin)];
    let given = all.into_iter().filter(|(given, _)| *given);
    given.map(|(_, factor)| factor).collect()
}

/// Somebody may pass by a card.
pub(crate) fn of_card_grant(grant: &Grant, claim: &CardClaim, directory: &Directory) -> Event {
    Event::GrantedByCard {
        reason: GrantReason::Card,
        person: named(directory, claim.person),
        card: claim.card.reference(),
        factors: given(grant.factors()),
    }
}

/// The person of a card may not pass.
pub(crate) fn of_card_denial(denial: &Denial, claim: &CardClaim, directory: &Directory) -> Event {
    Event::FactorRefused {
        reason: denial_reason(denial.reason),
        person: Some(named(directory, claim.person)),
        card: Some(claim.card.reference()),
    }
}

/// What of the gate's effects is an event.
pub(crate) fn of_gate(effect: &GateEffect, directory: &Directory) -> Option<Event> {
    Some(match effect {
        GateEffect::Accepted {
            factor,
            person,
            card,
        } => Event::FactorAccepted {
            factor: match factor {
                access::Factor::Pin => Factor::Pin,
                access::Factor::Card => Factor::Card,
            },
            person: named(directory, *person),
            card: card.map(|card| card.reference()),
        },
        GateEffect::Refuse {
            reason,
            person,
            card,
            ..
        } => Event::FactorRefused {
            reason: denial_reason(*reason),
            person: person.map(|person| named(directory, person)),
            card: card.map(|card| card.reference()),
        },
        GateEffect::Duress { person } => Event::Duress {
            person: named(directory, *person),
        },
        GateEffect::Began { subject, pause_ms } => {
            let (reason, person) = lockout_cause(*subject, directory);
            let pause_ms = *pause_ms;
            Event::LockoutBegan {
                reason,
                person,
                pause_ms,
            }
        }
        GateEffect::Ended { subject } => {
            let (reason, person) = lockout_cause(*subject, directory);
            Event::LockoutEnded { reason, person }
        }
        GateEffect::CheckPin { .. }
        | GateEffect::LookUp { .. }
        | GateEffect::Complete { .. }
        | GateEffect::Keep { .. } => return None,
    })
}

fn lockout_cause(subject: Subject, directory: &Directory) -> (LockoutCause, Option<PersonRef>) {
    match subject {
        Subject::Faces => (LockoutCause::Faces, None),
        Subject::Factors => (LockoutCause::Factors, None),
        Subject::Person(person) => (LockoutCause::Person, Some(named(directory, person))),
        Subject::Challenges(person) => (LockoutCause::Challenges, Some(named(directory, person))),
    }
}
