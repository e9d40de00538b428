//! The face that is challenged: what its frames show of it, and whose they say it is.

use std::time::Instant;

use image::RgbImage;

use super::{FaceReport, TrackId};
use crate::access::Claim;
use crate::embedding::Embedding;
use crate::liveness::{Attempt, FaceNow, Identity, Progress, Standing};
use crate::whitelist::Matcher;

#[derive(Debug)]
pub(super) struct Challenged {
    pub(super) track: TrackId,
    claim: Claim,
    pub(super) attempt: Attempt,
    pub(super) standing: Standing,
    /// Whose it is by the frame that is looked at.
    pub(super) identity: Identity,
    pub(super) was_seen: bool,
}

impl Challenged {
    pub(super) fn new(claim: &Claim, attempt: Attempt) -> Self {
        Self {
            track: TrackId(claim.track),
            claim: *claim,
            attempt,
            standing: Standing::Settling,
            identity: Identity::Unsure,
            was_seen: true,
        }
    }

    /// Whose one frame's embedding is, whatever the frames before said.
    pub(super) fn compare(&mut self, embedding: &Embedding, matcher: &Matcher) {
        let found = matcher.identify(embedding);
        self.identity = match found.filter(|found| found.score >= self.claim.threshold) {
            Some(found) if found.person == self.claim.person => Identity::Same,
            Some(_) => Identity::Another,
            None => Identity::Unsure,
        };
    }

    /// Takes a frame that was looked at.
    pub(super) fn frame(&mut self, at: Instant, picture: &RgbImage, reports: &[FaceReport]) {
        let face = reports.iter().find(|face| face.track == self.track);
        self.was_seen = face.is_some();
        let face = face.map(|face| FaceNow {
            landmarks: face.landmarks,
            identity: self.identity,
        });
        self.standing = self.attempt.frame((at, Instant::now()), picture, face);
    }

    pub(super) fn standing(&mut self, now: Instant) -> Standing {
        match self.standing {
            Standing::Settling | Standing::Asked(Progress::Asks(_)) => self.attempt.tick(now),
            ended => ended,
        }
    }
}
