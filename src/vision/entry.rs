//! What a manifest says of each file of its set.

use std::fmt;

use serde::Deserialize;

use crate::embedding::ModelVersion;

/// Sides of the pictures that networks of the role `pad` take, in pixels.
pub(super) const PAD_CROP_SIDES: std::ops::RangeInclusive<i64> = 16..=1024;

/// What a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// MTCNN's proposal network.
    Pnet,
    /// MTCNN's refinement network.
    Rnet,
    /// MTCNN's output network.
    Onet,
    /// The network that turns an aligned face into an embedding.
    Embedder,
    /// An operator's network that tells presentation attacks from faces; see `vision::pad`.
    Pad,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pnet => "pnet",
            Self::Rnet => "rnet",
            Self::Onet => "onet",
            Self::Embedder => "embedder",
            Self::Pad => "pad",
        })
    }
}

/// What is done to 8 bit pixels before a network sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Nothing: values 0..=255 go in.
    None,
    /// `(x - mean) / max(std, 1 / sqrt(n))` over all `n` values of the picture.
    PerImageWhitening,
    /// `(x - mean) / std` with the `mean` and `std` of the manifest entry.
    Fixed,
}

impl Normalisation {
    /// As the manifest spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PerImageWhitening => "per-image-whitening",
            Self::Fixed => "fixed",
        }
    }
}

/// Order of a pixel's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Colour {
    /// Red first.
    #[default]
    #[serde(rename = "RGB")]
    Rgb,
    /// Blue first.
    #[serde(rename = "BGR")]
    Bgr,
}

impl Colour {
    /// As the manifest spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
        }
    }
}

/// Order of a tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Layout {
    /// A plane a channel.
    #[default]
    Nchw,
    /// A pixel's channels together.
    Nhwc,
}

impl Layout {
    /// As the manifest spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nchw => "NCHW",
            Self::Nhwc => "NHWC",
        }
    }
}

/// How a face is cut out for the embedder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// MTCNN's box with a margin, scaled to a square without turning it.
    MtcnnBox,
    /// Turned, scaled and moved so that the landmarks come to lie where ArcFace's
    /// template of 112x112 pixels has them (Deng et al. 2019), scaled to `crop`.
    FivePoint,
}

impl Alignment {
    /// As the manifest spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MtcnnBox => "mtcnn-box",
            Self::FivePoint => "five-point",
        }
    }
}

/// A network's input, as the manifest promises it.
#[derive(Debug, Clone, Deserialize)]
pub struct InputSpec {
    /// The tensor's name.
    pub name: String,
    /// Its shape; -1 where any size goes.
    pub shape: Vec<i64>,
    /// What is done to the pixels first.
    pub normalisation: Normalisation,
    /// With [`Normalisation::Fixed`].
    pub mean: Option<f32>,
    /// With [`Normalisation::Fixed`]; above 0.
    pub std: Option<f32>,
    /// Order of channels.
    #[serde(default)]
    pub colour: Colour,
    /// Order of axes.
    #[serde(default)]
    pub layout: Layout,
}

/// A network's output, as the manifest promises it.
#[derive(Debug, Clone, Deserialize)]
pub struct OutputSpec {
    /// The tensor's name.
    pub name: String,
    /// Its shape; -1 where any size comes.
    pub shape: Vec<i64>,
}

/// One file of a model set.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Its name in configurations and logs.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// Its file name, in the manifest's folder.
    pub file: String,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// `fp32` or `int8`.
    pub precision: String,
    /// Whether this is the one to use for its role unless another is chosen.
    #[serde(default)]
    pub default: bool,
    /// Whether the quicker of its role's networks with this mark may be taken: they are
    /// equally good.
    #[serde(default)]
    pub auto: bool,
    /// What goes in.
    pub input: InputSpec,
    /// What comes out.
    #[serde(rename = "output")]
    pub outputs: Vec<OutputSpec>,
    /// SHA-256 of the file it was made from, where that is known.
    pub source_sha256: Option<String>,
    /// Coordinates of an embedding (embedders only).
    pub embedding_size: Option<usize>,
    /// How faces are cut out (embedders only).
    pub alignment: Option<Alignment>,
    /// Pixels of the crop that are margin (embedders with `mtcnn-box` only).
    pub margin: Option<u32>,
    /// Side of the crop, in pixels (embedders only).
    pub crop: Option<u32>,
    /// What turns its embeddings (embedders only).
    pub projection: Option<ProjectionSpec>,
    /// Sides of what is cut out, in sides of the face's box (role `pad` only).
    pub crop_factor: Option<f32>,
    /// Which of the classes is a bona fide presentation, from 0 (role `pad` only).
    pub bona_fide_class: Option<usize>,
    /// Whether the output still has to go through a softmax; else it is probabilities (role
    /// `pad` only).
    #[serde(default)]
    pub softmax: bool,
    /// A face whose mean probability of being bona fide is lower is an artefact (role
    /// `pad` only).
    pub threshold: Option<f32>,
    /// Where the threshold comes from, in words (role `pad` only).
    pub calibration: Option<String>,
}

/// What turns an embedder's cosines into scores that mean the same for every face, and
/// scores into rates: a cohort and a calibration.
#[derive(Debug, Clone, Deserialize)]
pub struct ScoringSpec {
    /// The embedder's version they were made with.
    pub model: ModelVersion,
    /// What scores are normalised by; without it they are plain cosines.
    pub cohort: Option<CohortSpec>,
    /// File name of the calibration.
    pub calibration: String,
    /// Its SHA-256.
    pub calibration_sha256: String,
}

/// A projection's file; see [`super::projection`].
#[derive(Debug, Clone, Deserialize)]
pub struct ProjectionSpec {
    /// File name.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// Embedders that decide together; see `vision::ensemble`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsembleSpec {
    /// Its name, by which it can be chosen.
    pub id: String,
    /// Whether it is used unless another ensemble, or one embedder alone, is chosen.
    #[serde(default)]
    pub default: bool,
    /// File name of the members' mean faces.
    pub centres: String,
    /// Its SHA-256.
    pub centres_sha256: String,
    /// At least two; the first one's crop is what quality is measured on.
    #[serde(rename = "member")]
    pub members: Vec<MemberSpec>,
}

/// One of the embedders that decide together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSpec {
    /// The embedder's id.
    pub model: String,
    /// Its share in the score, 0 to 1; the shares add up to 1.
    pub weight: f32,
}

impl EnsembleSpec {
    /// What is wrong with it, whatever the networks are.
    pub(super) fn fault(&self) -> Option<String> {
        let sum: f32 = self.members.iter().map(|m| m.weight).sum();
        let names = self.members.iter().enumerate();
        let twice = names.skip(1).find(|(i, m)| {
            self.members
                .iter()
                .take(*i)
                .any(|earlier| earlier.model == m.model)
        });
        if self.members.len() < 2 {
            Some("an ensemble needs two members or more".into())
        } else if self
            .members
            .iter()
            .any(|m| m.weight <= 0.0 || m.weight.is_nan())
            || (sum - 1.0).abs() > 1e-3
        {
            Some(format!(
                "the members' weights have to be above 0 and add up to 1, not {sum}"
            ))
        } else {
            twice.map(|(_, m)| format!("{} is a member twice", m.model))
        }
    }
}

/// A cohort's file and what it takes to read it.
#[derive(Debug, Clone, Deserialize)]
pub struct CohortSpec {
    /// File name of the rows.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Values of a row.
    pub size: usize,
    /// Rows nearest to a face that count.
    pub nearest_rows: usize,
    /// Mean of an average face.
    pub mean: f32,
    /// Spread of an average face.
    pub std_dev: f32,
}
