//! What each value may be, said once; the parser adds the place.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::fmt::Display;

fn within<'de, D, T>(d: D, least: T, most: T, what: &str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + PartialOrd + Display + Copy,
{
    let value = T::deserialize(d)?;
    // Written so that NaN, which compares with nothing, is refused too.
    if value >= least && value <= most {
        Ok(value)
    } else {
        Err(D::Error::custom(format!(
            "{value} is out of range: {what}, from {least} to {most}"
        )))
    }
}

macro_rules! ranges {
    ($($name:ident: $kind:ty = $least:literal ..= $most:literal, $what:literal;)*) => {$(
        pub(super) fn $name<'de, D: Deserializer<'de>>(d: D) -> Result<$kind, D::Error> {
            within(d, $least, $most, $what)
        }
    )*};
}

ranges! {
    frame_side: u32 = 64 ..= 4096, "a frame side in pixels";
    fps: u32 = 1 ..= 120, "frames a second";
    stall_ms: u64 = 200 ..= 60_000, "milliseconds";
    threads: usize = 1 ..= 16, "threads";
    min_face_px: u32 = 20 ..= 1000, "pixels";
    max_face_px: u32 = 0 ..= 4000, "pixels (0 for any)";
    scale_factor: f32 = 0.5 ..= 0.9, "a ratio";
    unit: f32 = 0.0 ..= 1.0, "a score";
    sharpness: f32 = 0.0 ..= 10_000.0, "a sharpness";
    luma: f32 = 0.0 ..= 255.0, "a mean luma";
    max_faces: usize = 1 ..= 32, "faces";
    threshold: f32 = 0.2 ..= 1.5, "a score (higher is stricter)";
    frames: usize = 1 ..= 30, "frames";
    window_ms: u64 = 100 ..= 30_000, "milliseconds";
    cooldown_ms: u64 = 0 ..= 600_000, "milliseconds";
    max_frame_age_ms: u64 = 100 ..= 5_000, "milliseconds";
    pulse_ms: u64 = 100 ..= 30_000, "milliseconds";
    keep_days: u32 = 1 ..= 3650, "days";
    keep_events: u64 = 1_000 ..= 100_000_000, "events";
    hang_ms: u64 = 1_000 ..= 60_000, "milliseconds";
}

pub(super) fn region<'de, D: Deserializer<'de>>(d: D) -> Result<[f32; 4], D::Error> {
    let [left, top, right, bottom] = <[f32; 4]>::deserialize(d)?;
    let shares = [left, top, right, bottom];
    if shares.iter().all(|v| (0.0..=1.0).contains(v)) && left < right && top < bottom {
        Ok(shares)
    } else {
        Err(D::Error::custom(format!(
            "{shares:?} is no region: left, top, right and bottom, each from 0 to 1, left less than right and top less than bottom"
        )))
    }
}

pub(super) fn some_threshold<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f32>, D::Error> {
    threshold(d).map(Some)
}

pub(super) fn unit_triple<'de, D: Deserializer<'de>>(d: D) -> Result<[f32; 3], D::Error> {
    let values = <[f32; 3]>::deserialize(d)?;
    match values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
        None => Ok(values),
        Some(v) => Err(D::Error::custom(format!(
            "{v} is out of range: three scores, each from 0 to 1"
        ))),
    }
}
