//! The infrared camera's pictures, and what they show of a face that is about to be judged.
//! Until then they are only kept.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use image::RgbImage;

use crate::camera::{Frame, LumaGrid};
use crate::liveness::infrared::{self, apart};
use crate::liveness::{Brightness, Look, Place, SecondEye};
use crate::vision::{Face, Vision, VisionError};

/// Pictures that are kept: some moments, so that one of them is of the colour picture's.
pub(crate) const MAX_KEPT_FRAMES: usize = 4;

/// The second camera's pictures of the last moments.
#[derive(Debug)]
pub(super) struct SecondSight {
    settings: SecondEye,
    frames: VecDeque<Frame>,
    /// The one that was taken out of `frames` last, with its time and mean brightness.
    picture: RgbImage,
    taken: Option<(Instant, f32)>,
    glance: LumaGrid,
    /// When the newest was taken.
    newest: Option<Instant>,
    is_lost: bool,
    /// Since when none is of the colour picture's moment, and when that was asked last.
    unmatched: Option<(Instant, Instant)>,
    spent: [Duration; 2],
}

impl SecondSight {
    /// One that has seen nothing.
    pub(super) fn new(settings: SecondEye) -> Self {
        Self {
            settings,
            frames: VecDeque::with_capacity(MAX_KEPT_FRAMES),
            picture: RgbImage::new(0, 0),
            taken: None,
            glance: LumaGrid::default(),
            newest: None,
            is_lost: false,
            unmatched: None,
            spent: [Duration::ZERO; 2],
        }
    }

    /// What it goes by.
    pub(super) fn settings(&self) -> &SecondEye {
        &self.settings
    }

    /// Time spent looking at faces, and how much of it inside ONNX Runtime.
    pub(super) fn spent(&self) -> [Duration; 2] {
        self.spent
    }

    /// Takes its camera's next picture.
    pub(super) fn give(&mut self, frame: Frame) {
        if self.frames.len() >= MAX_KEPT_FRAMES {
            self.frames.pop_front();
        }
        self.is_lost = false;
        self.newest = self.newest.max(Some(frame.at));
        self.frames.push_back(frame);
    }

    /// Its camera is lost: pictures from before count for nothing.
    pub(super) fn lose(&mut self) {
        self.frames.clear();
        self.taken = None;
        self.is_lost = true;
    }

    /// Looks at a face of the colour picture that was taken at `at`, so wide in pixels.
    ///
    /// # Errors
    /// [`VisionError`] if a network fails.
    pub(super) fn look(
        &mut self,
        vision: &mut Vision,
        at: Instant,
        face: &Face,
        width: u32,
    ) -> Result<Look, VisionError> {
        let inside = |vision: &Vision| vision.spent().detector_sessions.iter().sum::<Duration>();
        let (start, before) = (Instant::now(), inside(vision));
        let look = self.look_at(vision, at, face, width);
        let [whole, networks] = &mut self.spent;
        *whole += start.elapsed();
        *networks += inside(vision).saturating_sub(before);
        look
    }

    fn look_at(
        &mut self,
        vision: &mut Vision,
        at: Instant,
        face: &Face,
        width: u32,
    ) -> Result<Look, VisionError> {
        let Some(skew) = self.take(at) else {
            return Ok(self.unmatched(at));
        };
        self.unmatched = None;
        let mapping = &self.settings.mapping;
        let expected = mapping.place(&place(face), width, self.picture.width());
        let limit = self.settings.limits.max_offset;
        let at_place = vision.follow(&self.picture, &[expected.rect])?;
        let mut nearest = nearest(&expected, &at_place);
        if nearest.is_none_or(|(offset, _)| offset > limit) {
            // Where it should be there is none, so that nobody is let in by this picture: where
            // one is may take its time.
            let all = vision.detect(&self.picture)?;
            nearest = nearest_of(nearest, self::nearest(&expected, &all));
        }
        let found = nearest.filter(|(offset, _)| *offset <= limit);
        let rect = found.map_or(expected.rect, |(_, rect)| rect);
        Ok(Look::Seen {
            skew,
            brightness: Brightness::of(&self.picture, rect),
            offset: nearest.map(|(offset, _)| offset),
        })
    }

    /// Has `picture` be the one of that moment; nothing if there is none.
    fn take(&mut self, at: Instant) -> Option<Duration> {
        let Self { glance, frames, .. } = self;
        let mut of = |frame: &Frame| {
            frame.glance(glance);
            let cells = glance.cells();
            let sum: u32 = cells.iter().map(|cell| u32::from(*cell)).sum();
            (frame.at, sum as f32 / cells.len().max(1) as f32)
        };
        let mut known = [None; MAX_KEPT_FRAMES + 1];
        // The one that was taken out is still one of them.
        let all = self.taken.into_iter().chain(frames.iter().map(&mut of));
        for (place, each) in known.iter_mut().zip(all) {
            *place = Some(each);
        }
        let most = self.settings.limits.max_skew;
        let place = infrared::picked(at, most, known.iter().flatten().copied())?;
        let (taken, luma) = (*known.get(place)?)?;
        let skew = apart(at, taken);
        if skew > most {
            return None;
        }
        let before = usize::from(self.taken.is_some());
        if place >= before {
            let mut frame = self.frames.remove(place - before)?;
            frame.take_rgb(&mut self.picture);
            self.taken = Some((taken, luma));
        }
        Some(skew)
    }

    fn unmatched(&mut self, at: Instant) -> Look {
        let stall = self.settings.limits.stall;
        let since = match self.unmatched {
            // Nobody was there for a while: that says nothing of the camera.
            Some((since, last)) if apart(at, last) <= stall => since,
            _ => at,
        };
        self.unmatched = Some((since, at));
        Look::Unmatched {
            nearest: self.newest.map(|newest| apart(at, newest)),
            is_lost: self.is_lost || apart(at, since) >= stall,
        }
    }
}

/// What the mapping knows of a face.
pub fn place(face: &Face) -> Place {
    Place {
        rect: face.rect,
        landmarks: face.landmarks,
    }
}

/// The face nearest to a place: how far off it, and its box.
fn nearest(expected: &Place, faces: &[Face]) -> Option<(f32, [f32; 4])> {
    let each = faces
        .iter()
        .map(|face| (expected.offset(&place(face)), face.rect));
    each.min_by(|a, b| a.0.total_cmp(&b.0))
}

fn nearest_of(
    one: Option<(f32, [f32; 4])>,
    other: Option<(f32, [f32; 4])>,
) -> Option<(f32, [f32; 4])> {
    match (one, other) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}
