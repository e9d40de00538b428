//! What a measurement of the checks against presentation attacks leaves in the record.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::payload::Actor;
use crate::shown::counted;

/// One run of `doorward pad-test`. The report itself is its user's to keep; by its hash this
/// says which one it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PadTested {
    /// People, as `bona_fide`, and each kind of instrument.
    pub presented: Vec<PadKind>,
    /// The checks that were on, as keys of `[liveness]`.
    pub checks: Vec<String>,
    /// SHA-256 of the model set's manifest, in lower-case hexadecimal.
    pub models_sha256: String,
    /// SHA-256 of the configuration's file.
    pub config_sha256: String,
    /// SHA-256 of the report as JSON, as `--out` writes it.
    pub report_sha256: String,
    pub actor: Actor,
}

/// What became of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PadKind {
    pub kind: String,
    pub tries: u64,
    /// Taken for bona fide.
    pub accepted: u64,
    /// Neither taken for bona fide nor for an attack.
    pub no_response: u64,
}

/// After its kind.
pub(super) fn tell(f: &mut impl Write, run: &PadTested) -> fmt::Result {
    let separators = std::iter::once(":").chain(std::iter::repeat(","));
    for (separator, one) in separators.zip(&run.presented) {
        write!(
            f,
            "{separator} {} accepted {} of {}",
            one.kind,
            one.accepted,
            counted(one.tries, "try", "tries")
        )?;
        if one.no_response > 0 {
            write!(f, " ({} without a response)", one.no_response)?;
        }
    }
    let checks = match run.checks.is_empty() {
        true => "no check on".to_owned(),
        false => format!("checks {}", run.checks.join(", ")),
    };
    write!(
        f,
        "; {checks}, report {}, by {}",
        run.report_sha256, run.actor
    )
}
