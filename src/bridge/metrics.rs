//! Numbers for Prometheus, counted from the record and from how things are. No person is in a
//! label, and every set of labels is one that this program knows.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::outgoing::Outgoing;
use crate::ipc::{Condition, Counts, FramesCounted, State};
use crate::record::{
    By, DenialReason, DoorMode, Event, FrameRef, GrantReason, Kind, Unusable, WhichCamera,
};

/// Grants that are waiting for the strike to move.
const MAX_OPEN_GRANTS_COUNT: usize = 16;
/// Upper ends of buckets: what a person waits for is under a second.
const BUCKETS_S: [f64; 12] = [
    0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0,
];
/// What a fault is called that this program does not know.
const OTHER: &str = "other";

/// One label, with a value that this program knows.
type Label = [(&'static str, &'static str); 1];
type Counters = Family<Label, Counter>;
type Gauges = Family<Label, Gauge>;
type Histograms = Family<Label, Histogram, fn() -> Histogram>;
type Seconds = Gauge<f64, AtomicU64>;

/// All of them.
pub(super) struct Numbers {
    registry: Registry,
    up: Gauge,
    locked: Gauge,
    open: Gauge,
    condition: Gauges,
    mode: Gauges,
    camera: Gauges,
    people: Gauge,
    disabled: Gauge,
    templates: Gauge,
    faults: Gauges,
    events: Counters,
    grants: Counters,
    refusals: Counters,
    stages: Histograms,
    frames: Counters,
    /// As the daemon told them last; it counts from 0 with each start.
    frames_told: FramesCounted,
    record: Gauge,
    since: Seconds,
    written: Seconds,
    /// Number and uptime of grants that nothing became of yet.
    granted: VecDeque<(u64, u64)>,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS_S)
}

impl Numbers {
    /// Of a door of this name.
    pub(super) fn new(door: &str) -> Self {
        let labels = [("door".into(), door.to_owned().into())];
        let mut numbers = Self {
            registry: Registry::with_prefix_and_labels("doorward", labels.into_iter()),
            up: Gauge::default(),
            locked: Gauge::default(),
            open: Gauge::default(),
            condition: Gauges::default(),
            mode: Gauges::default(),
            camera: Gauges::default(),
            people: Gauge::default(),
            disabled: Gauge::default(),
            templates: Gauge::default(),
            faults: Gauges::default(),
            events: Counters::default(),
            grants: Counters::default(),
            refusals: Counters::default(),
            stages: Histograms::new_with_constructor(histogram),
            frames: Counters::default(),
            frames_told: FramesCounted::default(),
            record: Gauge::default(),
            since: Seconds::default(),
            written: Seconds::default(),
            granted: VecDeque::new(),
        };
        numbers.register();
        numbers.begin();
        numbers
    }

    fn register(&mut self) {
        let build = Gauges::default();
        build
            .get_or_create(&[("version", env!("CARGO_PKG_VERSION"))])
            .set(1);
        let to = &mut self.registry;
        to.register("build_info", "The version of the bridge", build);
        to.register("daemon_up", "Whether the daemon answers", self.up.clone());
        to.register(
            "daemon_start_timestamp_seconds",
            "Since when the daemon guards",
            self.since.clone(),
        );
        to.register(
            "door_locked",
            "Whether the strike is released and the leaf is not known to be open",
            self.locked.clone(),
        );
        to.register(
            "door_open",
            "Whether the leaf is known to be open",
            self.open.clone(),
        );
        to.register(
            "door_condition",
            "Where the door stands",
            self.condition.clone(),
        );
        to.register("door_mode", "The mode in force", self.mode.clone());
        to.register(
            "camera_up",
            "Whether a camera gives pictures",
            self.camera.clone(),
        );
        to.register("people", "People on the whitelist", self.people.clone());
        to.register(
            "people_disabled",
            "People on the whitelist who are disabled",
            self.disabled.clone(),
        );
        to.register(
            "templates",
            "Templates of the networks in use",
            self.templates.clone(),
        );
        to.register("fault", "What fails now", self.faults.clone());
        to.register("events", "Events on record, by kind", self.events.clone());
        to.register("grants", "Grants, by reason", self.grants.clone());
        to.register(
            "refusals",
            "Refusals and faces that could not be judged, by reason",
            self.refusals.clone(),
        );
        to.register(
            "stage_duration_seconds",
            "How long what was decided about took: vision is one frame, decision is from the camera to the decision, unlock is from the grant on record to the strike",
            self.stages.clone(),
        );
        to.register(
            "frames",
            "Frames of the camera: judged, left out because they told nothing new, dropped for newer ones",
            self.frames.clone(),
        );
        to.register(
            "record_number",
            "The newest event that was counted",
            self.record.clone(),
        );
        to.register(
            "written_timestamp_seconds",
            "When this was written",
            self.written.clone(),
        );
    }

    /// Series that are not there yet would have no rate once they begin.
    fn begin(&self) {
        for kind in Kind::ALL {
            drop(self.events.get_or_create(&[("event", kind.as_str())]));
        }
        for reason in GrantReason::ALL {
            drop(self.grants.get_or_create(&[("reason", reason.code())]));
        }
        let denials = DenialReason::ALL.iter().map(|reason| reason.code());
        let flaws = Unusable::ALL.iter().map(|reason| reason.code());
        for code in denials.chain(flaws) {
            drop(self.refusals.get_or_create(&[("reason", code)]));
        }
        for stage in ["vision", "decision", "unlock"] {
            drop(self.stages.get_or_create(&[("stage", stage)]));
        }
    }

    /// One more event on record.
    pub(super) fn count(&mut self, event: &Outgoing) {
        let number = event.cursor.number;
        self.record.set(i64::try_from(number).unwrap_or(i64::MAX));
        let Some(known) = event.record.event() else {
            self.events.get_or_create(&[("event", OTHER)]).inc();
            return;
        };
        self.events
            .get_or_create(&[("event", known.kind().as_str())])
            .inc();
        match known {
            Event::Granted(granted) => {
                self.grants
                    .get_or_create(&[("reason", granted.reason.code())])
                    .inc();
                self.took(&granted.recognition.frame);
                self.remember(number, event.uptime_ms());
            }
            Event::GrantedByCard { reason, .. } => {
                self.grants
                    .get_or_create(&[("reason", reason.code())])
                    .inc();
                self.remember(number, event.uptime_ms());
            }
            Event::Denied(denied) => {
                self.refuse(denied.reason.code(), denied.left_out);
                self.took(&denied.frame);
            }
            Event::CannotJudge {
                reason,
                frame,
                left_out,
                ..
            } => {
                self.refuse(reason.code(), *left_out);
                self.took(frame);
            }
            Event::FactorRefused { reason, .. } => self.refuse(reason.code(), None),
            Event::Unlocked {
                by: By::Grant(grant),
                ..
            } => {
                let begun = self.granted.iter().find(|(number, _)| number == grant);
                if let (Some((_, from)), Some(to)) = (begun, event.uptime_ms()) {
                    self.observe("unlock", to.saturating_sub(*from) as f64);
                }
            }
            _ => {}
        }
    }

    fn refuse(&self, reason: &'static str, left_out: Option<std::num::NonZeroU32>) {
        let many = 1 + left_out.map_or(0, |many| u64::from(many.get()));
        self.refusals
            .get_or_create(&[("reason", reason)])
            .inc_by(many);
    }

    fn took(&self, frame: &FrameRef) {
        self.observe("vision", frame.vision_ms.into());
        self.observe("decision", frame.age_ms.into());
    }

    fn observe(&self, stage: &'static str, ms: f64) {
        self.stages
            .get_or_create(&[("stage", stage)])
            .observe(ms / 1000.0);
    }

    fn remember(&mut self, number: u64, uptime_ms: Option<u64>) {
        self.granted.extend(uptime_ms.map(|ms| (number, ms)));
        let many = self.granted.len().saturating_sub(MAX_OPEN_GRANTS_COUNT);
        self.granted.drain(..many);
    }

    /// What the daemon counted until now.
    pub(super) fn frames(&mut self, counts: Counts) {
        let (now, told) = (counts.frames, self.frames_told);
        for (outcome, now, told) in [
            ("judged", now.judged, told.judged),
            ("left_out", now.left_out, told.left_out),
            ("dropped", now.dropped, told.dropped),
        ] {
            // Less than before: it was started anew.
            let many = now.checked_sub(told).unwrap_or(now);
            self.frames
                .get_or_create(&[("outcome", outcome)])
                .inc_by(many);
        }
        self.frames_told = now;
    }

    /// How things are now; nothing while the daemon does not answer.
    pub(super) fn show(&mut self, state: Option<&State>) {
        self.up.set(state.is_some().into());
        for gauges in [&self.condition, &self.mode, &self.camera, &self.faults] {
            // What is not known is left out, and not said to be as it was.
            gauges.clear();
        }
        let Some(state) = state else {
            self.locked.set(0);
            return;
        };
        let condition = state.door.condition;
        self.locked.set((condition == Condition::Locked).into());
        self.open.set(condition.is_open().into());
        for one in Condition::ALL {
            let is_so = (one == condition).into();
            self.condition
                .get_or_create(&[("condition", one.code())])
                .set(is_so);
        }
        for mode in DoorMode::ALL {
            let is_so = (*mode == state.door.mode).into();
            self.mode.get_or_create(&[("mode", mode.code())]).set(is_so);
        }
        let colour = ("camera", WhichCamera::Colour.code());
        self.camera
            .get_or_create(&[colour])
            .set(state.camera.is_some().into());
        if let Some(second) = &state.infrared {
            let infrared = ("camera", WhichCamera::Infrared.code());
            self.camera
                .get_or_create(&[infrared])
                .set(second.camera.is_some().into());
        }
        let count = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
        self.people.set(count(state.people));
        self.disabled.set(count(state.disabled));
        self.templates.set(count(state.templates_in_use));
        self.since.set(state.since_ms as f64 / 1000.0);
        for fault in &state.faults {
            self.faults
                .get_or_create(&[("kind", fault_kind(&fault.kind))])
                .set(1);
        }
    }

    /// In Prometheus' text format.
    pub(super) fn text(&self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.written.set(now.map_or(0.0, |now| now.as_secs_f64()));
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

/// One of those that a daemon of this version has.
fn fault_kind(kind: &str) -> &'static str {
    let infrared = "infrared_camera_lost";
    let known = Kind::ALL.iter().map(|kind| kind.as_str());
    known
        .chain([infrared])
        .find(|known| *known == kind)
        .unwrap_or(OTHER)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
