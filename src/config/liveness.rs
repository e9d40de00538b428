//! `[liveness]`: what a face is looked at for before it counts as a person's.

use serde::Serialize;

use super::section::{Section, choice, defaults};

/// `[liveness]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Liveness {
    /// Whether a face that never moves is refused.
    pub frozen_face: bool,
    /// A face that moves less in two seconds is frozen, in eye distances.
    pub min_movement: f32,
    /// Whether a face that moves as one with its surroundings is refused.
    pub coupling: bool,
    /// The share of its movement above which it does.
    pub max_coupling: f32,
    /// Whether it is measured for `doorward calibrate-liveness`, and refuses nobody.
    pub learn_coupling: bool,
    /// Whether the model set's network against presentation attacks has to pass a face.
    pub network: bool,
    /// Who has to pass a challenge.
    pub challenge: Challenge,
    /// Its length follows from this: guessing the movements is no likelier than 1 in so many.
    pub challenge_guess: u32,
    /// How long each of the movements may take.
    pub challenge_step_ms: u64,
}

choice! {
    /// Who has to pass a challenge.
    pub enum Challenge {
        Never = "never",
        Always = "always",
        /// Whom an access rule lets in that says so.
        Rules = "rules",
    }
}

impl Liveness {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            frozen_face: section.flag("frozen_face", true),
            min_movement: section.number("min_movement", 0.0047, 0.001..=0.1, "eye distances"),
            coupling: section.flag("coupling", false),
            max_coupling: section.number("max_coupling", 0.54, 0.1..=1.0, "a share"),
            learn_coupling: section.flag("learn_coupling", false),
            network: section.flag("network", false),
            challenge: section.choice("challenge", Challenge::Never),
            challenge_guess: section.whole("challenge_guess", 12, 2..=972, "sequences"),
            challenge_step_ms: section.whole(
                "challenge_step_ms",
                2000,
                1000..=10_000,
                "milliseconds",
            ),
        }
    }
}

impl Default for Liveness {
    fn default() -> Self {
        defaults(Self::read)
    }
}
