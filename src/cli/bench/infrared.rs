//! What the infrared camera costs for each face that is judged.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::measure::{Quantiles, Rig};
use crate::access::Policy;
use crate::camera::{Frame, Layout, Shape};
use crate::config::{self, Config};
use crate::liveness::{Limits, Mapping, SecondEye};
use crate::recognise::Seen;
use crate::vision::Vision;

/// Frames that are looked at before any counts.
const WARM_UP: u32 = 3;
/// Camera time between two frames: to each other they are nothing.
const APART: Duration = Duration::from_millis(1500);

/// Per judged face, in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct SecondLook {
    /// All of it.
    whole: Quantiles,
    /// Without what R- and O-Net take.
    beside_networks: Quantiles,
    /// Faces looked at.
    faces: usize,
}

/// Both cameras see the same scene, the infrared one in grey.
pub(super) fn measure(
    rig: &Rig,
    vision: Vision,
    config: &Config,
    turns: u32,
) -> anyhow::Result<SecondLook> {
    let size = |picture: &image::RgbImage| <[u32; 2]>::from(picture.dimensions());
    let pictures: Vec<_> = (0..8)
        .map(|n| {
            let place = [300.0 + n as f32 * 5.0, 200.0];
            rig.picture(Some((110.0, place)), n)
        })
        .collect();
    let first = pictures.first().context("no picture")?;
    let second_eye = SecondEye {
        limits: Limits::new(&config::Infrared::default()),
        mapping: Mapping {
            colour: size(first),
            infrared: size(first),
            across: [1.0, 0.0, 0.0, 0.0],
            down: [0.0, 1.0, 0.0, 0.0],
            residual: 0.0,
            pairs: 0,
        },
    };
    let mut policy: Policy = rig.policy().clone();
    policy.checks.infrared = true;
    let mut settings = config.vision.clone();
    settings.economy = false;
    let mut recogniser = crate::recognise::Recogniser::new(vision, &settings, policy)
        .with_second_eye(Some(second_eye));
    let (mut whole, mut beside) = (Vec::new(), Vec::new());
    let base = std::time::Instant::now();
    for turn in 0..turns + WARM_UP {
        let picture = pictures.get(turn as usize % 8).context("no picture")?;
        let at = base + APART * turn;
        let (width, height) = picture.dimensions();
        let shape = Shape {
            width,
            height,
            stride: width,
        };
        let grey: Vec<u8> = picture.pixels().map(|pixel| pixel.0[1]).collect();
        let infrared = Frame::captured(Layout::Grey, shape, &grey, rig.pool(), at, 0)?;
        recogniser.give_infrared(infrared);
        let before = recogniser.spent().infrared;
        let mut frame = Frame::rgb(picture.clone(), at, 0, None);
        let outcome = recogniser.look(&mut frame, rig.whitelist(), false, || at)?;
        let looked = match &outcome.seen {
            Seen::Faces(faces) => faces.iter().filter(|face| face.infrared.is_some()).count(),
            Seen::Nothing => 0,
        };
        if turn >= WARM_UP && looked == 1 {
            let [all, networks] = recogniser.spent().infrared;
            let ms =
                |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() * 1000.0;
            let (all, networks) = (ms(all, before[0]), ms(networks, before[1]));
            whole.push(all);
            beside.push(all - networks);
        }
    }
    Ok(SecondLook {
        faces: whole.len(),
        whole: Quantiles::of(whole),
        beside_networks: Quantiles::of(beside),
    })
}

impl std::fmt::Display for SecondLook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "With an infrared camera: {:.2} ms more for each judged face, 95 of 100 within {:.2} ms; beside R- and O-Net {:.2} and {:.2} ms",
            self.whole.p50, self.whole.p95, self.beside_networks.p50, self.beside_networks.p95
        )
    }
}
