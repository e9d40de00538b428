//! What keeps a face from being judged: doubt about the picture, not about the person.

use std::fmt;

use serde::Serialize;

/// Why a face cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Fewer pixels than `vision.min_face_px`.
    TooSmall,
    /// Detector score below `vision.min_detector_score`.
    LowDetectorScore,
    /// Sharpness below `vision.min_sharpness`.
    Blurred,
    /// Mean luma below `vision.min_luma`.
    Dark,
    /// More of it outside the picture than `vision.max_outside`.
    Cut,
    /// The detector likes it better turned by half a turn.
    UpsideDown,
}

impl Flaw {
    /// Its name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooSmall => "too_small",
            Self::LowDetectorScore => "low_detector_score",
            Self::Blurred => "blurred",
            Self::Dark => "dark",
            Self::Cut => "cut",
            Self::UpsideDown => "upside_down",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "too small",
            Self::LowDetectorScore => "half hidden or turned away",
            Self::Blurred => "blurred",
            Self::Dark => "dark",
            Self::Cut => "cut by the picture's edge",
            Self::UpsideDown => "upside down",
        })
    }
}
