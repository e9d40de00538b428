//! `[factors]`: what is asked for besides the face.

use serde::Serialize;

use super::section::{Section, choice, defaults};

/// `[factors]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factors {
    /// What everybody has to give, whatever the rules say of somebody.
    pub demand: Demand,
    /// How long what comes first, face, PIN or card, waits for what comes next.
    pub within_ms: u64,
    /// Where a card is enough.
    pub card_alone: CardAlone,
}

choice! {
    /// What everybody has to give besides the face.
    pub enum Demand {
        Never = "never",
        Pin = "pin",
        Card = "card",
        /// Either of them.
        Any = "any",
    }
}

choice! {
    /// Where a card is enough without a face.
    pub enum CardAlone {
        Never = "never",
        /// While the camera is lost.
        CameraLost = "camera_lost",
    }
}

impl Factors {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            demand: section.choice("demand", Demand::Never),
            within_ms: section.whole("within_ms", 15_000, 2_000..=60_000, "milliseconds"),
            card_alone: section.choice("card_alone", CardAlone::Never),
        }
    }
}

impl Default for Factors {
    fn default() -> Self {
        defaults(Self::read)
    }
}
