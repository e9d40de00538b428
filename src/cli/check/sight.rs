//! What the camera gives, whether it is good enough, and how long judging it takes.

use std::time::{Duration, Instant};

use anyhow::Context;
use image::RgbImage;

use super::{Report, Verdict};
use crate::camera::{self, CameraError, Next, Stale};
use crate::config::{self, Config, Source};
use crate::recognise::{Flaw, Quality};
use crate::shown::counted;
use crate::vision::{Face, Vision, VisionError};
use crate::whitelist::Matcher;

/// Frames looked at; the first of a camera are often dark while it sets its exposure.
const FRAMES_LOOKED_AT: usize = 8;
/// Times each stage is run.
const RUNS_PER_STAGE: usize = 5;
/// A person waits less than a second, and three frames have to agree.
const MAX_FRAME_TIME: Duration = Duration::from_millis(300);
/// Mean luma between which a picture is neither dark nor washed out, 0..=255.
const GOOD_LUMA: std::ops::RangeInclusive<f32> = 50.0..=215.0;

/// What a camera gave.
#[derive(Default)]
pub(super) struct Seen {
    pub frames: Vec<RgbImage>,
    /// How old the freshest was when it came.
    age: Option<Duration>,
}

/// Opens the camera and takes some frames.
pub(super) fn check_camera(config: &Config, report: &mut Report) -> Seen {
    look_through(&config.camera, config, ["camera", "camera modes"], report)
}

/// The same of either camera; the names of its lines.
pub(super) fn look_through(
    camera: &config::Camera,
    config: &Config,
    [part, part_modes]: [&'static str; 2],
    report: &mut Report,
) -> Seen {
    match camera::modes(camera) {
        Ok(modes) if modes.is_empty() => {}
        Ok(modes) => report.add(part_modes, Verdict::Ok, modes.join("; ")),
        // Opening it says the same, with a verdict.
        Err(_) => {}
    }
    let mut seen = Seen::default();
    let mut source = match camera::open(camera) {
        Ok(source) => source,
        Err(error @ CameraError::Busy { .. }) => {
            let text = format!("{error} (a running doorward has it, perhaps)");
            report.add(part, Verdict::Unknown, text);
            return seen;
        }
        Err(error) => {
            report.add(part, Verdict::Wrong, error.to_string());
            return seen;
        }
    };
    let patience = Duration::from_millis(camera.stall_ms);
    let mut until = Instant::now() + patience;
    let mut last = None;
    let mut stale = Stale::default();
    let oldest = Duration::from_millis(config.access.max_frame_age_ms);
    while seen.frames.len() < FRAMES_LOOKED_AT && Instant::now() < until {
        match source.next_frame(Duration::from_millis(200)) {
            Ok(Next::Frame(frame)) => {
                // The first have waited in the camera's buffers while it started.
                let age = frame.at.elapsed();
                stale.step(age, oldest);
                seen.age = Some(seen.age.map_or(age, |least| least.min(age)));
                seen.frames.push(frame.to_rgb());
                until = Instant::now() + patience;
            }
            Ok(Next::Ended) => break,
            Err(error) if error.is_passing() => last = Some(error.to_string()),
            Err(error) => {
                report.add(part, Verdict::Wrong, error.to_string());
                return seen;
            }
        }
    }
    if seen.frames.is_empty() {
        let text = format!(
            "{} gave no frame in {} ms{}",
            source.describe(),
            camera.stall_ms,
            last.map_or(String::new(), |e| format!(": {e}"))
        );
        report.add(part, Verdict::Wrong, text);
        return seen;
    }
    let told = stale.told(&camera.device, oldest);
    match told.filter(|_| camera.source == Source::V4l2) {
        Some(error) => report.add(part, Verdict::Wrong, error.to_string()),
        None => report.add(part, Verdict::Ok, source.describe()),
    }
    seen
}

/// Times each stage on this machine; the last frame, or an empty one without a camera.
pub(super) fn check_stages(
    vision: &mut Vision,
    matcher: Option<&Matcher>,
    seen: &Seen,
    config: &Config,
) -> anyhow::Result<String> {
    let camera = &config.camera;
    let picture = match seen.frames.last() {
        Some(frame) => frame.clone(),
        None => RgbImage::from_pixel(camera.width, camera.height, image::Rgb([128; 3])),
    };
    let side = picture.width().min(picture.height()) as f32;
    // Where no face is in view, the middle of the picture costs the embedder the same.
    let somewhere = Face {
        rect: [side * 0.25, side * 0.25, side * 0.75, side * 0.75],
        landmarks: [
            [0.4, 0.42],
            [0.6, 0.42],
            [0.5, 0.52],
            [0.42, 0.62],
            [0.58, 0.62],
        ]
        .map(|at| at.map(|share: f32| share * side)),
        detector_score: 1.0,
    };
    let (mut detect, mut align, mut embed, mut compare) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    // The first turn warms up and is not counted.
    for turn in 0..=RUNS_PER_STAGE {
        let start = Instant::now();
        let faces = vision.detect(&picture)?;
        let detected = Instant::now();
        let face = faces.first().and_then(|f| vision.align(&picture, f));
        let face = face
            .or_else(|| vision.align(&picture, &somewhere))
            .context("nothing can be cut out of the picture; give camera.width and camera.height another size")?;
        let aligned = Instant::now();
        let embedding = vision.embed(&face)?;
        let embedded = Instant::now();
        if let Some(matcher) = matcher {
            std::hint::black_box(matcher.identify(&embedding));
        }
        if turn > 0 {
            detect.push(detected - start);
            align.push(aligned - detected);
            embed.push(embedded - aligned);
            compare.push(embedded.elapsed());
        }
    }
    let middle = |mut took: Vec<Duration>| {
        took.sort();
        took.get(took.len() / 2).copied().unwrap_or_default()
    };
    let stages = [
        ("detect", middle(detect)),
        ("align", middle(align)),
        ("embed", middle(embed)),
        ("compare", middle(compare)),
    ];
    let whole: Duration = stages.iter().map(|(_, took)| *took).sum();
    let text = stages
        .iter()
        .map(|(name, took)| format!("{name} {:.1} ms", took.as_secs_f64() * 1000.0))
        .collect::<Vec<_>>()
        .join(", ");
    in_time(whole, seen.age.unwrap_or_default(), config, &text)?;
    Ok(format!(
        "{text}; {}x{}, {}",
        picture.width(),
        picture.height(),
        counted(config.models.threads, "thread", "threads")
    ))
}

/// That a frame is judged before it counts no more, and enough of them within the window.
fn in_time(whole: Duration, age: Duration, config: &Config, text: &str) -> anyhow::Result<()> {
    let access = &config.access;
    let oldest = Duration::from_millis(access.max_frame_age_ms);
    let more = u32::try_from(access.frames.saturating_sub(1)).unwrap_or(u32::MAX);
    let faster = "raise vision.min_face_px, make vision.region smaller, or lower camera.width and camera.height";
    anyhow::ensure!(
        age + whole <= oldest,
        "{text}: frames are {} ms old when they have been judged, {} of it before they came, and count no more from access.max_frame_age_ms = {} on, so that nobody is let in; {faster}, or raise access.max_frame_age_ms",
        (age + whole).as_millis(),
        age.as_millis(),
        access.max_frame_age_ms
    );
    anyhow::ensure!(
        whole.saturating_mul(more) <= access.window(),
        "{text}: {} frames are not judged within access.window_ms = {}, so that nobody is let in; {faster}",
        access.frames,
        access.window_ms
    );
    anyhow::ensure!(
        whole <= MAX_FRAME_TIME,
        "{text}: too slow for a person to wait less than a second; {faster}"
    );
    Ok(())
}

/// Light of the picture, and size, light and sharpness of the face in it.
pub(super) fn check_picture(
    vision: &mut Vision,
    frames: &[RgbImage],
    config: &Config,
    report: &mut Report,
) {
    let Some(frame) = frames.last() else { return };
    let luma = mean_luma(frame);
    let (verdict, advice) = if luma < *GOOD_LUMA.start() {
        (
            Verdict::Wrong,
            "dark: light the people's faces, not the wall behind them",
        )
    } else if luma > *GOOD_LUMA.end() {
        (
            Verdict::Wrong,
            "washed out: turn the camera away from the light",
        )
    } else {
        (Verdict::Ok, "fine")
    };
    report.add(
        "light",
        verdict,
        format!("brightness {luma:.0} of 255, {advice}"),
    );
    let (width, height) = frame.dimensions();
    let [room_x, room_y] = config.vision.region_px(width, height);
    let smallest = config.vision.min_face_px;
    if room_x.min(room_y) < smallest as f32 {
        let text = format!(
            "nobody could be let in: vision.region is {room_x:.0}x{room_y:.0} pixels of this picture of {width}x{height}, and the smallest face looked for (vision.min_face_px = {smallest}) does not fit in; widen the region or lower min_face_px"
        );
        report.add("face", Verdict::Wrong, text);
        return;
    }
    match best_face(vision, frames) {
        Err(error) => report.add("face", Verdict::Wrong, error.to_string()),
        Ok(None) => {
            let text = "none in view; stand where people will stand, and check again";
            report.add("face", Verdict::Unknown, text);
        }
        Ok(Some(face)) => {
            let text = format!(
                "{:.0} pixels wide, sharpness {:.0}, brightness {:.0}",
                face.size_px, face.sharpness, face.luma
            );
            let (verdict, advice) = match face.flaw(&config.vision) {
                None => (Verdict::Ok, String::new()),
                Some(flaw) => (Verdict::Wrong, format!(": {}", remedy(flaw, config))),
            };
            report.add("face", verdict, text + &advice);
        }
    }
}

fn remedy(flaw: Flaw, config: &Config) -> String {
    let vision = &config.vision;
    match flaw {
        Flaw::TooSmall => format!(
            "smaller than vision.min_face_px ({}): come nearer, or use a camera with more pixels",
            vision.min_face_px
        ),
        Flaw::LowDetectorScore => "the detector is not sure of it: look into the camera".into(),
        Flaw::Blurred => format!(
            "blurred, less than vision.min_sharpness ({}): focus the camera, clean its glass, add light",
            vision.min_sharpness
        ),
        Flaw::Dark => format!(
            "dark, less than vision.min_luma ({}): light the faces",
            vision.min_luma
        ),
        Flaw::UpsideDown => "upside down: turn the camera, or set camera.rotate".into(),
        Flaw::Cut => format!(
            "cut by the picture's edge, more than vision.max_outside ({}): turn the camera, or stand back",
            vision.max_outside
        ),
    }
}

fn best_face(vision: &mut Vision, frames: &[RgbImage]) -> Result<Option<Quality>, VisionError> {
    let mut best: Option<Quality> = None;
    for frame in frames {
        let Some(face) = vision.detect(frame)?.into_iter().next() else {
            continue;
        };
        let Some(aligned) = vision.align(frame, &face) else {
            continue;
        };
        let quality = Quality::of(&face, &aligned);
        if best.is_none_or(|b| b.sharpness < quality.sharpness) {
            best = Some(quality);
        }
    }
    Ok(best)
}

/// BT.601, 0..=255.
fn mean_luma(image: &RgbImage) -> f32 {
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let sum: u64 = pixels
        .iter()
        .map(|[r, g, b]| 77 * u64::from(*r) + 150 * u64::from(*g) + 29 * u64::from(*b))
        .sum();
    (sum as f64 / 256.0 / pixels.len().max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn frames_that_are_judged_too_late_to_count_are_wrong() {
        let ms = Duration::from_millis;
        let mut config = Config::default();
        let said = |whole, age, config: &Config| {
            let result = in_time(ms(whole), ms(age), config, "detect 1 ms");
            result.err().map(|error| error.to_string())
        };
        assert_eq!(said(250, 700, &config), None);
        let late = said(250, 800, &config).unwrap();
        assert!(
            late.contains("1050 ms old") && late.contains("access.max_frame_age_ms = 1000"),
            "{late}"
        );
        assert!(said(350, 0, &config).unwrap().contains("too slow"));
        config.access.frames = 10;
        let few = said(250, 0, &config).unwrap();
        assert!(few.contains("10 frames are not judged within"), "{few}");
    }
}
