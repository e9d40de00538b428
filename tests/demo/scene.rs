//! Recorded approaches made from still photos: a person comes nearer, sways,
//! steps into the light and out of blur, in front of a camera that has noise.
//!
//! Everything is computed from the frame's number, so two runs give the same bytes.

use std::f32::consts::PI;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use scenery::living::{self, Head, Held};

/// Frame size of the pretended camera, in pixels.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

/// A photo to approach with; the face's centre and width are in pixels of the photo.
#[derive(Clone, Copy)]
pub struct Person {
    /// Below `tests/photos`.
    pub photo: &'static str,
    /// Middle of the face.
    pub centre: (f32, f32),
    /// Width of the face.
    pub face_px: f32,
    pub shown: Shown,
}

/// How the photo is used.
#[derive(Clone, Copy, PartialEq)]
pub enum Shown {
    /// As a person who comes nearer and whose head lives.
    Alive,
    /// As a photo on a stand.
    OnAStand,
}

/// What the camera sees for a while.
pub struct Scene {
    /// Folder the frames go to.
    pub name: &'static str,
    /// What it shows, for people.
    pub title: &'static str,
    /// Who comes, if anybody.
    pub person: Option<Person>,
    /// How long, in frames.
    pub frames: u32,
}

impl Scene {
    /// Writes the scene's frames as `NNN.jpg` into `folder/name`.
    pub fn render(&self, photos: &Path, folder: &Path) -> anyhow::Result<()> {
        let folder = folder.join(self.name);
        std::fs::create_dir_all(&folder)?;
        let wall = imageops::resize(
            &image::open(photos.join("scenes-free/brick.jpg"))?.to_rgb8(),
            WIDTH,
            HEIGHT,
            FilterType::Triangle,
        );
        let photo = match &self.person {
            Some(person) => Some(image::open(photos.join(person.photo))?.to_rgb8()),
            None => None,
        };
        for number in 0..self.frames {
            let is_picture = self.person.is_some_and(|p| p.shown == Shown::OnAStand);
            // Whoever set it up is gone: nothing moves any more.
            let progress = match is_picture {
                true => 0.8,
                false => number as f32 / (self.frames - 1).max(1) as f32,
            };
            let mut frame = wall.clone();
            if let (Some(person), Some(photo)) = (&self.person, &photo) {
                let face_px = 60.0 + 150.0 * progress;
                let sway = (progress * 4.0 * PI).sin() * 30.0 * (1.0 - progress);
                let centre = (WIDTH as f32 / 2.0 + sway, 190.0 - 10.0 * progress);
                let head = Head::of(Path::new(person.photo)).filter(|_| !is_picture);
                let lives =
                    head.map(|head| living::held(photo, &head, &Held::waiting(u64::from(number))));
                let photo = lives.as_ref().unwrap_or(photo);
                paste(&mut frame, photo, person, face_px, centre);
            }
            let blur = 2.0 * (1.0 - 2.0 * progress);
            if blur > 0.2 {
                frame = imageops::fast_blur(&frame, blur);
            }
            expose(&mut frame, 0.55 + 0.45 * progress, number);
            let file = std::fs::File::create(folder.join(format!("{number:03}.jpg")))?;
            JpegEncoder::new_with_quality(std::io::BufWriter::new(file), 90)
                .encode_image(&frame)?;
        }
        Ok(())
    }
}

/// Puts the photo into the frame so that its face is `face_px` wide and centred
/// at `centre`, faded into the wall at the photo's edges.
fn paste(
    frame: &mut RgbImage,
    photo: &RgbImage,
    person: &Person,
    face_px: f32,
    centre: (f32, f32),
) {
    let scale = face_px / person.face_px;
    let (w, h) = (
        (photo.width() as f32 * scale) as u32,
        (photo.height() as f32 * scale) as u32,
    );
    let scaled = imageops::resize(photo, w.max(1), h.max(1), FilterType::CatmullRom);
    let left = (centre.0 - person.centre.0 * scale).round() as i64;
    let top = (centre.1 - person.centre.1 * scale).round() as i64;
    let fade = face_px * 0.25;
    for (x, y, pixel) in frame.enumerate_pixels_mut() {
        let (px, py) = (i64::from(x) - left, i64::from(y) - top);
        let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py)) else {
            continue;
        };
        if px >= scaled.width() || py >= scaled.height() {
            continue;
        }
        // The lower edge is where a body goes on, so it does not fade.
        let edge = px.min(scaled.width() - 1 - px).min(py) as f32;
        let share = (edge / fade).min(1.0);
        let over = scaled.get_pixel(px, py);
        for (below, above) in pixel.0.iter_mut().zip(over.0) {
            *below = (f32::from(*below) * (1.0 - share) + f32::from(above) * share) as u8;
        }
    }
}

/// Light and sensor noise.
fn expose(frame: &mut RgbImage, light: f32, number: u32) {
    let mut noise = Noise(u64::from(number) + 1);
    for Rgb(values) in frame.pixels_mut() {
        let grain = noise.next() * 4.0;
        for v in values {
            *v = (f32::from(*v) * light + grain).clamp(0.0, 255.0) as u8;
        }
    }
}

/// Roughly Gaussian, of variance 1, and the same on every machine.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        let parts = [z & 0xffff, (z >> 16) & 0xffff, (z >> 32) & 0xffff];
        let sum: f32 = parts.iter().map(|&p| p as f32 / 65535.0 - 0.5).sum();
        sum * 2.0
    }
}
