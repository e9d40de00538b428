//! Examples of each command, for its man page.

/// A command line and what it does, in a sentence.
pub(super) type Example = (&'static str, &'static str);

/// By the command they are of.
pub(super) const ALL: &[(&str, &[Example])] = &[
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
        "doorward people",
        &[
            ("sudo doorward people list", "Who is on the whitelist:"),
            (
                "sudo doorward people disable \"Ada Example\"",
                "Keep somebody out for now:",
            ),
        ],
    ),
    (
        "doorward people list",
        &[("sudo doorward people list", "Everybody, in a table:")],
    ),
    (
        "doorward people show",
        &[(
            "sudo doorward people show #3",
            "Person number 3 and the templates:",
        )],
    ),
    (
        "doorward people audit",
        &[("sudo doorward people audit", "Who could be taken for whom:")],
    ),
    (
        "doorward people migrate",
        &[(
            "sudo doorward people migrate",
            "After a change of networks, make templates from the kept photos:",
        )],
    ),
    (
        "doorward people rename",
        &[(
            "sudo doorward people rename \"Ada Example\" \"Ada Lovelace\"",
            "Give another name:",
        )],
    ),
    (
        "doorward people disable",
        &[(
            "sudo doorward people disable \"Ada Example\"",
            "Keep somebody out:",
        )],
    ),
    (
        "doorward people enable",
        &[(
            "sudo doorward people enable \"Ada Example\"",
            "Let somebody in again:",
        )],
    ),
    (
        "doorward people remove",
        &[(
            "sudo doorward people remove \"Ada Example\"",
            "Forget somebody who left; what happened stays on record:",
        )],
    ),
    (
        "doorward people forget-template",
        &[(
            "sudo doorward people forget-template \"Ada Example\" 2",
            "Forget the second template, which is of a bad photo:",
        )],
    ),
    (
        "doorward people forget-photos",
        &[(
            "sudo doorward people forget-photos",
            "Forget all photos that were kept:",
        )],
    ),
    (
        "doorward people pin",
        &[
            (
                "sudo doorward people pin \"Ada Example\"",
                "Ask for a PIN, twice:",
            ),
            (
                "sudo doorward people pin \"Ada Example\" --duress",
                "And for the one to be given when forced to:",
            ),
        ],
    ),
    (
        "doorward people card",
        &[
            (
                "sudo doorward people card \"Ada Example\" 34567 --facility 12",
                "Give out the card that has 012,34567 printed on it:",
            ),
            (
                "sudo doorward people card \"Ada Example\" --remove 34567",
                "Take it away:",
            ),
        ],
    ),
    (
        "doorward people lost-card",
        &[(
            "sudo doorward people lost-card 34567",
            "Have it open nothing:",
        )],
    ),
    (
        "doorward people erase",
        &[(
            "sudo doorward people erase",
            "Make sure that nothing of who was removed is left in the files:",
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
        "doorward train",
        &[(
            "doorward train photos/",
            "Learn to tell your own people apart better:",
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
];

/// Of one command, such as `doorward people list`.
pub(super) fn of(path: &str) -> &'static [Example] {
    let found = ALL.iter().find(|(of, _)| *of == path);
    found.map_or(&[], |(_, examples)| examples)
}
