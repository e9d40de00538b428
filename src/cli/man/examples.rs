//! Examples of each command, for its man page.

use super::examples_people;

/// A command line and what it does, in a sentence.
pub(super) type Example = (&'static str, &'static str);

/// By the command they are of.
const ALL: &[(&str, &[Example])] = &[
    (
        "doorward",
        &[
            ("sudo doorward check", "Look whether everything is ready:"),
            (
                "sudo doorward enroll \"Ada Example\" ada1.jpg ada2.jpg ada3.jpg",
                "Put somebody on the whitelist:",
            ),
            (
                "sudo doorward events --since yesterday --summary",
                "See who came since yesterday:",
            ),
        ],
    ),
    (
        "doorward run",
        &[(
            "doorward run --config config/demo.toml",
            "Guard with another configuration, in a terminal; the service does without this:",
        )],
    ),
    (
        "doorward status",
        &[(
            "sudo doorward status",
            "Whether the door is guarded, and what fails:",
        )],
    ),
    (
        "doorward watch",
        &[
            (
                "doorward watch",
                "How the door is, and what happens there from now on:",
            ),
            (
                "doorward watch --since 812 --json",
                "For a program that has seen everything up to event 812:",
            ),
        ],
    ),
    (
        "doorward try",
        &[(
            "sudo doorward try",
            "Aim the camera: walk up to the door and see what is made of your face:",
        )],
    ),
    (
        "doorward snapshot",
        &[(
            "sudo doorward snapshot door.jpg",
            "Keep a picture of what the camera sees and what is recognised in it:",
        )],
    ),
    (
        "doorward enroll",
        &[
            (
                "sudo doorward enroll \"Ada Example\" ada1.jpg ada2.jpg ada3.jpg",
                "From photos, three or more in different light:",
            ),
            (
                "sudo doorward enroll \"Ada Example\" --camera",
                "From pictures that the door's camera takes now:",
            ),
            (
                "sudo doorward enroll --from people/ --report result.csv",
                "Many people, from a folder for each:",
            ),
        ],
    ),
    (
        "doorward access",
        &[(
            "sudo doorward access explain \"Ada Example\" --at \"friday 18:00\"",
            "Whether somebody may pass on Friday evening, and why:",
        )],
    ),
    (
        "doorward access explain",
        &[
            (
                "sudo doorward access explain \"Ada Example\"",
                "Whether somebody may pass now, why, and until when:",
            ),
            (
                "sudo doorward access explain \"Ada Example\" --at 2026-12-24T08:00",
                "At another time:",
            ),
        ],
    ),
    (
        "doorward access check",
        &[(
            "sudo doorward access check",
            "Look for mistakes before the daemon reads the rules:",
        )],
    ),
    (
        "doorward identify",
        &[("sudo doorward identify group.jpg", "Who is in a picture:")],
    ),
    (
        "doorward compare",
        &[(
            "doorward compare one.jpg other.jpg",
            "Whether two pictures show one person:",
        )],
    ),
    #[cfg(feature = "bridge")]
    (
        "doorward bridge",
        &[(
            "doorward bridge --config config/demo.toml",
            "Tell what the bridge.toml beside another configuration says, in a terminal; the service does without this:",
        )],
    ),
    #[cfg(feature = "bridge")]
    (
        "doorward bridge remove",
        &[(
            "sudo doorward bridge remove",
            "Before the door gets another name, or leaves Home Assistant, once doorward-bridge is stopped:",
        )],
    ),
    #[cfg(feature = "web")]
    (
        "doorward web",
        &[
            (
                "sudo doorward web add-user ada --role administrator",
                "Let somebody log in to the page:",
            ),
            ("sudo doorward web users", "Who may log in:"),
        ],
    ),
    #[cfg(feature = "web")]
    (
        "doorward web add-user",
        &[
            (
                "sudo doorward web add-user ada --role operator --totp",
                "With a code of an authenticator app besides the password:",
            ),
            (
                "sudo doorward web add-user grace --role viewer --generate",
                "With a random password, which is printed:",
            ),
        ],
    ),
    #[cfg(feature = "web")]
    (
        "doorward web remove-user",
        &[(
            "sudo doorward web remove-user grace",
            "Log somebody out for good:",
        )],
    ),
    #[cfg(feature = "web")]
    (
        "doorward web users",
        &[("sudo doorward web users", "Who may log in:")],
    ),
    #[cfg(feature = "web")]
    (
        "doorward web certificate",
        &[(
            "sudo doorward web certificate",
            "Make one, and show the fingerprint to be compared with the browser's:",
        )],
    ),
    (
        "doorward events",
        &[
            (
                "sudo doorward events --since 8h",
                "What happened in the last eight hours:",
            ),
            ("sudo doorward events --follow", "What happens, as it does:"),
            (
                "sudo doorward events --kind denied --since 7d --json",
                "Who was refused in a week, for a program:",
            ),
            (
                "sudo doorward events --verify",
                "Whether the record is as it was written:",
            ),
            (
                "sudo doorward events --verify --journal --key /root/door.pub",
                "And by the heads in the journal, each signed by the door's key:",
            ),
        ],
    ),
    (
        "doorward backup",
        &[(
            "sudo doorward backup /var/lib/doorward/monday.db",
            "Copy whitelist and record, while the daemon guards:",
        )],
    ),
    (
        "doorward restore",
        &[(
            "sudo doorward restore /var/lib/doorward/monday.db",
            "Have Monday's people on the whitelist again:",
        )],
    ),
    (
        "doorward rekey",
        &[(
            "sudo doorward rekey",
            "Take another key, because somebody may have this one; a daemon goes on meanwhile:",
        )],
    ),
    (
        "doorward check",
        &[
            (
                "sudo doorward check",
                "Each part in a line, with what to do where it is wrong:",
            ),
            ("sudo doorward check --json", "The same for a program:"),
        ],
    ),
    (
        "doorward infrared",
        &[(
            "sudo doorward infrared map",
            "Learn where a face of the one picture is in the other:",
        )],
    ),
    (
        "doorward infrared map",
        &[(
            "sudo doorward infrared map",
            "With one person who walks about before both cameras, and the service stopped:",
        )],
    ),
    (
        "doorward bench",
        &[(
            "doorward bench",
            "How fast this machine is, with the configured networks:",
        )],
    ),
    (
        "doorward bench compare",
        &[(
            "doorward bench compare before.json after.json",
            "What a change did, by two results of `bench --json`:",
        )],
    ),
    (
        "doorward threshold",
        &[
            ("sudo doorward threshold", "The score a face needs now:"),
            (
                "sudo doorward threshold --people 200",
                "As if 200 people were listed:",
            ),
        ],
    ),
    (
        "doorward evaluate",
        &[(
            "doorward evaluate photos/ --html report.html",
            "Measure on a folder with one folder a person, and write a page:",
        )],
    ),
    (
        "doorward calibrate",
        &[(
            "doorward calibrate photos/ --out models/",
            "Learn what scores mean from your own photos:",
        )],
    ),
    (
        "doorward calibrate-liveness",
        &[
            (
                "sudo doorward calibrate-liveness --since 8h",
                "See which threshold suits this door, after people came and went with \
                 liveness.learn_coupling:",
            ),
            (
                "sudo doorward calibrate-liveness --write",
                "Write it into the configuration:",
            ),
        ],
    ),
    (
        "doorward train",
        &[(
            "doorward train photos/",
            "Learn to tell your own people apart better:",
        )],
    ),
    (
        "doorward pad-import",
        &[(
            "sudo doorward pad-import minifasnet-v2.onnx --into /etc/doorward/models --id minifasnet-v2 --crop-factor 2.7 --colour BGR --bona-fide-class 1 --softmax --threshold 0.5 --calibration \"none yet: the even chance\"",
            "Bring a network of your own into a model set, here MiniFASNet V2:",
        )],
    ),
    (
        "doorward pad-test",
        &[
            (
                "sudo doorward pad-test --camera --bona-fide 20 --attack photo_in_hand=20 --attack screen_video=20 --out pad.json --html pad.html",
                "Measure the door in front of you: it asks for each presentation, and tells how many were told apart:",
            ),
            (
                "sudo doorward pad-test clips/ --html pad.html",
                "The same on recorded clips, in clips/bona-fide/ and clips/attack/KIND/:",
            ),
        ],
    ),
    (
        "doorward mode",
        &[("sudo doorward mode", "Whether the door is in a mode:")],
    ),
    (
        "doorward mode lockdown",
        &[(
            "sudo doorward mode lockdown --reason \"alarm in the yard\"",
            "Let nobody in until somebody orders otherwise:",
        )],
    ),
    (
        "doorward mode hold",
        &[(
            "sudo doorward mode hold --until 18:00 --reason \"open day\"",
            "Hold the door unlocked until the evening:",
        )],
    ),
    (
        "doorward mode office",
        &[(
            "sudo doorward mode office --until 17:00",
            "Unlocked from the first listed person until five:",
        )],
    ),
    (
        "doorward mode normal",
        &[("sudo doorward mode normal", "End what was ordered:")],
    ),
    (
        "doorward unlock",
        &[(
            "sudo doorward unlock --reason \"parcel\"",
            "Unlock the door once, for somebody who rang:",
        )],
    ),
    (
        "doorward relay",
        &[(
            "sudo doorward relay lock",
            "Lock the door, whatever is configured:",
        )],
    ),
    (
        "doorward relay lock",
        &[(
            "sudo doorward relay lock",
            "Release the relay, so that the door is locked:",
        )],
    ),
    (
        "doorward relay pulse",
        &[(
            "sudo doorward relay pulse --ms 1000",
            "Open for a second, to try the wiring:",
        )],
    ),
    (
        "doorward panel",
        &[(
            "sudo doorward panel watch",
            "See what the wires at the door say:",
        )],
    ),
    (
        "doorward panel watch",
        &[(
            "sudo doorward panel watch",
            "Open the door, press the button, hold a card to the reader, and see each:",
        )],
    ),
    (
        "doorward panel show",
        &[(
            "sudo doorward panel show held_open",
            "See and hear what people at the door do when it is held open:",
        )],
    ),
    (
        "doorward panel test",
        &[(
            "sudo doorward panel test siren",
            "Hear for a second whether the output [panel.output.siren] is wired rightly:",
        )],
    ),
];

pub(super) fn every() -> impl Iterator<Item = &'static (&'static str, &'static [Example])> {
    #[cfg(feature = "fleet")]
    let fleet = super::examples_fleet::ALL;
    #[cfg(not(feature = "fleet"))]
    let fleet: &[(&str, &[Example])] = &[];
    ALL.iter().chain(examples_people::ALL).chain(fleet)
}

/// Of one command, such as `doorward people list`.
pub(super) fn of(path: &str) -> &'static [Example] {
    let found = every().find(|(of, _)| *of == path);
    found.map_or(&[], |(_, examples)| examples)
}
