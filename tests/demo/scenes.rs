//! What happens before the demo's camera.

use super::scene::{Person, Scene, Shown};

/// In the order they are shown.
pub fn scenes() -> Vec<Scene> {
    let empty = |name| Scene {
        name,
        title: "Nobody there",
        person: None,
        frames: 30,
    };
    let listed = Person {
        photo: "barack-obama/03.jpg",
        centre: (433.0, 241.0),
        face_px: 152.0,
        shown: Shown::Alive,
    };
    vec![
        empty("1-nobody"),
        Scene {
            name: "2-listed-person",
            title: "A listed person comes",
            person: Some(listed),
            frames: 45,
        },
        empty("3-nobody"),
        Scene {
            name: "4-stranger",
            title: "A stranger comes",
            person: Some(Person {
                photo: "grace-hopper/01.jpg",
                centre: (256.0, 225.0),
                face_px: 184.0,
                shown: Shown::Alive,
            }),
            frames: 45,
        },
        empty("5-nobody"),
        Scene {
            name: "6-photo",
            title: "A photo of the listed person on a stand",
            person: Some(Person {
                shown: Shown::OnAStand,
                ..listed
            }),
            frames: 75,
        },
    ]
}
