//! From a frame to what can be said of the faces in it, and no more work than that takes.

use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, Instant};

use image::RgbImage;

use super::challenged::Challenged;
use super::motion::Motion;
use super::schedule::{Schedule, Step};
use super::second_eye::SecondSight;
use super::track::Tracks;
use super::{FaceReport, Flaw, FrameUse, Quality, Seen, TrackId};
use crate::access::Claim;
use crate::camera::{Frame, LumaGrid};
use crate::config;
use crate::liveness::infrared::Streaks;
use crate::liveness::{
    self, Attempt, Checks, Cue, Identity, Liveness, NetworkScore, SecondEye, Standing, Watch,
};
use crate::vision::{AlignedFace, Face, Vision, VisionError};
use crate::whitelist::Matcher;

/// Without a calibration: a face under this cosine with its own past is another's.
const MIN_OWN_COSINE: f32 = 0.5;

/// The eye of one door.
#[derive(Debug)]
pub(super) struct Eye {
    vision: Vision,
    settings: config::Vision,
    schedule: Schedule,
    tracks: Tracks,
    motion: Motion,
    glance: LumaGrid,
    rgb: RgbImage,
    /// Where the faces in view were last.
    known: Vec<[f32; 4]>,
    /// Whether those are faces of people.
    watch: Watch,
    watched: Vec<liveness::Seen>,
    challenged: Option<Challenged>,
    /// Whether the infrared camera has to see them too, and what it gives.
    needs_infrared: bool,
    second: Option<SecondSight>,
    streaks: Streaks,
    spent: Spent,
}

/// Where time went outside of [`Vision`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) convert: Duration,
    pub(super) quality: Duration,
    pub(super) identify: Duration,
    pub(super) liveness: Duration,
    pub(super) infrared: [Duration; 2],
}

impl Eye {
    /// An eye that has seen nothing. A decision takes `frames` frames within `window`.
    pub(super) fn new(
        vision: Vision,
        settings: &config::Vision,
        frames: usize,
        window: Duration,
        checks: Checks,
    ) -> Self {
        let another = vision
            .scoring()
            .calibration()
            .map_or(MIN_OWN_COSINE, |c| c.cosine_1_in_1000.value());
        Self {
            vision,
            settings: settings.clone(),
            schedule: Schedule::default(),
            tracks: Tracks::new(frames, window, another),
            motion: Motion::default(),
            glance: LumaGrid::default(),
            rgb: RgbImage::new(0, 0),
            known: Vec::new(),
            watch: Watch::new(checks),
            watched: Vec::with_capacity(liveness::MAX_FACES),
            challenged: None,
            needs_infrared: checks.infrared,
            second: None,
            streaks: Streaks::new(frames, window),
            spent: Spent::default(),
        }
    }

    /// Asks the face of a claim for a challenge, and nobody else until that has ended.
    pub(super) fn challenge(&mut self, claim: &Claim, attempt: Attempt) {
        self.challenged = Some(Challenged::new(claim, attempt));
    }

    /// Whatever was asked for is asked for no more.
    pub(super) fn end_challenge(&mut self) {
        self.challenged = None;
    }

    /// Where the challenge is at `now`, told once more when it has ended; nothing without one.
    pub(super) fn standing(&mut self, now: Instant) -> Option<Standing> {
        let standing = self.challenged.as_mut()?.standing(now);
        self.challenged.take_if(|_| !standing.goes_on());
        Some(standing)
    }

    /// Other rules; what was seen under the old ones does not count.
    pub(super) fn set_rules(&mut self, frames: usize, window: Duration, checks: Checks) {
        self.challenged = None;
        self.watch.set_checks(checks);
        self.needs_infrared = checks.infrared;
        self.streaks = Streaks::new(frames, window);
        self.tracks.set_rules(frames, window);
        self.schedule.forget();
    }

    /// What was seen until now does not count with what follows.
    pub(super) fn forget(&mut self) {
        self.challenged = None;
        self.watch.forget();
        self.streaks.forget();
        self.tracks.forget();
        self.schedule.forget();
    }

    /// Has a second eye from now on.
    pub(super) fn open_second(&mut self, settings: SecondEye) {
        self.second = Some(SecondSight::new(settings));
    }

    /// The second eye, where there is one.
    pub(super) fn second(&mut self) -> Option<&mut SecondSight> {
        self.second.as_mut()
    }

    /// After a decision about a face: it is not looked at again before `until`.
    pub(super) fn rest(&mut self, track: TrackId, until: Instant) {
        self.tracks.rest(track, until);
    }

    /// The mean of what the network against presentation attacks said of a face in view.
    pub(super) fn network_mean(&self, track: TrackId) -> Option<f32> {
        self.watch.network_mean(track.0)
    }

    /// Whether it leaves out what tells nothing new.
    pub(super) fn is_economical(&self) -> bool {
        self.settings.economy
    }

    /// Where time went so far.
    pub(super) fn spent(&self) -> Spent {
        Spent {
            infrared: self
                .second
                .as_ref()
                .map(SecondSight::spent)
                .unwrap_or_default(),
            ..self.spent
        }
    }

    pub(super) fn vision(&self) -> &Vision {
        &self.vision
    }

    /// The frame that was looked at last.
    pub(super) fn picture(&self) -> &RgbImage {
        &self.rgb
    }

    /// Looks at a frame.
    ///
    /// # Errors
    /// [`VisionError`] if a network fails.
    pub(super) fn look(
        &mut self,
        frame: &mut Frame,
        matcher: &Matcher,
    ) -> Result<Seen, VisionError> {
        let step = self.plan(frame);
        if step == Step::Skip {
            return Ok(Seen::Nothing);
        }
        let start = Instant::now();
        frame.take_rgb(&mut self.rgb);
        if let Some(challenged) = &mut self.challenged {
            challenged.identity = Identity::Unsure;
        }
        self.spent.convert += start.elapsed();
        let mut reports = if step == Step::Follow {
            self.follow(frame.at)?
        } else {
            self.search(frame.at, matcher)?
        };
        let start = Instant::now();
        let verdicts = self.watch(frame.at, &reports);
        for (report, liveness) in reports.iter_mut().zip(verdicts) {
            report.liveness = match self.by_infrared(frame.at, report) {
                Some(there) => liveness.and(there),
                None => liveness,
            };
            report.cues = self.watch.cues(report.track.0);
        }
        if let Some(challenged) = &mut self.challenged {
            challenged.frame(frame.at, &self.rgb, &reports);
        }
        self.spent.liveness += start.elapsed();
        Ok(Seen::Faces(reports))
    }

    /// What the infrared camera says of a face that was compared, where it has to.
    fn by_infrared(&mut self, at: Instant, report: &FaceReport) -> Option<Liveness> {
        if !self.needs_infrared || report.frame_use != FrameUse::Compared {
            return None;
        }
        let verdict = match (&self.second, report.infrared) {
            (Some(second), Some(look)) => look.verdict(&second.settings().limits),
            _ => Liveness::Unknown,
        };
        Some(self.streaks.step(report.track.0, at, verdict))
    }

    /// Whether the faces of `reports` are alive.
    fn watch(&mut self, at: Instant, reports: &[FaceReport]) -> [Liveness; liveness::MAX_FACES] {
        let is_late = |report: &&FaceReport| {
            report.frame_use == FrameUse::Skipped
                && self.watch.verdict(report.track.0) == Liveness::Unknown
        };
        let late = reports.iter().filter(is_late).map(|report| report.track);
        let late: [Option<TrackId>; liveness::MAX_FACES] = collect(late);
        self.watched.clear();
        let faces = reports.iter().take(liveness::MAX_FACES);
        self.watched.extend(faces.map(|face| {
            let [left, right, ..] = face.landmarks;
            liveness::Seen {
                track: face.track.0,
                rect: face.rect,
                eye_distance: (right[0] - left[0]).hypot(right[1] - left[1]),
            }
        }));
        let verdicts = self.watch.step(at, &self.rgb, &self.watched);
        // A face that was found alive in a picture that was not embedded: the next one is.
        for track in late.into_iter().flatten() {
            if self.watch.verdict(track.0) == Liveness::Live {
                self.tracks.want(track);
            }
        }
        verdicts
    }

    fn plan(&mut self, frame: &Frame) -> Step {
        if !self.settings.economy {
            return Step::Search;
        }
        frame.glance(&mut self.glance);
        let moved = self.motion.step(self.glance.cells());
        if let Some(challenged) = &self.challenged {
            // Quickly from picture to picture, until it matters whose face it is.
            return match challenged.attempt.wants_identity() || !challenged.was_seen {
                true => Step::Search,
                false => Step::Follow,
            };
        }
        let in_view = self.tracks.in_view(frame.at);
        self.schedule.step(frame.at, moved, in_view)
    }

    /// The whole cascade, and an embedding of every face that one would tell something of.
    fn search(&mut self, at: Instant, matcher: &Matcher) -> Result<Vec<FaceReport>, VisionError> {
        let mut faces = self.vision.detect(&self.rgb)?;
        faces.truncate(self.settings.max_faces);
        let ids = self.tracks.follow(at, &faces);
        let mut reports = Vec::with_capacity(faces.len());
        for (face, track) in faces.iter().zip(ids) {
            reports.push(self.recognise(at, face, track, matcher)?);
        }
        Ok(reports)
    }

    /// R- and O-Net around where the faces were: good enough to know where they are.
    fn follow(&mut self, at: Instant) -> Result<Vec<FaceReport>, VisionError> {
        self.known.clear();
        self.known.extend(self.tracks.rects());
        let faces = self.vision.follow(&self.rgb, &self.known)?;
        if faces.len() < self.known.len() {
            self.schedule.promise();
        }
        let ids = self.tracks.follow(at, &faces);
        let mut reports = Vec::with_capacity(faces.len());
        for (face, track) in faces.iter().zip(ids) {
            let mut report = FaceReport::followed(face, track);
            if !self.tracks.rests(track, at)
                && let Some((_, quality)) = self.sample(face)
            {
                report.quality = Some(quality);
                if quality.flaw(&self.settings).is_none()
                    && self.tracks.worth(track, at, quality.weight())
                {
                    self.schedule.promise();
                }
            }
            reports.push(report);
        }
        Ok(reports)
    }

    /// The face cut out, and what was measured of it; `None` if it lies outside the frame.
    fn sample(&mut self, face: &Face) -> Option<(AlignedFace, Quality)> {
        let aligned = self.vision.align(&self.rgb, face)?;
        let start = Instant::now();
        let quality = Quality::of(face, &aligned);
        self.spent.quality += start.elapsed();
        Some((aligned, quality))
    }

    fn recognise(
        &mut self,
        at: Instant,
        face: &Face,
        track: TrackId,
        matcher: &Matcher,
    ) -> Result<FaceReport, VisionError> {
        let mut report = FaceReport::followed(face, track);
        let economy = self.settings.economy;
        if economy && self.tracks.rests(track, at) {
            return Ok(report);
        }
        let Some((aligned, quality)) = self.sample(face) else {
            report.frame_use = FrameUse::Flawed(Flaw::Cut);
            return Ok(report);
        };
        report.quality = Some(quality);
        if let Some(flaw) = quality.flaw(&self.settings) {
            report.frame_use = FrameUse::Flawed(flaw);
            return Ok(report);
        }
        let weight = quality.weight();
        let is_challenged = |c: &&mut Challenged| c.track == track;
        let is_wanted = self.challenged.as_ref().is_some_and(|challenged| {
            challenged.track == track && challenged.attempt.wants_identity()
        });
        if economy && !is_wanted && !self.tracks.worth(track, at, weight) {
            return Ok(report);
        }
        // Pixels as before tell nothing new; but of a face that is known to be still they are
        // what it is refused by.
        let is_still = matches!(
            self.watch.verdict(track.0),
            Liveness::Attack(Cue::Frozen { .. })
        );
        if !self.tracks.is_fresh(track, hash(aligned.pixels())) && !is_still {
            return Ok(report);
        }
        if self.vision.is_upside_down(&self.rgb, face)? {
            report.frame_use = FrameUse::Flawed(Flaw::UpsideDown);
            return Ok(report);
        }
        let embedding = self.vision.embed(&aligned)?;
        if let Some(challenged) = self.challenged.as_mut().filter(is_challenged) {
            challenged.compare(&embedding, matcher);
        }
        if let Some(fused) = self.tracks.add(track, at, embedding, weight) {
            let start = Instant::now();
            report.identity = matcher.identify(&fused.embedding);
            self.spent.identify += start.elapsed();
            (report.track, report.frame_use) = (fused.track, FrameUse::Compared);
            // Somebody else took its place.
            if fused.track != track
                && let Some(challenged) = self.challenged.as_mut().filter(is_challenged)
            {
                challenged.standing = challenged.attempt.lost(Instant::now());
            }
            if let Some((bona_fide, threshold)) = self.vision.pad_score(&self.rgb, face)? {
                let score = NetworkScore {
                    bona_fide,
                    threshold,
                };
                self.watch.note(at, fused.track.0, score);
            }
            let second = self.second.as_mut().filter(|_| self.needs_infrared);
            if let Some(second) = second.filter(|_| report.identity.is_some()) {
                let width = self.rgb.width();
                report.infrared = Some(second.look(&mut self.vision, at, face, width)?);
            }
        }
        Ok(report)
    }
}

fn hash(picture: &RgbImage) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(picture.as_raw());
    hasher.finish()
}

/// The first few of an iterator.
fn collect<T, const N: usize>(mut all: impl Iterator<Item = T>) -> [Option<T>; N] {
    std::array::from_fn(|_| all.next())
}
