//! From a cut-out picture to a network's input: values, channels, order of axes, as its
//! manifest entry says.

use image::RgbImage;

use super::manifest::{Colour, InputSpec, Layout, Normalisation};

/// What is done to a picture's values.
#[derive(Debug, Clone, Copy)]
enum Scale {
    /// `x * by + plus`.
    Linear {
        by: f32,
        plus: f32,
    },
    PerImage,
}

/// How pictures are prepared for one network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preparation {
    scale: Scale,
    colour: Colour,
    layout: Layout,
}

impl Preparation {
    /// As the entry says.
    ///
    /// # Errors
    /// What the entry lacks.
    pub(super) fn of(input: &InputSpec) -> Result<Self, &'static str> {
        let scale = match (input.normalisation, input.mean, input.std) {
            (Normalisation::None, ..) => Scale::Linear { by: 1.0, plus: 0.0 },
            (Normalisation::PerImageWhitening, ..) => Scale::PerImage,
            (Normalisation::Fixed, Some(mean), Some(std)) if std > 0.0 && mean.is_finite() => {
                Scale::Linear {
                    by: 1.0 / std,
                    plus: -mean / std,
                }
            }
            (Normalisation::Fixed, ..) => {
                return Err("mean and std, above 0, with normalisation \"fixed\"");
            }
        };
        Ok(Self {
            scale,
            colour: input.colour,
            layout: input.layout,
        })
    }

    /// The axes of a picture of `[width, height]`, without that of the batch.
    pub(super) fn axes(&self, [width, height]: [u32; 2]) -> [i64; 3] {
        let (width, height) = (i64::from(width), i64::from(height));
        match self.layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
        }
    }

    /// Width and height of the pictures that an input of this shape takes; nothing if it takes
    /// no pictures of one size in three channels.
    pub(super) fn sides(&self, shape: &[i64]) -> Option<[u32; 2]> {
        let &[_, a, b, c] = shape else { return None };
        let (height, width) = match self.layout {
            Layout::Nchw => (b, c),
            Layout::Nhwc => (a, b),
        };
        let sides = [u32::try_from(width).ok()?, u32::try_from(height).ok()?];
        (self.axes(sides) == [a, b, c] && !sides.contains(&0)).then_some(sides)
    }

    /// Fills `pixels` with a picture as the network takes it, and gives the shape of that.
    pub(super) fn fill(&self, picture: &RgbImage, pixels: &mut Vec<f32>) -> [usize; 4] {
        let (by, plus) = match self.scale {
            Scale::Linear { by, plus } => (by, plus),
            Scale::PerImage => {
                let (mean, std) = mean_and_std(picture.as_raw());
                let least = 1.0 / (picture.as_raw().len() as f64).sqrt();
                let std = std.max(least);
                ((1.0 / std) as f32, (-mean / std) as f32)
            }
        };
        let value = |v: u8| f32::from(v) * by + plus;
        let order = match self.colour {
            Colour::Rgb => [0, 1, 2],
            Colour::Bgr => [2, 1, 0],
        };
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        pixels.clear();
        let (whole, _) = picture.as_raw().as_chunks::<3>();
        match self.layout {
            Layout::Nchw => {
                for channel in order {
                    pixels.extend(whole.iter().map(|p| value(p[channel])));
                }
                [1, 3, height, width]
            }
            Layout::Nhwc => {
                pixels.extend(whole.iter().flat_map(|p| order.map(|c| value(p[c]))));
                [1, height, width, 3]
            }
        }
    }
}

fn mean_and_std(values: &[u8]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let (sum, squares) = values.iter().fold((0u64, 0u64), |(s, q), &v| {
        (s + u64::from(v), q + u64::from(v) * u64::from(v))
    });
    let mean = sum as f64 / n;
    (mean, (squares as f64 / n - mean * mean).max(0.0).sqrt())
}
