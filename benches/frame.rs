//! What a frame costs outside of the networks, piece by piece.
//!
//!     cargo bench --bench frame
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use doorward::camera::{Frame, Layout, LumaGrid, Pool, Shape};
use doorward::recognise::Motion;
use doorward::vision::resample::{AreaResampler, Region};
use image::RgbImage;

const TURNS: usize = 200;
const SHAPE: Shape = Shape {
    width: 640,
    height: 480,
    stride: 1280,
};

fn main() {
    let mut random = fastrand::Rng::with_seed(1);
    let yuyv: Vec<u8> = (0..640 * 480 * 2).map(|_| random.u8(16..=235)).collect();
    let pool = Arc::new(Pool::default());
    let frame = || Frame::captured(Layout::Yuyv, SHAPE, &yuyv, &pool, Instant::now(), 0).unwrap();
    let (mut glance, mut motion, mut rgb) =
        (LumaGrid::default(), Motion::default(), RgbImage::new(0, 0));
    let mut resampler = AreaResampler::default();
    let mut pixels = Vec::new();
    frame().take_rgb(&mut rgb);
    let picture = rgb.clone();

    let floor = time(|| yuyv.iter().fold(0u64, |sum, v| sum + u64::from(*v)));
    println!("reading a frame's bytes: {:.1} us", floor);
    let print =
        |name: &str, us: f64| println!("{name}: {us:.1} us, {:.2} times the reading", us / floor);
    print("taking it from the camera", time(&frame));
    let taken = frame();
    print("a coarse look", time(|| taken.glance(&mut glance)));
    print("has anything moved", time(|| motion.step(glance.cells())));
    print("to RGB", time(|| frame().take_rgb(&mut rgb)));
    for (name, side) in [
        ("a level of 97x73", (97, 73)),
        ("a level of 24x18", (24, 18)),
    ] {
        let us = time(|| {
            pixels.clear();
            resampler.planar(&picture, Region::whole(&picture), side, &mut pixels);
        });
        print(name, us);
    }
    let face = Region {
        x0: 200,
        y0: 100,
        x1: 330,
        y1: 230,
    };
    let us = time(|| {
        pixels.clear();
        resampler.planar(&picture, face, (24, 24), &mut pixels);
    });
    print("a window for R-Net", us);
}

/// Microseconds, the median of many turns.
fn time<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut took: Vec<f64> = (0..TURNS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[TURNS / 2]
}
