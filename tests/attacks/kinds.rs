//! The kinds of attacks and of bona fide presentations, each with as many variations as asked
//! for. Everything follows from a variation's number.

use std::f32::consts::TAU;

use image::RgbImage;

use crate::support::project;
use scenery::living::{self, Head, Held};
use scenery::stage::{self, Camera, Edge, Place};

/// What is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    PhotoOnStand,
    PhotoInPoorLight,
    ScreenOnStand,
    PhotoBeforeShakingCamera,
    HandHeldPhoto,
    CutOutPhoto,
    HandHeldScreen,
    ReplayOnScreen,
    PrintMovedCloser,
    StandingStill,
    BreathingOnly,
    WalkingUp,
    Glare,
    PoorLight,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::PhotoOnStand,
        Self::PhotoInPoorLight,
        Self::ScreenOnStand,
        Self::PhotoBeforeShakingCamera,
        Self::HandHeldPhoto,
        Self::CutOutPhoto,
        Self::HandHeldScreen,
        Self::ReplayOnScreen,
        Self::PrintMovedCloser,
        Self::StandingStill,
        Self::BreathingOnly,
        Self::WalkingUp,
        Self::Glare,
        Self::PoorLight,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::PhotoOnStand => "photo on a stand",
            Self::PhotoInPoorLight => "photo on a stand in poor light",
            Self::ScreenOnStand => "screen on a stand, a photo",
            Self::PhotoBeforeShakingCamera => "photo on a stand, camera shakes",
            Self::HandHeldPhoto => "photo in a hand, tilted, bent",
            Self::CutOutPhoto => "photo cut out, in a hand",
            Self::HandHeldScreen => "screen in a hand, a photo",
            Self::ReplayOnScreen => "screen, replay of an approach",
            Self::PrintMovedCloser => "print moved towards the camera",
            Self::StandingStill => "person standing still",
            Self::BreathingOnly => "person who only breathes",
            Self::WalkingUp => "person walking up",
            Self::Glare => "person, glare in glasses",
            Self::PoorLight => "person in poor light",
        }
    }

    pub fn is_bona_fide(self) -> bool {
        matches!(
            self,
            Self::StandingStill
                | Self::BreathingOnly
                | Self::WalkingUp
                | Self::Glare
                | Self::PoorLight
        )
    }

    /// Whether what is shown stands as still as its camera, in light in which that can be told
    /// from the camera's noise.
    pub fn is_still(self) -> bool {
        matches!(self, Self::PhotoOnStand | Self::ScreenOnStand)
    }

    fn edge(self) -> Edge {
        match self {
            Self::PhotoOnStand
            | Self::PhotoInPoorLight
            | Self::PhotoBeforeShakingCamera
            | Self::HandHeldPhoto
            | Self::PrintMovedCloser => Edge::White,
            Self::ScreenOnStand | Self::HandHeldScreen | Self::ReplayOnScreen => Edge::Black,
            Self::CutOutPhoto => Edge::CutOut,
            _ => Edge::Fades,
        }
    }
}

/// A person of the project's photos.
#[derive(Debug)]
pub struct Person {
    pub photo: RgbImage,
    pub head: Head,
}

/// All there is to make presentations of.
#[derive(Debug)]
pub struct Props {
    pub people: Vec<Person>,
    behind: Vec<RgbImage>,
}

impl Props {
    pub fn load() -> Self {
        let person = |name: &str| {
            let path = project().join("tests/photos").join(name);
            Person {
                head: Head::of(&path).unwrap(),
                photo: image::open(path).unwrap().to_rgb8(),
            }
        };
        Self {
            people: [
                "barack-obama/03.jpg",
                "grace-hopper/01.jpg",
                "eileen-collins/01.jpg",
                "joe-biden/01.jpg",
            ]
            .map(person)
            .into(),
            behind: ["brick.jpg", "gravel.jpg", "coffee.jpg"]
                .map(stage::background)
                .into(),
        }
    }
}

/// One presentation: a kind, in front of one camera.
#[derive(Debug)]
pub struct Presentation<'a> {
    kind: Kind,
    pub person: &'a Person,
    behind: &'a RgbImage,
    camera: Camera,
    place: Place,
    /// Whoever moves does so in a way of the own, from 0 to 1 each.
    ways: [f32; 4],
}

impl<'a> Presentation<'a> {
    pub fn new(kind: Kind, variation: usize, props: &'a Props) -> Self {
        let mut random = fastrand::Rng::with_seed(variation as u64 * 7919 + 17);
        let mut between = |from: f32, to: f32| from + (to - from) * random.f32();
        let poor = matches!(kind, Kind::PoorLight | Kind::PhotoInPoorLight);
        let camera = Camera {
            light: if poor {
                between(0.38, 0.5)
            } else {
                between(0.8, 1.05)
            },
            flicker: between(0.0, 0.04),
            noise: if poor {
                between(4.0, 6.0)
            } else {
                between(0.5, 5.0)
            },
            quality: (!variation.is_multiple_of(3)).then(|| between(50.0, 95.0) as u8),
            shake: match kind {
                Kind::PhotoBeforeShakingCamera => between(1.0, 4.0),
                _ => 0.0,
            },
        };
        let place = Place {
            eyes: [between(250.0, 390.0), between(170.0, 210.0)],
            eye_distance: between(38.0, 78.0),
            tilt: between(-0.08, 0.08),
            turn: match kind {
                Kind::PhotoOnStand | Kind::PhotoInPoorLight | Kind::ScreenOnStand => {
                    between(-0.25, 0.25)
                }
                _ => 0.0,
            },
            bend: 0.0,
        };
        Self {
            kind,
            person: &props.people[variation % props.people.len()],
            behind: &props.behind[variation / 2 % props.behind.len()],
            camera,
            place,
            ways: std::array::from_fn(|_| between(0.0, 1.0)),
        }
    }

    /// What the camera sees `t` seconds after it began.
    pub fn frame(&self, frame: u64, t: f32) -> RgbImage {
        let held = self.held(t);
        let lives = held.map(|held| living::held(&self.person.photo, &self.person.head, &held));
        let photo = lives.as_ref().unwrap_or(&self.person.photo);
        let place = self.place(t);
        let shown = (photo, &self.person.head, self.kind.edge());
        let mut picture = stage::seen(self.behind, shown, &place, &self.camera, (frame, t));
        if self.kind == Kind::Glare {
            // It stays where the lamp is, and the head moves below it.
            stage::glare(
                &mut picture,
                &place,
                held.unwrap_or_default().moved.map(|m| m / 2.0),
            );
        }
        picture
    }

    /// How the person's head is held, of whoever lives.
    fn held(&self, t: f32) -> Option<Held> {
        let [a, b, c, d] = self.ways;
        let wave = |hz: f32, phase: f32| (TAU * (hz * t + phase)).sin();
        // A chest that rises by a millimetre; eyes are 63 apart.
        let breath = 0.016 * wave(0.22 + 0.1 * a, b);
        let sway = [
            0.035 * wave(0.25 + 0.2 * c, d) + 0.01 * wave(0.9, a),
            breath + 0.008 * wave(0.6, c),
        ];
        match self.kind {
            Kind::BreathingOnly => Some(Held {
                moved: [0.0, breath],
                turned: [0.0, 0.004 * wave(0.22 + 0.1 * a, b)],
            }),
            Kind::StandingStill | Kind::Glare | Kind::PoorLight => Some(Held {
                moved: sway,
                turned: [0.02 * wave(0.3, d), 0.015 * wave(0.4, a)],
            }),
            Kind::WalkingUp | Kind::ReplayOnScreen => Some(Held {
                moved: sway,
                turned: [0.05 * wave(0.8, d), 0.03 * wave(1.6, a)],
            }),
            _ => None,
        }
    }

    fn place(&self, t: f32) -> Place {
        let [a, b, c, d] = self.ways;
        let wave = |hz: f32, phase: f32| (TAU * (hz * t + phase)).sin();
        let mut place = self.place;
        let mut go = |x: f32, y: f32| {
            place.eyes[0] += x * place.eye_distance;
            place.eyes[1] += y * place.eye_distance;
        };
        match self.kind {
            Kind::HandHeldPhoto | Kind::CutOutPhoto | Kind::HandHeldScreen => {
                // A hand trembles by millimetres, and drifts.
                let calm = 0.6 + 0.8 * b;
                go(
                    calm * (0.05 * wave(1.1 + a, c) + 0.02 * wave(4.0 + 3.0 * d, a)),
                    calm * (0.04 * wave(0.8 + b, d) + 0.02 * wave(5.0, c)),
                );
                place.tilt += 0.02 * wave(0.9, b);
                place.turn = 0.12 * wave(0.5 + 0.4 * c, a);
                if self.kind == Kind::HandHeldPhoto {
                    place.bend = 0.1 * a + 0.05 * wave(0.7, d);
                }
            }
            Kind::WalkingUp => {
                let near = 0.55 + 0.17 * t;
                go(0.25 * wave(0.9, a), 0.06 * wave(1.8, b));
                place.eye_distance = 78.0 * near.min(1.1);
            }
            Kind::ReplayOnScreen => {
                // The screen stands; the one in it comes nearer.
                let near = 0.6 + 0.13 * t;
                go(0.15 * wave(0.9, a), 0.04 * wave(1.8, b));
                place.eye_distance = 70.0 * near.min(1.1);
            }
            Kind::PrintMovedCloser => {
                let near = 0.5 + 0.18 * t;
                go(0.05 * wave(1.2, a), 0.05 * wave(0.9, b));
                place.eye_distance = 75.0 * near.min(1.1);
            }
            _ => {}
        }
        place
    }
}

/// A recorded frame on a screen that stands before the camera.
pub fn on_a_screen(props: &Props, frame: &RgbImage, number: u64) -> RgbImage {
    // As if the screen's width were that of four heads.
    let head = Head {
        eyes: [320.0, 240.0],
        eye_distance: 90.0,
    };
    let place = Place {
        eyes: [320.0, 235.0],
        eye_distance: 72.0,
        tilt: 0.01,
        turn: 0.05,
        bend: 0.0,
    };
    let camera = Camera {
        light: 0.95,
        flicker: 0.02,
        noise: 2.0,
        quality: Some(85),
        shake: 0.0,
    };
    let t = number as f32 / 15.0;
    let shown = (frame, &head, Edge::Black);
    stage::seen(&props.behind[0], shown, &place, &camera, (number, t))
}
