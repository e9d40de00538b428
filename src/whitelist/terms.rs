//! On which terms somebody is enrolled.

use crate::record::Consent;

/// What is said of somebody who is enrolled, beside the name and the face.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// A guest, until this moment, in milliseconds since 1970.
    pub guest_until_ms: Option<i64>,
    pub consent: Option<Consent>,
    /// Whether somebody without consent is refused.
    pub require_consent: bool,
}
