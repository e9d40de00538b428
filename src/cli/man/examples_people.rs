//! Examples of `doorward people` and the commands below it.

use super::examples::Example;

/// By the command they are of.
pub(super) const ALL: &[(&str, &[Example])] = &[
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
        "doorward people export",
        &[
            (
                "sudo doorward people export people.age",
                "Everybody, sealed with a passphrase that is asked for:",
            ),
            (
                "sudo doorward people export \"Ada Example\" #7 two.age",
                "Two people:",
            ),
        ],
    ),
    (
        "doorward people import",
        &[
            (
                "sudo doorward people import people.age",
                "Everybody of such a file, if nobody is there already:",
            ),
            (
                "sudo doorward people import --skip-existing people.age",
                "Only who is not there yet:",
            ),
        ],
    ),
    (
        "doorward people erase",
        &[
            (
                "sudo doorward people erase \"Ada Example\"",
                "Forget somebody who asks for it, also who was removed before:",
            ),
            (
                "sudo doorward people erase",
                "Make sure that nothing of who was removed is left in the files:",
            ),
        ],
    ),
    (
        "doorward people disclose",
        &[(
            "sudo doorward people disclose \"Ada Example\" ada.zip",
            "Give somebody all that is kept of them:",
        )],
    ),
    (
        "doorward people group",
        &[(
            "sudo doorward people group add \"Ada Example\" #4 cleaners",
            "Put two people in a group that rules name:",
        )],
    ),
    (
        "doorward people group add",
        &[(
            "sudo doorward people group add \"Ada Example\" #4 cleaners",
            "Put two people in a group that rules name:",
        )],
    ),
    (
        "doorward people group remove",
        &[(
            "sudo doorward people group remove \"Ada Example\" cleaners",
            "Take somebody out of a group:",
        )],
    ),
    (
        "doorward people valid",
        &[
            (
                "sudo doorward people valid \"Ada Example\" --from 2026-09-01 --until 2026-12-31",
                "Let somebody in from one day to another, both among them:",
            ),
            (
                "sudo doorward people valid \"Ada Example\"",
                "Take all limits away again:",
            ),
        ],
    ),
    (
        "doorward people add-guest",
        &[(
            "sudo doorward people add-guest \"Grace Visitor\" --until \"friday 18:00\" grace.jpg",
            "Let a guest in until Friday evening:",
        )],
    ),
    (
        "doorward people consent",
        &[
            (
                "sudo doorward people consent \"Ada Example\" --on 2026-09-01 --purpose \"entry by face\"",
                "Note that somebody signed on that day:",
            ),
            (
                "sudo doorward people consent \"Ada Example\" --withdraw",
                "And that it is taken back:",
            ),
        ],
    ),
    (
        "doorward people entries",
        &[
            (
                "sudo doorward people entries \"Grace Visitor\" 3",
                "Let somebody in three times more:",
            ),
            (
                "sudo doorward people entries \"Grace Visitor\" any",
                "Let somebody in as often as they come:",
            ),
        ],
    ),
];
