//! `doorward enroll`: a person's templates, from photos or from the camera.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use image::RgbImage;

use super::actor;
use crate::camera::{self, CameraError, Next};
use crate::cohort::Score;
use crate::config::Config;
use crate::database::Database;
use crate::embedding::Embedding;
use crate::recognise::{Flaw, Quality};
use crate::risk::Calibration;
use crate::vision::{AlignedFace, Face, Vision};
use crate::whitelist::{self, Alike, NewTemplate, Snapshot};

/// Longer side of a kept photo, in pixels.
const LARGEST_KEPT: u32 = 512;
/// How far the head of a photo may be turned aside; see [`Quality::turned`].
const MOST_TURNED: f32 = 0.45;

/// Whom to enroll, and from what.
#[derive(Debug, Args)]
pub struct Enroll {
    /// The person's name; photos are added to a person of that name
    name: String,

    /// Photos (JPEG or PNG) that show this person and nobody else; three or more,
    /// in different light, make recognition much surer
    #[arg(value_name = "PHOTO", required_unless_present = "camera")]
    photos: Vec<PathBuf>,

    /// Enroll although somebody on the whitelist looks the same, such as a twin: each of
    /// the two may then be taken for the other
    #[arg(long)]
    look_alike: bool,

    /// Take the pictures live with the configured camera
    #[arg(long, conflicts_with = "photos")]
    camera: bool,

    /// How many pictures to take with --camera
    #[arg(long, value_name = "N", default_value_t = 5, requires = "camera",
          value_parser = clap::value_parser!(u8).range(1..=20))]
    pictures: u8,

    /// How long to wait for them with --camera, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "camera",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

impl Enroll {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let name = whitelist::check_name(&self.name)?;
        // Whatever is wrong with the database is told before anybody poses for photos.
        let mut database = Database::open(&config.whitelist.database)?;
        let mut vision = Vision::open(&config.models, &config.vision)?;
        let pictures = if self.camera {
            self.take_pictures(config, &mut vision)?
        } else {
            self.read_photos(config, &mut vision)?
        };
        let (templates, qualities): (Vec<_>, Vec<_>) = pictures.into_iter().unzip();
        self.check(config, &database, &vision, &name, &templates)?;
        let person =
            whitelist::enroll(&mut database, &name, &templates, vision.version(), &actor())?;
        tell(&templates, &qualities);
        println!(
            "{name} ({person}) is enrolled with {} new template{}",
            templates.len(),
            if templates.len() == 1 { "" } else { "s" }
        );
        Ok(ExitCode::SUCCESS)
    }

    /// What speaks against it, before anything is written.
    fn check(
        &self,
        config: &Config,
        database: &Database,
        vision: &Vision,
        name: &str,
        templates: &[NewTemplate],
    ) -> anyhow::Result<()> {
        let own = whitelist::people(database)?
            .into_iter()
            .find(|p| p.name.to_lowercase() == name.to_lowercase());
        let own = own.map(|p| p.id);
        let calibration = vision.scoring().calibration();
        let outliers = match calibration {
            Some(c) => whitelist::outliers(templates, &[], c.cosine_1_in_100),
            None => {
                eprintln!(
                    "these networks came without a calibration, so the photos are not compared with each other: see that all show one person"
                );
                Vec::new()
            }
        };
        ensure!(
            outliers.is_empty(),
            "nobody was enrolled, these photos do not show the same person as the others; leave them out:\n  {}",
            outliers
                .iter()
                .map(|(photo, cosine)| format!("{photo}: cosine {cosine:.2} with the others"))
                .collect::<Vec<_>>()
                .join("\n  ")
        );
        let asked = config.access.asked();
        let listed = Snapshot::load(database, vision.version(), vision.scoring(), asked)?;
        let people = listed.matcher.comparisons() + usize::from(own.is_none());
        let threshold = listed
            .matcher
            .threshold_with(people)
            .context("nobody was enrolled, because then nobody could be let in any more")?
            .score;
        let alike = whitelist::alike(
            templates,
            own,
            &listed.matcher,
            threshold,
            calibration.map_or(Score::new(f32::INFINITY), Calibration::highest_score),
        );
        let (found, likely) = match alike {
            None => {
                if templates.len() < 3 && own.is_none() {
                    eprintln!(
                        "fewer than three photos: add more, in the light of the door, to be recognised sooner and mistaken less"
                    );
                }
                return Ok(());
            }
            Some(Alike::Same(found)) => (found, "is most likely the same person"),
            Some(Alike::LookAlike(found)) => (
                found,
                "looks so similar that each would be taken for the other",
            ),
        };
        let other = listed.directory.name_of(found.person);
        let rate = calibration.and_then(|c| c.rates_at(found.score)).map_or(
            "fewer strangers than were measured reach it".into(),
            |rates| format!("1 in {:.0} strangers reaches it", 1.0 / rates.fmr),
        );
        let what = format!(
            "{other} ({}) {likely}: score {:.3}, the door opens from {threshold:.3}, {rate}",
            found.person, found.score
        );
        ensure!(
            self.look_alike,
            "nobody was enrolled: {what}; add the photos to that person, or if they are two people, repeat with --look-alike and use more photos or a second factor for both"
        );
        eprintln!("{what}; enrolled all the same");
        Ok(())
    }

    /// All photos or none: half an enrolment would look like a whole one.
    fn read_photos(
        &self,
        config: &Config,
        vision: &mut Vision,
    ) -> anyhow::Result<Vec<(NewTemplate, Quality)>> {
        let mut templates = Vec::new();
        let mut faults = Vec::new();
        for photo in &self.photos {
            match camera::load_picture(photo)
                .map_err(anyhow::Error::from)
                .and_then(|image| Ok((only_face(&image, vision)?, image)))
            {
                Ok(((face, aligned, quality), image)) => match fault(&quality, config) {
                    Some(fault) => faults.push(format!("{}: {fault}", photo.display())),
                    None => {
                        let template = NewTemplate {
                            embedding: vision.embed(&aligned)?,
                            source: photo.display().to_string(),
                            photo: kept(&image, &face, config)?,
                        };
                        templates.push((template, quality));
                    }
                },
                Err(error) => {
                    let error = super::sentence(&error);
                    let photo = photo.display().to_string();
                    faults.push(if error.contains(&photo) {
                        error
                    } else {
                        format!("{photo}: {error}")
                    });
                }
            }
        }
        ensure!(
            faults.is_empty(),
            "nobody was enrolled:\n  {}",
            faults.join("\n  ")
        );
        Ok(templates)
    }

    fn take_pictures(
        &self,
        config: &Config,
        vision: &mut Vision,
    ) -> anyhow::Result<Vec<(NewTemplate, Quality)>> {
        let mut source = camera::open(&config.camera)?;
        println!("{}", source.describe());
        println!("Look at the camera and turn your head a little between pictures.");
        let until = Instant::now() + Duration::from_secs(self.timeout);
        let mut templates = Vec::new();
        let mut said = String::new();
        let mut next_at = Instant::now();
        while templates.len() < usize::from(self.pictures) {
            ensure!(
                Instant::now() < until,
                "nobody was enrolled: {} of {} good pictures in {} s, the last one was left out because {}",
                templates.len(),
                self.pictures,
                self.timeout,
                if said.is_empty() {
                    "no frame came"
                } else {
                    &said
                }
            );
            let frame = match source.next_frame(Duration::from_millis(200)) {
                Ok(Next::Frame(frame)) => frame,
                Ok(Next::Ended) => bail!(
                    "nobody was enrolled: the recording ended after {} of {} good pictures",
                    templates.len(),
                    self.pictures
                ),
                Err(error) if error.is_passing() => {
                    if matches!(error, CameraError::BadFrame { .. }) {
                        said = error.to_string();
                    }
                    continue;
                }
                Err(error) => return Err(error).context("nobody was enrolled"),
            };
            // Frames in a row show the same: one in half a second says more.
            if Instant::now() < next_at {
                continue;
            }
            let image = frame.to_rgb();
            let fault = match only_face(&image, vision) {
                Ok((face, aligned, quality)) => match fault(&quality, config) {
                    None => {
                        let template = NewTemplate {
                            embedding: vision.embed(&aligned)?,
                            source: "camera".into(),
                            photo: kept(&image, &face, config)?,
                        };
                        templates.push((template, quality));
                        println!("picture {} of {}", templates.len(), self.pictures);
                        next_at = Instant::now() + Duration::from_millis(500);
                        said.clear();
                        continue;
                    }
                    Some(fault) => fault,
                },
                Err(error) => error.to_string(),
            };
            if fault != said {
                println!("waiting: {fault}");
                said = fault;
            }
        }
        Ok(templates)
    }
}

/// What each picture is worth as a template.
fn tell(templates: &[NewTemplate], qualities: &[Quality]) {
    let rows = templates
        .iter()
        .zip(qualities)
        .enumerate()
        .map(|(i, (t, q))| {
            let others: Vec<_> = templates
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .map(|(_, other)| &other.embedding)
                .collect();
            let like = Embedding::mean(&others).and_then(|mean| mean.cosine(&t.embedding));
            vec![
                t.source.clone(),
                format!("{:.0}", q.size_px),
                format!("{:.0}", q.sharpness),
                format!("{:.0}", q.luma),
                format!("{:.2}", q.turned),
                like.map_or("-".into(), |cosine| format!("{cosine:.2}")),
            ]
        });
    let columns = [
        "picture",
        "pixels",
        "sharpness",
        "brightness",
        "turned",
        "like the others",
    ];
    super::table(&columns, rows);
}

/// The face of a picture that shows exactly one, cut out and measured.
fn only_face(
    image: &RgbImage,
    vision: &mut Vision,
) -> anyhow::Result<(Face, AlignedFace, Quality)> {
    let faces = vision.detect(image)?;
    match &faces[..] {
        [face] => {
            let aligned = vision
                .align(image, face)
                .context("its face lies outside the picture; take one with the whole head in it")?;
            let quality = Quality::of(face, &aligned);
            Ok((*face, aligned, quality))
        }
        [] => bail!("it shows no face; take one from the front, with the whole head in it"),
        several => bail!("it shows {} faces; let it show one person", several.len()),
    }
}

/// The part of a picture another network may want to see, as PNG, if it is to be kept.
fn kept(image: &RgbImage, face: &Face, config: &Config) -> anyhow::Result<Option<Vec<u8>>> {
    if !config.whitelist.keep_photos {
        return Ok(None);
    }
    let around = face.size() * 0.6;
    let [x0, y0, x1, y1] = face.rect;
    let within = |v: f32, most: u32| v.clamp(0.0, most as f32) as u32;
    let (left, top) = (
        within(x0 - around, image.width()),
        within(y0 - around, image.height()),
    );
    let (right, bottom) = (
        within(x1 + around, image.width()),
        within(y1 + around, image.height()),
    );
    let part = image::imageops::crop_imm(image, left, top, right - left, bottom - top).to_image();
    let part = if part.width().max(part.height()) > LARGEST_KEPT {
        image::DynamicImage::from(part).thumbnail(LARGEST_KEPT, LARGEST_KEPT)
    } else {
        part.into()
    };
    let mut png = std::io::Cursor::new(Vec::new());
    part.write_to(&mut png, image::ImageFormat::Png)
        .context("the photo cannot be kept")?;
    Ok(Some(png.into_inner()))
}

/// What is wrong with a face, and what to do.
fn fault(quality: &Quality, config: &Config) -> Option<String> {
    let Quality {
        size_px,
        score,
        sharpness,
        luma,
        turned,
    } = *quality;
    let limits = &config.vision;
    let Some(flaw) = quality.flaw(limits) else {
        // At the door a turned head only weighs less; a template has to be of the face.
        return (turned > MOST_TURNED).then(|| {
            format!(
                "the head is turned aside, {turned:.2} of {MOST_TURNED:.2} at most; take it from the front"
            )
        });
    };
    Some(match flaw {
        Flaw::TooSmall => format!(
            "the face is too small, {} pixels of {}; take it from nearer",
            size_px.floor(),
            limits.min_face_px
        ),
        Flaw::Unsure => format!(
            "the face is not clear, detector score {score:.2} of {:.2}; take it from the front, uncovered",
            limits.min_score
        ),
        Flaw::Blurred => format!(
            "the face is too blurred, sharpness {sharpness:.0} of {:.0}; hold still and focus",
            limits.min_sharpness
        ),
        Flaw::Dark => format!(
            "the face is too dark, brightness {luma:.0} of {:.0}; put light on it",
            limits.min_luma
        ),
        Flaw::OutsidePicture => {
            "the face lies outside the picture; take one with the whole head in it".into()
        }
    })
}
