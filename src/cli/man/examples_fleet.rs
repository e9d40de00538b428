//! Examples of the commands about a fleet.

use super::examples::Example;

pub(super) const ALL: &[(&str, &[Example])] = &[
    (
        "doorward fleet",
        &[
            (
                "doorward fleet init --hub hub.example:7443",
                "Found a fleet:",
            ),
            (
                "doorward fleet serve --keys hub.json --store hub.db",
                "Be its hub:",
            ),
            (
                "doorward fleet invite front front.fleet",
                "Make keys for a door, and show the code that opens them:",
            ),
        ],
    ),
    (
        "doorward fleet init",
        &[(
            "doorward fleet init --hub hub.example:7443",
            "Found a fleet whose doors reach the hub there:",
        )],
    ),
    (
        "doorward fleet serve",
        &[(
            "doorward fleet serve --keys hub.json --store hub.db --listen 0.0.0.0:7443",
            "Serve the list from a SQLite file:",
        )],
    ),
    (
        "doorward fleet invite",
        &[(
            "doorward fleet invite front front.fleet",
            "Make keys for the door that is called front:",
        )],
    ),
    (
        "doorward fleet join",
        &[(
            "doorward fleet join front.fleet",
            "At that door, with the code that invite showed:",
        )],
    ),
    (
        "doorward fleet revoke",
        &[(
            "doorward fleet revoke front",
            "After the door's board was stolen:",
        )],
    ),
    (
        "doorward fleet status",
        &[
            (
                "doorward fleet status --founder founder.json",
                "Which doors are behind, and since when they are silent:",
            ),
            (
                "doorward fleet status",
                "At a door, how far its daemon has verified the list:",
            ),
        ],
    ),
    (
        "doorward fleet sync",
        &[(
            "doorward fleet sync --keys door.json --link link.json --state fleet.db",
            "Try whether the hub is reached:",
        )],
    ),
    (
        "doorward fleet backup",
        &[(
            "doorward fleet backup hub-monday.db --store hub.db",
            "Copy the hub's store while it serves:",
        )],
    ),
    (
        "doorward fleet verify",
        &[(
            "doorward fleet verify --keys hub.json --store hub.db",
            "Whether each door's record at the hub is one record:",
        )],
    ),
];
