//! Access rules as installers write them: what they mean, and what is said of mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use doorward::access::{
    Asking, Claim, Companion, Company, DenialReason, FactorKind, Factors, Rules, Wall, authorise,
};
use doorward::cohort::Score;
use doorward::config::RuleFile;
use doorward::liveness::Passed;
use doorward::person::PersonId;
use doorward::record::{Event, Kind};
use doorward::whitelist::{Direction, Directory, Entries, Group, Listed, Passage, Standing};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use rustix::process::Signal;
use support::project;
use support::site::{Site, said};

fn file(path: &str, text: &str) -> RuleFile {
    RuleFile {
        path: path.into(),
        text: Ok(text.to_owned()),
    }
}

fn parse(files: &[RuleFile]) -> Result<Rules, String> {
    Rules::parse(files, jiff::tz::db()).map_err(|error| error.to_string())
}

/// `2026-10-25 02:30 +2` in a zone, in milliseconds since 1970.
fn moment(text: &str, zone: &TimeZone) -> i64 {
    let mut words = text.split_whitespace();
    let (day, time) = (words.next().unwrap(), words.next().unwrap());
    let at: DateTime = format!("{day}T{time}").parse().unwrap();
    let zone = match words.next() {
        Some(offset) => TimeZone::fixed(Offset::constant(offset.parse().unwrap())),
        None => zone.clone(),
    };
    let at = at.to_zoned_datetime(zone).unwrap();
    at.timestamp().as_millisecond()
}

/// `Ada staff disabled`, `Grace guest until 2026-03-06 18:00`
fn person(id: i64, text: &str, zone: &TimeZone) -> Listed {
    let mut words = text.split_whitespace();
    let mut listed = Listed::new(PersonId(id), words.next().unwrap(), true);
    let standing: &mut Standing = &mut listed.standing;
    while let Some(word) = words.next() {
        let mut time = || {
            let (day, time) = (words.next().unwrap(), words.next().unwrap());
            moment(&format!("{day} {time}"), zone)
        };
        match word {
            "disabled" => listed.enabled = false,
            "guest" => standing.is_guest = true,
            "from" => standing.valid_from_ms = Some(time()),
            "until" => standing.valid_until_ms = Some(time()),
            "entries" => {
                let most = words.next().unwrap().parse().unwrap();
                standing.entries = Some(Entries { most, used: 0 });
            }
            "passed" => {
                let at_ms = time();
                standing.passed = Some(Passage {
                    record: 1,
                    at_ms,
                    is_sure: true,
                    boot: Some("boot".into()),
                    uptime_ms: at_ms.cast_unsigned(),
                    direction: Direction::In,
                });
            }
            group => standing.groups.push(Group::new(group).unwrap()),
        }
    }
    standing.groups.sort();
    listed
}

fn reason(reason: DenialReason) -> &'static str {
    match reason {
        DenialReason::NotListed => "not_listed",
        DenialReason::EmptyWhitelist => "empty_whitelist",
        DenialReason::Disabled => "disabled",
        DenialReason::Removed => "removed",
        DenialReason::Expired => "expired",
        DenialReason::OutsideHours => "outside_hours",
        DenialReason::NotYetValid => "not_yet_valid",
        DenialReason::ValidityOver => "validity_over",
        DenialReason::NoEntriesLeft => "no_entries_left",
        DenialReason::ClockUnknown => "clock_unknown",
        DenialReason::FactorNeeded(factor) => {
            assert_ne!(factor, FactorKind::Pin);
            "factor_needed"
        }
        DenialReason::ChallengeNeeded => "challenge_needed",
        DenialReason::CompanionMissing => "companion_missing",
        DenialReason::EscortMissing => "escort_missing",
        DenialReason::PassedBack => "passed_back",
        DenialReason::ScoreTooLow => "score_too_low",
        DenialReason::LockedDown => "locked_down",
        DenialReason::WrongPin
        | DenialReason::LockedOut
        | DenialReason::CardUnknown
        | DenialReason::CardLost
        | DenialReason::CardAlone
        | DenialReason::FactorOfAnother
        | DenialReason::LeaseOver
        | DenialReason::Challenge(_)
        | DenialReason::FrozenFace
        | DenialReason::CoupledFace
        | DenialReason::PadNetwork
        | DenialReason::InfraredDark
        | DenialReason::InfraredFlat
        | DenialReason::InfraredMissingFace
        | DenialReason::InfraredElsewhere
        | DenialReason::InfraredCameraLost => panic!("no reason of the rules"),
    }
}

/// What comes of one line of a door's cases.
fn outcome(
    case: &str,
    rules: &Rules,
    directory: &Directory,
    people: &[Listed],
    zone: &TimeZone,
) -> String {
    let cells: Vec<&str> = case.split('|').map(str::trim).collect();
    let number = |name: &str| {
        let one = people.iter().find(|listed| listed.name == name);
        one.unwrap_or_else(|| panic!("{name} in {case}")).id
    };
    let (when, is_believed) = match cells[1].strip_prefix("clock?") {
        Some(when) => (when.trim(), false),
        None => (cells[1], true),
    };
    let at_ms = moment(when, zone);
    let now = Instant::now();
    let (mut factors, mut score, mut companions) = (Factors::default(), 0.9, Vec::new());
    let took = Duration::from_millis(1800);
    let passed = Passed { steps: 2, took };
    let words: Vec<&str> = cells[2].split_whitespace().collect();
    match words[..] {
        ["-"] => {}
        ["card"] => factors.card = true,
        ["pin"] => factors.pin = true,
        ["challenge"] => factors.challenge = Some(passed),
        ["challenge", "card"] => (factors.challenge, factors.card) = (Some(passed), true),
        ["score", number] => score = number.parse().unwrap(),
        [how @ ("with" | "after"), name] => companions.push(Companion {
            person: number(name),
            track: 2,
            at: now,
            // The two-person rule stands last.
            company: match how {
                "with" => Company::Waits(rules.counts().1 - 1),
                _ => Company::Passed,
            },
        }),
        _ => panic!("{case}"),
    }
    let claim = Claim {
        person: number(cells[0]),
        track: 1,
        score: Score::new(score),
        threshold: Score::new(0.5),
        frames: 3,
        made_at: now,
    };
    let asking = Asking {
        now,
        wall: Wall {
            at_ms,
            is_believed,
            boot: Some("boot"),
            uptime_ms: at_ms.cast_unsigned(),
        },
        factors,
        companions: &companions,
    };
    match authorise(directory, rules, &claim, &asking) {
        Ok(grant) if grant.is_passed_back() => "passes, noted".into(),
        Ok(_) => "passes".into(),
        Err(denial) => reason(denial.reason).into(),
    }
}

#[test]
fn rules_mean_what_the_table_of_scenarios_says() {
    let text = std::fs::read_to_string(project().join("tests/scenarios/access.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let texts = |value: &toml::Value| -> Vec<String> {
        let list = value.as_array().unwrap().iter();
        list.map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let (mut count, mut wrong) = (0, Vec::new());
    for door in table["door"].as_array().unwrap() {
        let written = door["rules"].as_str().unwrap();
        let files: Vec<RuleFile> = (!written.is_empty())
            .then(|| file("door.toml", written))
            .into_iter()
            .collect();
        let rules = parse(&files).unwrap_or_else(|error| panic!("{error}"));
        let zone = written
            .split("time_zone = \"")
            .nth(1)
            .map_or("UTC", |rest| rest.split('"').next().unwrap());
        let zone = TimeZone::get(zone).unwrap();
        let people: Vec<Listed> = (1..)
            .zip(texts(&door["people"]))
            .map(|(id, text)| person(id, &text, &zone))
            .collect();
        let directory = Directory::new(people.clone());
        for case in texts(&door["cases"]) {
            let expected = case.rsplit('|').next().unwrap().trim();
            let found = outcome(&case, &rules, &directory, &people, &zone);
            if found != expected {
                wrong.push(format!("{}: {case}: {found}", door["about"]));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 60, "only {count} scenarios");
    println!("{count} scenarios");
}

#[test]
fn the_example_is_read_and_names_every_key() {
    let path = project().join("config/access.d/example.toml.disabled");
    let text = std::fs::read_to_string(&path).unwrap();
    let rules = parse(&[file("example.toml", &text)]).unwrap();
    assert_eq!(rules.counts(), (1, 6));
    for key in [
        "time_zone",
        "name",
        "groups",
        "people",
        "hours",
        "not_on",
        "only_on",
        "from",
        "until",
        "second_factor",
        "challenge",
        "second_person",
        "escort",
        "within",
        "mode",
        "direction",
        "reset",
        "except",
    ] {
        assert!(text.contains(&format!("{key} =")), "{key}");
    }
    // What it says in comments is right too.
    let hard = text
        .replace("mode = \"timed\"\nwithin = \"5m\"", "mode = \"hard\"")
        .replace("#reset", "reset");
    parse(&[file("example.toml", &hard)]).unwrap();
}

/// What the documents show is understood.
#[test]
fn every_rule_in_the_documents_is_one() {
    let mut count = 0;
    for document in ["docs/managing.md", "README.md"] {
        let text = std::fs::read_to_string(project().join(document)).unwrap();
        for snippet in text.split("```toml\n").skip(1) {
            let snippet = snippet.split("```").next().unwrap();
            if snippet.contains("[[rule]]") {
                parse(&[file(document, snippet)]).unwrap_or_else(|error| panic!("{error}"));
                count += 1;
            }
        }
    }
    assert_eq!(count, 2);
}

proptest::proptest! {
    /// Whatever lies there is understood, or told of with its place.
    #[test]
    fn any_text_is_read_or_refused(
        lines in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12),
        noise in ".{0,40}",
        place in 0..12usize,
    ) {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines.insert(place.min(lines.len()), noise);
        if let Err(said) = parse(&[file("door.toml", &lines.join("\n"))]) {
            proptest::prop_assert!(said.lines().all(|line| line.starts_with("door.toml:")), "{said}");
        }
    }
}

const PIECES: [&str; 16] = [
    "time_zone = \"Europe/Berlin\"",
    "[hours]",
    "a = [\"mon-fri 07:00-19:00\"]",
    "b = [\"fri 22:00-06:00\", 7]",
    "[holidays]",
    "c = [\"*-02-29\", 2026-12-24]",
    "[[rule]]",
    "name = \"one\"",
    "groups = [\"staff\"]",
    "hours = [\"a\", \"b\"]",
    "from = 2026-01-01",
    "within = \"30s\"",
    "[passback]",
    "mode = \"timed\"",
    "[min_score]",
    "\"#7\" = 0.7",
];

/// What stands in front of each mistake below.
const GOOD: &str = "time_zone = \"Europe/Berlin\"\n[hours]\noffice = [\"mon-fri 07:00-19:00\"]\n[holidays]\nclosed = [\"*-05-01\"]\n";
const RULE: &str = "[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\n";

/// A mistake each: the text after what is good, the line after it and the column, and what
/// has to be said.
#[rustfmt::skip]
const MISTAKES: &[(&str, &str, &str)] = &[
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nhours = [\"ofice\"]", "4:10", "hours: \"ofice\" is not among [hours]: did you mean \"office\"?"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nhours = [\"dawn\"]", "4:10", "hours: \"dawn\" is not among [hours] of any file: write it there, such as dawn = [\"…\"]"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nhours = \"office\"", "4:9", "hours = \"office\" is no list: put it in brackets, [\"…\"]"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nhours = []", "4:9", "hours is an empty list: write names of [hours] in it, or remove the line"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nnot_on = [\"close\"]", "4:11", "not_on: \"close\" is not among [holidays]: did you mean \"closed\"?"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nhour = [\"office\"]", "4:1", "[[rule]] has no key hour: did you mean hours?"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nchallenge = \"yes\"", "4:13", "challenge = \"yes\" is neither true nor false: write one of them, without quotes"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nsecond_factor = \"PIN\"", "4:17", "second_factor = \"PIN\" is not known: did you mean \"pin\"? It takes \"pin\", \"card\" or \"any\""),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nwithin = \"30s\"", "1:1", "within says when somebody else has to come: write second_person or escort as well, or remove it"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nescort = \"staff\"\nwithin = 30", "5:10", "within = 30 is a whole number: write a time in quotes"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nescort = \"staff\"\nwithin = \"30\"", "5:10", "within = \"30\" is no span of time: write \"30s\", \"5m\" or \"2h\", from 1s to 24h"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nescort = \"a\"\nsecond_person = \"b\"", "1:1", "a rule has a second_person and an escort: write two rules, or keep one of the lines"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nfrom = \"2026-05-01\"\nuntil = \"2026-04-01\"", "1:1", "a rule ends before it begins: until is the last day, and not before from"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nfrom = \"2026-02-30\"", "4:8", "from = \"2026-02-30\" has no day 2026-02-30: there is none of that date in the calendar"),
    ("[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nfrom = \"1.5.2026\"", "4:8", "from = \"1.5.2026\" is no date: write a date such as \"2026-12-24\""),
    ("[[rule]]\nname = \"one\"", "1:1", "a rule is for nobody: write groups = [\"…\"] or people = [\"#7\"]; \"everybody\" and \"guests\" are groups"),
    ("[[rule]]\ngroups = [\"staff\"]", "1:1", "a rule has no name: write name = \"…\""),
    ("[[rule]]\nname = \"one\"\ngroups = [\"Staff!\"]", "3:11", "groups: \"Staff!\" is no group: a name is 1 to 63 of a to z, 0 to 9, _ and -"),
    ("[[rule]]\nname = \"one\"\npeople = [\"Ada\"]", "3:11", "people: \"Ada\" is no person: write the number, such as \"#7\""),
    ("[rule]\nname = \"one\"", "1:2", "rules stand each below a line [[rule]], with two brackets on both sides"),
    ("[rules]\nname = \"one\"", "1:2", "there is no section [rules]: did you mean rule?"),
    ("[passback]\nmode = \"timed\"", "1:2", "timed anti-passback has no time: write within = \"10m\""),
    ("[passback]\nmode = \"hard\"", "1:2", "hard anti-passback without a reset keeps whoever left another way out for good: write reset = \"04:00\""),
    ("[passback]\nmode = \"hrad\"\nreset = \"04:00\"", "2:8", "mode = \"hrad\" is not known: did you mean \"hard\"? It takes \"hard\", \"soft\" or \"timed\""),
    ("[passback]\nmode = \"soft\"\nreset = \"4:00\"", "3:9", "reset = \"4:00\" has no time 4:00: times are 00:00 to 24:00, with two digits each"),
    ("[min_score]\nstaff = 7", "2:9", "min_score: staff has no score that could be asked for: write a number (higher is stricter), from 0.2 to 1.5"),
    ("[min_score]\nstaff = \"0.7\"", "2:9", "min_score: staff has no score that could be asked for"),
    ("[[rule]]\nname = one", "2:8", "text needs quotes: write name = \"one\""),
    ("[[rule]]\nname = \"one\"\nname = \"two\"\ngroups = [\"staff\"]", "3:1", "name is set in line 7 already: remove one of the two lines"),
];

/// The same for hours and days, in a file of their own.
#[rustfmt::skip]
const WORDS: &[(&str, &str, &str)] = &[
    ("hours", "mon-fri", "are no hours: write days and times, such as \"mon-fri 07:00-19:00\""),
    ("hours", "mon-fri 7:00-19:00", "has no time 7:00: times are 00:00 to 24:00, with two digits each"),
    ("hours", "mon-fri 07:00", "has no end: write days and times"),
    ("hours", "mon-fri 07:00-25:00", "has no time 25:00"),
    ("hours", "mon-fri 08:00-08:00", "begins and ends at the same time: write 00:00-24:00 for whole days"),
    ("hours", "mo-fr 24:00-08:00", "has 24:00 and 00:00 the wrong way"),
    ("hours", "mon-fir 07:00-19:00", "has no weekday fir; they are mon, tue"),
    ("holidays", "05-01", "is no date: write a date such as \"2026-12-24\", one of every year \"*-05-01\""),
    ("holidays", "*-02-30", "has no day 02-30 in any year"),
    ("holidays", "2027-01-06 to 2026-12-24", "ends before it begins: write the earlier date first"),
    ("holidays", "*-12-24 to 2027-01-06", "is of every year at one end only"),
];

#[test]
fn every_mistake_says_where_it_is_and_what_would_be_right() {
    let before = GOOD.lines().count();
    for (text, place, words) in MISTAKES {
        let whole = format!("{GOOD}{text}\n");
        let said = parse(&[file("door.toml", &whole)]).expect_err(text);
        let (line, column) = place.split_once(':').unwrap();
        let line = line.parse::<usize>().unwrap() + before;
        let expected = format!("door.toml:{line}:{column}: {words}");
        assert!(said.contains(&expected), "{text}\n{said}\nnot\n{expected}");
    }
    for (kind, text, words) in WORDS {
        let whole = format!("time_zone = \"UTC\"\n[{kind}]\none = [\"{text}\"]\n");
        let said = parse(&[file("door.toml", &whole)]).expect_err(text);
        let expected = format!("door.toml:3:8: one: \"{text}\" {words}");
        assert!(said.contains(&expected), "{said}\nnot\n{expected}");
    }
    println!("{} mistakes", MISTAKES.len() + WORDS.len());
}

#[test]
fn the_time_zone_is_needed_and_known() {
    for (text, expected) in [
        (
            "[hours]\no = [\"daily 07:00-19:00\"]\n",
            "door.toml:1:2: [hours] needs a time zone: write time_zone = \"Europe/Berlin\"",
        ),
        (
            "time_zone = \"Europe/Berlim\"\n",
            "door.toml:1:13: time_zone = \"Europe/Berlim\" is no time zone: did you mean \"Europe/Berlin\"?",
        ),
        (
            "time_zone = 1\n",
            "door.toml:1:13: time_zone = 1 is a whole number: write a time zone such as",
        ),
        (
            "timezone = \"UTC\"\n",
            "door.toml:1:1: timezone stands in no section: did you mean time_zone?",
        ),
    ] {
        let said = parse(&[file("door.toml", text)]).expect_err(text);
        assert!(said.contains(expected), "{said}\nnot\n{expected}");
    }
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once_and_names_hold_across_files() {
    let hours = file("a.toml", GOOD);
    let rule = file(
        "b.toml",
        "[[rule]]\nname = \"one\"\ngroups = [\"staff\"]\nhours = [\"office\"]\n",
    );
    assert_eq!(
        parse(&[hours.clone(), rule.clone()]).unwrap().counts(),
        (2, 1)
    );
    let twice = file(
        "c.toml",
        &format!("{GOOD}{RULE}[passback]\nmode = \"sfot\"\n"),
    );
    let not_text = RuleFile {
        path: "d.toml".into(),
        text: Err(doorward::config::Mistake {
            place: doorward::config::Place { line: 1, column: 3 },
            message: "no text".into(),
        }),
    };
    let broken = file("e.toml", "[[rule]]\nname = one\n");
    let said = parse(&[hours, rule, twice, not_text, broken]).unwrap_err();
    for words in [
        "c.toml:3:1: [hours] has office in a.toml already: give it another name",
        "c.toml:5:1: [holidays] has closed in a.toml already",
        "c.toml:6:1: a rule is called \"one\" in b.toml already: give it another name",
        "c.toml:10:8: mode = \"sfot\" is not known",
        "d.toml:1:3: no text",
        "e.toml:2:8: text needs quotes: write name = \"one\"",
    ] {
        assert!(said.contains(words), "{said}\nlacks\n{words}");
    }
}

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
/// A rule for a group, at any time.
const STAFF: &str = "[[rule]]\nname = \"staff\"\ngroups = [\"staff\"]\n";
/// One that lets nobody in, ever since.
const PAST: &str = "time_zone = \"UTC\"\n[[rule]]\nname = \"past\"\ngroups = [\"staff\"]\nuntil = \"2020-01-01\"\n";

/// A door with a folder for rules and one person, who looks into the camera.
fn site() -> Site {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.cooldown_ms", 0)
        .set("access.absence_ms", 0)
        .set("access.rules_dir", "\"access.d\"")
        .set("access.clock", "\"trusted\"")
        .set("door.pulse_ms", 100)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 3);
    std::fs::create_dir(site.at("access.d")).unwrap();
    site
}

/// The reasons of all denials so far.
fn denials(site: &Site) -> Vec<String> {
    let records = site.records();
    let denied = records.iter().filter(|record| record.kind() == "denied");
    denied
        .map(|record| record.subject().reason.unwrap())
        .collect()
}

#[test]
fn rules_let_in_and_keep_out_and_wrong_ones_change_nothing() {
    let site = site();
    let rules = site.at("access.d/door.toml");
    std::fs::write(&rules, STAFF).unwrap();
    let daemon = site.start();
    site.await_events(Kind::Denied, 1);
    assert_eq!(denials(&site)[0], "outside_hours");
    assert_eq!(site.count(Kind::Granted), 0);
    // A group makes the difference, within a second.
    let added = site.run(&["people", "group", "add", "#1", "staff"]);
    assert!(added.status.success(), "{}", said(&added));
    site.await_events(Kind::Granted, 1);

    // Wrong rules: the old ones stay, and the record says what is wrong with which.
    std::fs::write(&rules, format!("{STAFF}hours = [\"office\"]\n")).unwrap();
    daemon.signal(Signal::HUP);
    site.await_events(Kind::RulesRejected, 1);
    let (_, Event::RulesRejected { message, .. }) = site.first(Kind::RulesRejected) else {
        panic!("{:?}", site.kinds())
    };
    assert!(
        message.contains("door.toml:4:10: hours: \"office\" is not among [hours]"),
        "{message}"
    );
    let granted = site.count(Kind::Granted);
    site.await_events(Kind::Granted, granted + 1);

    // Right ones count at once.
    std::fs::write(&rules, PAST).unwrap();
    daemon.signal(Signal::HUP);
    site.await_events(Kind::RulesLoaded, 2);
    let loaded = site.log().head().unwrap().id;
    let denied = site.count(Kind::Denied);
    site.await_events(Kind::Denied, denied + 1);
    assert_eq!(denials(&site).last().unwrap(), "outside_hours");
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
    // One that was decided before may have been written while the rules changed.
    let late = site
        .events()
        .into_iter()
        .filter(|(id, e)| *id > loaded && e.kind() == Kind::Granted);
    assert!(late.count() <= 1);
    site.log().verify(&[]).unwrap();
}

#[test]
fn wrong_rules_at_the_start_guard_no_door() {
    let site = site();
    std::fs::write(site.at("access.d/door.toml"), "[[rule]]\nnam = \"one\"\n").unwrap();
    let said_of = site.fails(&["run"]);
    assert!(
        said_of.contains("door.toml:2:1: [[rule]] has no key nam: did you mean name?"),
        "{said_of}"
    );
    let (_, Event::Fault { reason, .. }) = site.first(Kind::Fault) else {
        panic!("{:?}", site.kinds())
    };
    assert_eq!(reason.code(), "access_rules");
    assert_eq!(site.level().as_deref(), Some("released"));
    let check = site.run(&["access", "check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(said(&check).contains("door.toml:2:1"), "{}", said(&check));
}

#[test]
fn entries_and_guests_end_at_the_door() {
    let site = site();
    assert!(site.run(&["people", "entries", "#1", "2"]).status.success());
    let daemon = site.start();
    site.await_events(Kind::Granted, 2);
    site.await_events(Kind::Denied, 1);
    assert_eq!(denials(&site)[0], "no_entries_left");
    assert!(
        site.run(&["people", "entries", "#1", "any"])
            .status
            .success()
    );
    site.await_events(Kind::Granted, 3);
    let past = ["people", "add-guest", "#1", "--until", "2020-01-01"];
    assert!(site.run(&past).status.success());
    let denied = site.count(Kind::Denied);
    site.await_events(Kind::Denied, denied + 1);
    assert_eq!(denials(&site).last().unwrap(), "validity_over");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

/// A group that was given past the record ends the daemon, as any such change does.
#[test]
fn a_group_without_an_event_is_noticed() {
    let site = site();
    std::fs::write(site.at("access.d/door.toml"), STAFF).unwrap();
    let daemon = site.start();
    site.await_events(Kind::Denied, 1);
    let raw = rusqlite::Connection::open(site.at("doorward.db")).unwrap();
    raw.execute("INSERT INTO memberships VALUES (1, 'staff')", [])
        .unwrap();
    let (code, log) = daemon.end();
    assert_ne!(code, Some(0), "{log}");
    assert_eq!(site.count(Kind::Unlocked), 0, "{log}");
    assert_eq!(site.level().as_deref(), Some("released"));
}

/// Exit status and what is said, of commands on a whitelist without a daemon.
#[test]
fn commands_say_who_may_pass_and_leave_a_record() {
    let site = site();
    let run = |arguments: &[&str]| {
        let output = site.run(arguments);
        (output.status.code().unwrap(), said(&output))
    };
    let (code, told) = run(&["access", "explain", "#1"]);
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("there are no rules: everybody who is enabled may pass at any time"),
        "{told}"
    );
    std::fs::write(
        site.at("access.d/door.toml"),
        "time_zone = \"UTC\"\n[hours]\noffice = [\"mon-fri 07:00-19:00\"]\n[[rule]]\nname = \"office\"\n\
         groups = [\"staff\"]\nhours = [\"office\"]\nsecond_factor = \"pin\"\n",
    )
    .unwrap();
    let (code, told) = run(&["access", "check"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("1 rule in 1 file of"), "{told}");
    assert!(
        told.contains("nobody is in the group staff, which rules name"),
        "{told}"
    );
    assert_eq!(
        run(&[
            "access",
            "explain",
            "barack obama",
            "--at",
            "2026-03-02T10:00:00Z"
        ])
        .0,
        1
    );
    assert_eq!(run(&["people", "group", "add", "#1", "everybody"]).0, 3);
    assert_eq!(run(&["people", "group", "add", "#1", "staff"]).0, 0);
    assert_eq!(run(&["people", "group", "add", "#1", "staff"]).0, 3);
    let (code, told) = run(&[
        "access",
        "explain",
        "#1",
        "--at",
        "2026-03-02T10:00:00Z",
        "--json",
    ]);
    assert_eq!(code, 0, "{told}");
    let answer: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(answer["may_pass"], true);
    assert_eq!(answer["until"], "2026-03-02T19:00:00.000Z");
    assert_eq!(answer["rules"][0]["conditions"][0], "with a PIN");
    let (code, told) = run(&[
        "access",
        "explain",
        "#1",
        "--at",
        "2026-03-07T10:00:00Z",
        "--json",
    ]);
    assert_eq!(code, 1, "{told}");
    let answer: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&answer["reason"], &answer["until"]),
        (&"outside_hours".into(), &"2026-03-09T07:00:00.000Z".into())
    );
    assert_eq!(
        run(&[
            "people",
            "valid",
            "#1",
            "--from",
            "2026-03-01",
            "--until",
            "2026-02-01"
        ])
        .0,
        3
    );
    assert_eq!(run(&["people", "valid", "#1", "--from", "soonish"]).0, 2);
    assert_eq!(
        run(&["people", "valid", "#1", "--until", "2026-02-01"]).0,
        0
    );
    let (code, told) = run(&["access", "explain", "#1", "--at", "2026-03-02T10:00:00Z"]);
    assert!(
        code == 1 && told.contains("the person's validity is over"),
        "{told}"
    );
    assert_eq!(run(&["people", "valid", "#1"]).0, 0);
    assert_eq!(
        run(&["people", "add-guest", "Grace", "--until", "friday 18:00"]).0,
        2
    );
    let photo = project().join("tests/photos/grace-hopper/01.jpg");
    let photo = photo.to_str().unwrap();
    let (code, told) = run(&[
        "people",
        "add-guest",
        "Grace",
        "--until",
        "friday 18:00",
        photo,
    ]);
    assert_eq!(code, 0, "{told}");
    let (code, told) = run(&[
        "people",
        "add-guest",
        "Barack Obama",
        "--until",
        "today",
        photo,
    ]);
    assert!(
        code == 3 && told.contains("is on the whitelist and no guest"),
        "{told}"
    );
    let (_, told) = run(&["people", "valid", "Grace"]);
    assert!(
        told.contains("Grace is a guest, whose validity ends"),
        "{told}"
    );
    let (_, told) = run(&["people", "list"]);
    assert!(
        told.contains("guest until") && told.contains("staff"),
        "{told}"
    );
    let (_, told) = run(&["people", "show", "#1", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(shown["person"]["groups"][0], "staff");
    // A backup brings groups and guests back with the people.
    let backup = site.at("backup.db");
    let backup = backup.to_str().unwrap();
    assert_eq!(run(&["backup", backup]).0, 0);
    assert_eq!(run(&["people", "group", "remove", "#1", "staff"]).0, 0);
    assert_eq!(run(&["people", "remove", "--yes", "Grace"]).0, 0);
    let (code, told) = run(&["restore", backup]);
    assert_eq!(code, 0, "{told}");
    let (_, told) = run(&["people", "list"]);
    assert!(
        told.contains("guest until") && told.contains("staff"),
        "{told}"
    );
    let kinds = site.kinds();
    for kind in [
        Kind::GroupJoined,
        Kind::ValidityChanged,
        Kind::GuestUntil,
        Kind::GroupLeft,
    ] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}

/// Whoever may write the rules may let anybody in.
#[test]
fn rules_that_others_can_write_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = site();
    let rules = site.at("access.d/door.toml");
    std::fs::write(&rules, STAFF).unwrap();
    std::fs::set_permissions(&rules, std::fs::Permissions::from_mode(0o666)).unwrap();
    let said_of = site.fails(&["run"]);
    assert!(
        said_of.contains("door.toml can be written by everybody: chmod go-w"),
        "{said_of}"
    );
}
