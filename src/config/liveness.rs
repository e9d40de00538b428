//! `[liveness]`: what a face is looked at for before it counts as a person's.

use serde::Serialize;

use super::section::{Section, defaults};

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
        }
    }
}

impl Default for Liveness {
    fn default() -> Self {
        defaults(Self::read)
    }
}
