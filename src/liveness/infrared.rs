//! The second eye's veto: a face that is shown to the colour camera has to be in the infrared
//! picture too, at the same place, and look there as skin does under light from the camera.
//!
//! Near infrared light comes from the camera itself and fades with the distance squared, and
//! skin throws about half of it back. A screen gives none of its own and its glass throws next
//! to none back: it is dark, and nothing is seen on it. Paper is bright, but many inks are
//! clear in this light. No threshold here was measured on a camera: they are set by that, and
//! each door's own values are shown by `doorward try`.

use std::time::{Duration, Instant};

use image::RgbImage;

use super::mapping::Mapping;
use super::{Cue, Liveness};
use crate::config;

/// Surroundings darker than this, of 255, count as that bright: in a dark room a dark screen is
/// no brighter a face than in a light one.
const MIN_SURROUND_LUMA: f32 = 16.0;
/// A face so near to its place, in its sizes, is taken for that one, only elsewhere.
const NEAR: f32 = 1.0;
/// A place without a face is called dark below this share of the contrast that a face needs.
const DARK_SHARE: f32 = 0.5;
/// A picture so many times as bright is taken before one that is nearer in time.
const MUCH_BRIGHTER: f32 = 1.5;
/// Pixels of a face that are looked at along a side, about.
const SAMPLES_PER_SIDE: f32 = 48.0;
/// Faces whose pictures in a row are counted; one that is forgotten begins anew.
const MAX_STREAKS: usize = 32;
/// With fewer samples nothing is said of a place.
const MIN_SAMPLES: u32 = 64;

/// What a face has to be in the infrared picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The most between two pictures that count as one moment.
    pub max_skew: Duration,
    /// How many times as bright as its surroundings it is at least.
    pub min_contrast: f32,
    /// The least range of brightness, as a share of its mean.
    pub min_range: f32,
    /// How far off its place it may be, in sizes of the face.
    pub max_offset: f32,
    /// No picture for so long is a lost camera.
    pub stall: Duration,
}

impl Limits {
    /// As configured.
    pub fn new(config: &config::Infrared) -> Self {
        Self {
            max_skew: config.max_skew(),
            min_contrast: config.min_contrast,
            min_range: config.min_range,
            max_offset: config.max_offset,
            stall: Duration::from_millis(config.camera.stall_ms),
        }
    }
}

/// What stands against a face, with what was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Veto {
    /// Its place is not bright enough against what is around it, as a screen.
    Dark { contrast: f32 },
    /// It is as bright everywhere, as paper whose ink is clear in this light.
    Flat { range: f32 },
    /// There is no face at all; with the contrast of its place.
    MissingFace { contrast: f32 },
    /// The nearest face is at another place, in sizes of the face.
    Elsewhere { offset: f32 },
    /// No picture was taken at that moment; milliseconds to the nearest one, if there was any.
    CameraLost { nearest_ms: Option<f32> },
}

impl Veto {
    /// The number of it.
    pub(crate) fn measured(self) -> Option<f32> {
        match self {
            Self::Dark { contrast } | Self::MissingFace { contrast } => Some(contrast),
            Self::Flat { range } => Some(range),
            Self::Elsewhere { offset } => Some(offset),
            Self::CameraLost { nearest_ms } => nearest_ms,
        }
    }
}

/// How bright a place is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Brightness {
    /// Mean inside over the median around, which is taken for `MIN_SURROUND_LUMA` at least.
    pub contrast: f32,
    /// From the 5th to the 95th percentile inside, as a share of the mean.
    pub range: f32,
}

impl Brightness {
    /// Of a box in a picture of which any colour is its luma; nothing if hardly anything of it
    /// is in the picture. Around means above and beside: neck and shoulders are skin, or as near.
    pub(crate) fn of(picture: &RgbImage, [x0, y0, x1, y1]: [f32; 4]) -> Option<Self> {
        let (w, h) = ((x1 - x0) / 2.0, (y1 - y0) / 2.0);
        if !(w >= 1.0 && h >= 1.0 && w.max(h) <= 1e5) {
            return None;
        }
        let (cx, cy) = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
        let step = (2.0 * w.max(h) / SAMPLES_PER_SIDE).max(1.0);
        let (mut inside, mut around) = (Histogram::default(), Histogram::default());
        let reach = 2.0;
        let count = |side: f32| (2.0 * reach * side / step) as u32;
        for row in 0..=count(h) {
            for column in 0..=count(w) {
                let x = cx - reach * w + column as f32 * step;
                let y = cy - reach * h + row as f32 * step;
                if x < 0.0 || y < 0.0 {
                    continue;
                }
                let Some(pixel) = picture.get_pixel_checked(x as u32, y as u32) else {
                    continue;
                };
                let [_, luma, _] = pixel.0;
                let (across, down) = ((x - cx) / w, (y - cy) / h);
                let far = across.powi(2) + down.powi(2);
                if far <= 0.6 {
                    inside.add(luma);
                } else if far >= 1.7 && down < 0.5 {
                    around.add(luma);
                }
            }
        }
        if inside.count < MIN_SAMPLES {
            return None;
        }
        let mean = inside.mean();
        let surround = match around.count {
            0..MIN_SAMPLES => MIN_SURROUND_LUMA,
            _ => around.quantile(0.5).max(MIN_SURROUND_LUMA),
        };
        Some(Self {
            contrast: mean / surround,
            range: (inside.quantile(0.95) - inside.quantile(0.05)) / mean.max(1.0),
        })
    }
}

struct Histogram {
    bins: [u32; 256],
    count: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            bins: [0; 256],
            count: 0,
        }
    }
}

impl Histogram {
    fn add(&mut self, luma: u8) {
        if let Some(bin) = self.bins.get_mut(usize::from(luma)) {
            *bin += 1;
            self.count += 1;
        }
    }

    fn mean(&self) -> f32 {
        let sum: f32 = (0u8..=255)
            .zip(&self.bins)
            .map(|(luma, many)| f32::from(luma) * *many as f32)
            .sum();
        sum / self.count.max(1) as f32
    }

    fn quantile(&self, share: f32) -> f32 {
        let wanted = (self.count as f32 * share) as u32;
        let mut seen = 0;
        for (luma, many) in (0u8..=255).zip(&self.bins) {
            seen += many;
            if seen > wanted {
                return luma.into();
            }
        }
        255.0
    }
}

/// What was seen of a face in the infrared picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look {
    /// Nothing: no picture was taken at that moment.
    Unmatched {
        /// To the picture nearest in time, if there was ever one.
        nearest: Option<Duration>,
        /// So it has been for longer than the camera may be silent.
        is_lost: bool,
    },
    Seen {
        /// What lies between the times of the two pictures.
        skew: Duration,
        /// How bright the face is, or its place where none was found; nothing of a place outside
        /// of the picture.
        brightness: Option<Brightness>,
        /// How far the nearest face is off its place, in sizes of the face.
        offset: Option<f32>,
    },
}

impl Look {
    /// What follows for the face.
    pub fn verdict(&self, limits: &Limits) -> Liveness {
        let veto = match *self {
            Self::Unmatched { is_lost: false, .. } => return Liveness::Unknown,
            Self::Unmatched { nearest, .. } => Some(Veto::CameraLost {
                nearest_ms: nearest.map(|time| time.as_secs_f32() * 1000.0),
            }),
            Self::Seen {
                brightness, offset, ..
            } => veto(brightness, offset, limits),
        };
        veto.map_or(Liveness::Live, |veto| Liveness::Attack(Cue::Infrared(veto)))
    }
}

/// What stands against a face.
fn veto(brightness: Option<Brightness>, offset: Option<f32>, limits: &Limits) -> Option<Veto> {
    // NaN is no distance.
    let offset = offset.filter(|offset| offset.is_finite());
    let Some(Brightness { contrast, range }) = brightness else {
        return Some(match offset {
            Some(offset) if offset > limits.max_offset => Veto::Elsewhere { offset },
            _ => Veto::MissingFace { contrast: 0.0 },
        });
    };
    let is_dark = |least: f32| contrast < least || contrast.is_nan();
    match offset {
        Some(offset) if offset <= limits.max_offset => {
            if is_dark(limits.min_contrast) {
                Some(Veto::Dark { contrast })
            } else {
                let is_flat = range < limits.min_range || range.is_nan();
                is_flat.then_some(Veto::Flat { range })
            }
        }
        Some(offset) if offset <= NEAR => Some(Veto::Elsewhere { offset }),
        _ if is_dark(limits.min_contrast * DARK_SHARE) => Some(Veto::Dark { contrast }),
        Some(offset) => Some(Veto::Elsewhere { offset }),
        None => Some(Veto::MissingFace { contrast }),
    }
}

/// Which of some pictures belongs to one taken at `at`, by their times and mean brightness: of
/// those within `max_skew` the nearest, or one that is much brighter, because most infrared
/// cameras light only some of their pictures. Without one the nearest at all.
pub(crate) fn picked(
    at: Instant,
    max_skew: Duration,
    pictures: impl Iterator<Item = (Instant, f32)>,
) -> Option<usize> {
    let mut best: Option<(usize, Duration, f32)> = None;
    for (place, (taken, luma)) in pictures.enumerate() {
        let skew = apart(at, taken);
        let is_better = match best {
            None => true,
            Some((_, before, light)) if skew <= max_skew && before <= max_skew => {
                luma > light * MUCH_BRIGHTER || (skew < before && light <= luma * MUCH_BRIGHTER)
            }
            Some((_, before, _)) => skew < before,
        };
        if is_better {
            best = Some((place, skew, luma));
        }
    }
    best.map(|(place, ..)| place)
}

/// The time between two moments, whichever is first.
pub(crate) fn apart(a: Instant, b: Instant) -> Duration {
    a.saturating_duration_since(b)
        .max(b.saturating_duration_since(a))
}

/// How often in a row each face was found alive. One picture proves little: a decision takes
/// several, and each of them has to stand in the infrared picture too.
#[derive(Debug)]
pub(crate) struct Streaks {
    needed: usize,
    window: Duration,
    /// Track, how often, and when last; the newest at the end.
    faces: Vec<(u64, usize, Instant)>,
}

impl Streaks {
    /// A decision takes `needed` frames, and none says anything after `window`.
    pub(crate) fn new(needed: usize, window: Duration) -> Self {
        Self {
            needed: needed.max(1),
            window,
            faces: Vec::with_capacity(MAX_STREAKS),
        }
    }

    /// Takes what a picture says of a face, and gives what follows with those before.
    pub(crate) fn step(&mut self, track: u64, at: Instant, verdict: Liveness) -> Liveness {
        let window = self.window;
        self.faces.retain(|(_, _, last)| apart(at, *last) <= window);
        let known = self.faces.iter().position(|(known, ..)| *known == track);
        match verdict {
            Liveness::Attack(_) => {
                known.map(|place| self.faces.remove(place));
                verdict
            }
            Liveness::Unknown => verdict,
            Liveness::Live => {
                let before = known.map_or(0, |place| self.faces.remove(place).1);
                if self.faces.len() >= MAX_STREAKS {
                    self.faces.remove(0);
                }
                self.faces.push((track, before.saturating_add(1), at));
                match before.saturating_add(1) >= self.needed {
                    true => Liveness::Live,
                    false => Liveness::Unknown,
                }
            }
        }
    }

    pub(crate) fn forget(&mut self) {
        self.faces.clear();
    }
}

/// What the second eye goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecondEye {
    pub limits: Limits,
    pub mapping: Mapping,
}
