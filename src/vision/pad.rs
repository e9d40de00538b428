//! An operator's network against presentation attacks (ISO/IEC 30107), of the role `pad`: a
//! face with what is around it becomes a probability that a person presents it.
//!
//! doorward comes with none. What the network wants and what its classes mean is its manifest
//! entry's to say; what follows from its scores is the room `liveness`'.

use std::time::{Duration, Instant};

use fast_image_resize as fir;
use image::RgbImage;
use ort::environment::Environment;

use super::crop::scale_into;
use super::entry::PAD_CROP_SIDES;
use super::input::Preparation;
use super::manifest::{Entry, Manifest};
use super::runtime::{Network, Shape};
use super::{Face, VisionError};
use crate::config;

/// Classes a network may tell apart.
const MAX_CLASSES: i64 = 64;
/// How far a probability may lie outside of 0..=1 by rounding.
const MAX_ROUNDING: f32 = 1e-3;

/// The network with the way faces are prepared for it.
#[derive(Debug)]
pub(super) struct PadNetwork {
    network: Network,
    output: String,
    classes: usize,
    bona_fide_class: usize,
    softmax: bool,
    /// Whether what it said last would have passed for probabilities without a softmax.
    said_shares: bool,
    threshold: f32,
    crop_factor: f32,
    preparation: Preparation,
    resizer: fir::Resizer,
    crop: RgbImage,
    pixels: Vec<f32>,
    spent: Duration,
}

/// What an entry says, understood.
struct Spec {
    output: String,
    classes: usize,
    bona_fide_class: usize,
    threshold: f32,
    crop_factor: f32,
    preparation: Preparation,
    sides: [u32; 2],
}

impl Spec {
    /// # Errors
    /// What is wrong with the entry.
    fn of(entry: &Entry) -> Result<Self, String> {
        let needs = |what: &str| format!("{}: a network of the role pad needs {what}", entry.id);
        let crop_factor = entry.crop_factor.filter(|f| (1.0..=8.0).contains(f));
        let crop_factor = crop_factor.ok_or_else(|| needs("crop_factor, from 1 to 8"))?;
        let threshold = entry.threshold.filter(|t| (0.0..=1.0).contains(t));
        let threshold = threshold.ok_or_else(|| needs("threshold, from 0 to 1"))?;
        let is_said = |text: &String| !text.trim().is_empty();
        if !entry.calibration.as_ref().is_some_and(is_said) {
            return Err(needs(
                "calibration: where its threshold comes from, in words",
            ));
        }
        let preparation = Preparation::of(&entry.input).map_err(needs)?;
        // -1 or 1 for the number of pictures: one goes in at a time.
        let one = |n: Option<&i64>| matches!(n, Some(-1 | 1));
        let shape = &entry.input.shape;
        let sides = preparation.sides(shape).filter(|_| one(shape.first()));
        let sides = sides
            .filter(|sides| {
                let is_usual = |side: &u32| PAD_CROP_SIDES.contains(&i64::from(*side));
                sides.iter().all(is_usual)
            })
            .ok_or_else(|| {
                needs(&format!(
                    "an input of one picture with three channels and sides of {} to {} pixels, such as [-1, 3, 80, 80] for NCHW; its shape is {}",
                    PAD_CROP_SIDES.start(),
                    PAD_CROP_SIDES.end(),
                    Shape(shape)
                ))
            })?;
        let output = match &entry.outputs[..] {
            [output] => output,
            other => {
                let found = other.len();
                return Err(needs(&format!("one output, not {found}")));
            }
        };
        let classes = match output.shape[..] {
            [-1 | 1, classes @ 2..=MAX_CLASSES] => classes as usize,
            _ => {
                return Err(needs(&format!(
                    "an output with a value for each of two classes or more, such as [-1, 3]; its shape is {}",
                    Shape(&output.shape)
                )));
            }
        };
        let bona_fide_class = entry.bona_fide_class.filter(|class| *class < classes);
        let bona_fide_class = bona_fide_class.ok_or_else(|| {
            needs(&format!(
                "bona_fide_class, from 0 to {}: which of its {classes} classes is a bona fide presentation",
                classes - 1
            ))
        })?;
        Ok(Self {
            output: output.name.clone(),
            classes,
            bona_fide_class,
            threshold,
            crop_factor,
            preparation,
            sides,
        })
    }
}

impl PadNetwork {
    /// Opens the network of a set.
    ///
    /// # Errors
    /// [`VisionError`] if it is missing or not what the manifest says.
    pub(super) fn open(
        environment: &Environment,
        manifest: &Manifest,
        entry: &Entry,
        models: &config::Models,
    ) -> Result<Self, VisionError> {
        let spec = Spec::of(entry).map_err(|fault| manifest.wrong(fault))?;
        let network = Network::open(environment, manifest, entry, models)?;
        Ok(Self::with(network, spec, entry))
    }

    /// The network of a file that is in no set yet.
    ///
    /// # Errors
    /// [`VisionError::Model`] if it is not what `entry` says.
    pub(super) fn of(
        environment: &Environment,
        bytes: &[u8],
        entry: &Entry,
        models: &config::Models,
    ) -> Result<Self, VisionError> {
        let spec = Spec::of(entry).map_err(|reason| VisionError::Model {
            id: entry.id.clone(),
            reason,
        })?;
        let network = Network::of(environment, bytes, entry, models)?;
        Ok(Self::with(network, spec, entry))
    }

    fn with(network: Network, spec: Spec, entry: &Entry) -> Self {
        let [width, height] = spec.sides;
        Self {
            network,
            output: spec.output,
            classes: spec.classes,
            bona_fide_class: spec.bona_fide_class,
            softmax: entry.softmax,
            said_shares: false,
            threshold: spec.threshold,
            crop_factor: spec.crop_factor,
            preparation: spec.preparation,
            resizer: fir::Resizer::new(),
            crop: RgbImage::new(width, height),
            pixels: Vec::with_capacity(width as usize * height as usize * 3),
            spent: Duration::ZERO,
        }
    }

    /// The manifest's id.
    pub(super) fn id(&self) -> &str {
        self.network.id()
    }

    /// A mean probability under this is an artefact's.
    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Width and height of what it is shown, in pixels.
    pub(super) fn sides(&self) -> [u32; 2] {
        [self.crop.width(), self.crop.height()]
    }

    /// Classes it tells apart.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// Whether what it said last are probabilities, before any softmax.
    pub(super) fn said_shares(&self) -> bool {
        self.said_shares
    }

    /// Time it took so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    /// The probability that a face of a picture is presented by a person, 0..=1.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if the network fails or says no probabilities.
    pub(super) fn score(&mut self, image: &RgbImage, face: &Face) -> Result<f32, VisionError> {
        let start = Instant::now();
        let place = cut(face.rect, self.crop_factor, image.width(), image.height());
        let shown = place.and_then(|place| self.show(image, place));
        let score = match shown {
            Some(()) => self.ask(),
            None => Err(self.failed("the face's box has no place in the picture".into())),
        };
        self.spent += start.elapsed();
        score
    }

    /// The same of a whole picture, as if it had been cut out.
    ///
    /// # Errors
    /// As [`PadNetwork::score`].
    pub(super) fn score_crop(&mut self, crop: RgbImage) -> Result<f32, VisionError> {
        if crop.dimensions() == self.crop.dimensions() {
            self.crop = crop;
        }
        self.ask()
    }

    fn show(&mut self, image: &RgbImage, part: [f64; 4]) -> Option<()> {
        // Not widened when it shrinks, as OpenCV's: these networks were trained on that.
        let how = fir::ResizeAlg::Interpolation(fir::FilterType::Bilinear);
        scale_into(&mut self.resizer, image, part, how, &mut self.crop)
    }

    fn ask(&mut self) -> Result<f32, VisionError> {
        let shape = self.preparation.fill(&self.crop, &mut self.pixels);
        let outputs = self.network.run(shape, &self.pixels)?;
        let (_, values) = outputs.tensor(&self.output)?;
        let said_shares = are_shares(values);
        let score = match values.len() == self.classes {
            true => probability(values, self.bona_fide_class, self.softmax),
            false => Err(format!("{} values, not {}", values.len(), self.classes)),
        };
        drop(outputs);
        self.said_shares = said_shares;
        score.map_err(|reason| self.failed(reason))
    }

    fn failed(&self, reason: String) -> VisionError {
        VisionError::Inference {
            id: self.network.id().to_owned(),
            reason,
        }
    }
}

/// What the values say of a class.
///
/// # Errors
/// They are no probabilities, and should be.
fn probability(values: &[f32], class: usize, softmax: bool) -> Result<f32, String> {
    let value = values.get(class).copied().unwrap_or(f32::NAN);
    if softmax {
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = values.iter().map(|v| (v - most).exp()).sum();
        return Ok((value - most).exp() / sum);
    }
    if !are_shares(values) {
        return Err("its output is no probabilities that add up to 1; if they still have to go through a softmax, its entry needs softmax = true".into());
    }
    Ok(value.clamp(0.0, 1.0))
}

/// Whether values are probabilities that add up to 1.
fn are_shares(values: &[f32]) -> bool {
    let sum: f32 = values.iter().sum();
    let is_share = |v: &f32| (-MAX_ROUNDING..=1.0 + MAX_ROUNDING).contains(v);
    values.iter().all(is_share) && (sum - 1.0).abs() <= 10.0 * MAX_ROUNDING
}

/// `[left, top, width, height]` of a box made larger about its middle, moved into the picture
/// where it reaches over its border, and not made larger than the picture: as MiniFASNet's own
/// pipeline cuts. `None` for a box that is none.
fn cut([x0, y0, x1, y1]: [f32; 4], factor: f32, width: u32, height: u32) -> Option<[f64; 4]> {
    let (width, height) = (f64::from(width), f64::from(height));
    let (w, h) = (f64::from(x1) - f64::from(x0), f64::from(y1) - f64::from(y0));
    if !(w >= 1.0 && h >= 1.0 && w.is_finite() && h.is_finite()) {
        return None;
    }
    let factor = f64::from(factor).min(width / w).min(height / h);
    let (wide, high) = ((w * factor).min(width), (h * factor).min(height));
    let middle = |a: f32, b: f32| (f64::from(a) + f64::from(b)) / 2.0;
    let left = (middle(x0, x1) - wide / 2.0).clamp(0.0, width - wide);
    let top = (middle(y0, y1) - high / 2.0).clamp(0.0, height - high);
    let place = [left, top, wide, high];
    (place.iter().all(|v| v.is_finite()) && wide >= 1.0 && high >= 1.0).then_some(place)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_box_is_cut_out_with_what_is_around_it_and_inside_the_picture() {
        let at = |rect| {
            cut(rect, 2.7, 640, 480)
                .unwrap()
                .map(|v| (v * 1e3).round() / 1e3)
        };
        assert_eq!(
            at([300.0, 200.0, 340.0, 250.0]),
            [266.0, 157.5, 108.0, 135.0]
        );
        // Over the border it is moved, and what is too large becomes the picture's size.
        let [left, top, ..] = at([0.0, 0.0, 40.0, 50.0]);
        assert_eq!([left, top], [0.0, 0.0]);
        let [left, top, width, height] = at([200.0, 100.0, 440.0, 400.0]);
        assert_eq!((top, height), (0.0, 480.0));
        assert!((width - 384.0).abs() < 1e-3 && (left - 128.0).abs() < 1e-3);
        assert_eq!(cut([5.0, 5.0, 5.0, 9.0], 2.7, 640, 480), None);
    }

    proptest! {
        #[test]
        fn any_box_stays_inside(rect in prop::array::uniform4(any::<f32>()), factor in 1f32..8.0) {
            if let Some([left, top, width, height]) = cut(rect, factor, 64, 48) {
                prop_assert!(left >= 0.0 && top >= 0.0 && width >= 1.0 && height >= 1.0);
                prop_assert!(left + width <= 64.0 + 1e-9 && top + height <= 48.0 + 1e-9);
            }
        }
    }

    #[test]
    fn only_probabilities_are_taken_for_such() {
        assert_eq!(probability(&[0.25, 0.75], 1, false), Ok(0.75));
        assert!(probability(&[2.0, -1.0], 1, false).is_err());
        assert!(probability(&[0.9, 0.9], 1, false).is_err());
        let even = probability(&[1000.0, 1000.0], 0, true).unwrap();
        assert!((even - 0.5).abs() < 1e-6);
    }
}
