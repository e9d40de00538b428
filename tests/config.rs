//! The configuration as people meet it: files, snippets, mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use doorward::config::{Bridge, Config, ConfigError};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("test.toml")).map_err(|e: ConfigError| e.to_string())
}

/// The lines that refuse a file, without its name.
fn mistakes(file: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.toml");
    std::fs::write(&path, file).unwrap();
    let prefix = format!("{}:", path.display());
    match Config::load(&path) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .to_string()
            .lines()
            .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
            .collect(),
    }
}

/// As `section.key`, in the order they are shown in.
fn keys_shown(text: &str) -> Vec<String> {
    let mut shown = Vec::new();
    let mut section = "";
    for line in text.lines() {
        if let Some(name) = line.trim_start_matches('#').strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ")
            && !key.contains(' ')
        {
            shown.push(format!("{section}.{key}"));
        }
    }
    shown
}

#[test]
fn the_shipped_file_shows_every_key_with_its_default() {
    let text = std::fs::read_to_string(support::project().join("config/doorward.toml")).unwrap();
    assert_eq!(parse(&text).unwrap(), Config::default());

    let mut shown = keys_shown(&text);
    let mut known = Config::keys();
    shown.sort();
    known.sort();
    assert!(known.len() > 30, "{known:?}");
    assert_eq!(known, shown);
}

#[test]
fn what_is_written_by_a_program_reads_back() {
    let mut config = Config::default();
    config.access.threshold = Some(0.5);
    config.relay.line = doorward::config::Line::Name("GPIO4".into());
    config.relay.active = doorward::config::Level::Low;
    config.relay.drive = doorward::config::Drive::OpenDrain;
    config.relay.bias = doorward::config::Bias::PullUp;
    config.camera.format = doorward::config::Format::Grey;
    config.camera.replay.pace = doorward::config::Pace::EveryFrame;
    let mut infrared = doorward::config::Infrared::default();
    infrared.camera.format = doorward::config::Format::Y16;
    infrared.max_skew_ms = 50;
    config.camera.infrared = Some(Box::new(infrared));
    assert_eq!(parse(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn every_snippet_in_the_docs_is_a_valid_configuration() {
    let mut snippets = 0;
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "models/README.md",
        "docs/wiring.md",
    ] {
        let text = std::fs::read_to_string(support::project().join(name)).unwrap();
        for block in text.split("```toml").skip(1) {
            let snippet = block.split("```").next().unwrap();
            // Access rules; tests/access.rs reads them.
            if snippet.contains("[[rule]]") {
                continue;
            }
            parse(snippet).unwrap_or_else(|e| panic!("{name}: {e}\n{snippet}"));
            snippets += 1;
        }
    }
    assert!(snippets >= 6, "only {snippets} snippets found");
    let demo = support::project().join("config/demo.toml");
    Config::load(&demo).unwrap();
}

const RISK: &str = "write it like \"1 in 1000 strangers\", from 1 in 10 to 1 in 10000000";

/// What people write, and all that is said about it.
#[test]
fn mistakes_are_named_with_their_place_and_what_is_right() {
    let risk = format!("2:16: access.false_accept = \"often\" is no risk: {RISK}");
    let cases: &[(&str, &[&str])] = &[
        // Values.
        (
            "[relay]\nactive = 0\n",
            &["2:10: relay.active = 0 is a whole number: write \"high\" or \"low\""],
        ),
        (
            "[access]\nframes = 99999999999999999999\n",
            &["2:10: access.frames = 99999999999999999999 is out of range: frames, from 1 to 30"],
        ),
        (
            "[access]\nframes = 0\n",
            &["2:10: access.frames = 0 is out of range: frames, from 1 to 30"],
        ),
        (
            "[door]\npulse_ms = true\n",
            &[
                "2:12: door.pulse_ms = true is true or false, not a whole number: milliseconds, from 100 to 30000",
            ],
        ),
        (
            "[door]\npulse_ms = -1\n",
            &["2:12: door.pulse_ms = -1 is out of range: milliseconds, from 100 to 30000"],
        ),
        (
            "[daemon]\nlog = \"INFO\"\n",
            &[
                "2:7: daemon.log = \"INFO\" is not known: did you mean \"info\"? It takes \"error\", \"warn\", \"info\" or \"debug\"",
            ],
        ),
        (
            "[daemon]\ndoor = \"Front Door\"\n",
            &[
                "2:8: daemon.door = \"Front Door\" is not a name of 1 to 63 of a to z, 0 to 9, _ and -",
            ],
        ),
        (
            "[relay]\ndriver = \"magic\"\n",
            &[
                "2:10: relay.driver = \"magic\" is not known: write \"simulated\", \"gpiochip\" or \"rppal\"",
            ],
        ),
        (
            "[access]\nframes = 3.0\n",
            &["2:10: access.frames = 3.0 is not a whole number: frames, from 1 to 30"],
        ),
        (
            "[access]\nframes = \"3\"\n",
            &["2:10: access.frames = \"3\" is text: write 3 without quotes (frames, from 1 to 30)"],
        ),
        ("[vision]\nmin_detector_score = 1\n", &[]),
        (
            "[vision]\nmin_detector_score = nan\n",
            &["2:22: vision.min_detector_score = nan is out of range: a score, from 0 to 1"],
        ),
        (
            "[vision]\nmin_detector_score = 1.0000001\n",
            &["2:22: vision.min_detector_score = 1.0000001 is out of range: a score, from 0 to 1"],
        ),
        ("[vision]\nregion = [0, 0, 1, 1]\n", &[]),
        (
            "[vision]\nregion = [0, 0, 1]\n",
            &[
                "2:10: vision.region = [0, 0, 1] has 3 of 4 numbers: left, top, right and bottom, each from 0 to 1",
            ],
        ),
        (
            "[vision]\nregion = [0.5, 0, 0.5, 1]\n",
            &[
                "2:10: vision.region has no inside: left, top, right and bottom are needed, left less than right and top less than bottom",
            ],
        ),
        (
            "[vision]\nthresholds = [0.6, 0.7, 1.7]\n",
            &[
                "2:14: vision.thresholds = [0.6, 0.7, 1.7] is out of range: three scores, each from 0 to 1",
            ],
        ),
        (
            "[vision]\neconomy = \"true\"\n",
            &["2:11: vision.economy = \"true\" is text: write true without quotes"],
        ),
        (
            "[vision]\neconomy = 1\n",
            &[
                "2:11: vision.economy = 1 is neither true nor false: write one of them, without quotes",
            ],
        ),
        (
            "[models]\nchoose = \"onet-fp32\"\n",
            &["2:10: models.choose = \"onet-fp32\" is no list: put it in brackets, [\"…\"]"],
        ),
        (
            "[whitelist]\ndatabase = 3\n",
            &["2:12: whitelist.database = 3 is a whole number: write a path in quotes"],
        ),
        (
            "[relay]\nline = 17.5\n",
            &[
                "2:8: relay.line = 17.5 is no GPIO line: write its number on the chip, such as 17, or its name in quotes, such as \"GPIO17\"",
            ],
        ),
        (
            "[relay]\nline = -1\n",
            &[
                "2:8: relay.line = -1 is no GPIO line: write its number on the chip, such as 17, or its name in quotes, such as \"GPIO17\"",
            ],
        ),
        ("[relay]\nline = \"GPIO17\"\n", &[]),
        (
            "[access]\nthreshold = 0\n",
            &[
                "2:13: access.threshold = 0 is out of range: a score (higher is stricter), from 0.2 to 1.5",
            ],
        ),
        ("[access]\nfalse_accept = \"1 in 1,000 strangers\"\n", &[]),
        ("[access]\nfalse_accept = \"1 in 1000\"\n", &[]),
        ("[access]\nfalse_accept = \"often\"\n", &[&risk]),
        (
            "[access]\nfalse_accept = 0.001\n",
            &[
                "2:16: access.false_accept = 0.001 is not how a risk is written: write \"1 in 1000 strangers\"",
            ],
        ),
        (
            "[access]\nfalse_accept = \"0.1%\"\n",
            &[
                "2:16: access.false_accept = \"0.1%\" is not how a risk is written: write \"1 in 1000 strangers\"",
            ],
        ),
        (
            "[camera.infrared]\nmin_contrast = 0\n",
            &["2:16: camera.infrared.min_contrast = 0 is out of range: a ratio, from 0.1 to 10"],
        ),
        (
            "[camera]\ndevice = \"/dev/video2\"\n[camera.infrared]\n",
            &[
                "1:1: camera.infrared.device and camera.device are one device; an infrared camera has a node of its own (`v4l2-ctl --list-devices`)",
            ],
        ),
        // Keys and sections.
        (
            "[access]\nthreshhold = 0.8\n",
            &["2:1: [access] has no key threshhold: did you mean threshold?"],
        ),
        (
            "[relay]\ndrive = \"open-collector\"\n",
            &[
                "2:9: relay.drive = \"open-collector\" is not known: write \"push-pull\", \"open-drain\" or \"open-source\"",
            ],
        ),
        (
            "[relay]\nactive = \"low\"\ndrive = \"open-drain\"\nbias = \"pull-up\"\n",
            &[],
        ),
        (
            "[relay]\ndrive = \"open-drain\"\n",
            &[
                "2:9: relay.drive = \"open-drain\" drives the line low only, and with relay.active = \"high\" the relay would be energised by a line that nothing drives; change one of them",
            ],
        ),
        (
            "[relay]\nactive_low = true\n",
            &["2:1: [relay] has no key active_low: did you mean active?"],
        ),
        (
            "[door]\nframes = 4\n",
            &["2:1: [door] has no key frames: it belongs in [access]"],
        ),
        (
            "[door]\nreplay.fps = 4\n",
            &["2:1: [door] has no key replay: it belongs in [camera]"],
        ),
        (
            "[door]\nwindow = 4\n",
            &["2:1: [door] has no key window: did you mean window_ms, in [access]?"],
        ),
        (
            "[door]\ncolour = 4\n",
            &[
                "2:1: [door] has no key colour: it takes kind, pulse_ms, max_open_ms, relock, held_open_ms, pre_alarm_ms, rex_unlocks, rex_extends, rex_in_lockdown, rex_shunt_ms, interlock, queue_len, queue_ms",
            ],
        ),
        (
            "frames = 4\n",
            &["1:1: frames stands in no section: it belongs in [access]"],
        ),
        (
            "camera = 4\n",
            &["1:1: [camera] is a section: write [camera] once, and its keys below"],
        ),
        (
            "[[relay]]\nline = 4\n",
            &["1:3: [relay] is a section: write [relay] once, and its keys below"],
        ),
        (
            "[Door]\npulse_ms = 3000\n",
            &["1:2: there is no section [Door]: did you mean [door]?"],
        ),
        (
            "[replay]\nfps = 3\n",
            &["1:2: there is no section [replay]: did you mean [camera.replay]?"],
        ),
        // What no value gets wrong by itself, at a line that is no comment.
        (
            "# [access] is below\n[camera]\nfps = 1\n[access]\nframes = 5\n",
            &[
                "5:10: access.frames = 5 frames at camera.fps = 1 take 4000 ms, longer than access.window_ms = 1500: nobody could ever be let in; raise window_ms or lower frames",
            ],
        ),
        (
            "[vision]\nmin_face_px = 200\nmax_face_px = 100\n",
            &[
                "3:15: vision.max_face_px = 100 is smaller than vision.min_face_px = 200: no face could ever be found; raise max_face_px (0 for any) or lower min_face_px",
            ],
        ),
        (
            "[camera]\nrotate = 45\n",
            &[
                "2:10: camera.rotate = 45 is not known: write 0, 90, 180 or 270, in degrees clockwise",
            ],
        ),
        (
            "[camera]\nfps = 1000\n[access]\nframes = 30\nwindow_ms = 100\n",
            &["2:7: camera.fps = 1000 is out of range: frames a second, from 1 to 120"],
        ),
        // Lines that are not TOML.
        (
            "[camera\n",
            &["1:8: a section is written in brackets, such as [camera], on a line of its own"],
        ),
        (
            "[door]\npulse_ms: 3000\n",
            &["2:11: a key and its value are joined by =: write pulse_ms = 3000"],
        ),
        (
            "[door]\npulse_ms = 3000 // comment\n",
            &["2:12: a comment begins with #, not //: write pulse_ms = 3000 #…"],
        ),
        (
            "[door]\npulse_ms = 3000 ; comment\n",
            &["2:12: a comment begins with #, not ;: write pulse_ms = 3000 #…"],
        ),
        (
            "[door]\npulse_ms = ‘3000’\n",
            &["2:12: these quotes are not the plain ones: write pulse_ms = \"3000\""],
        ),
        (
            "[daemon]\nlog = “info”\n",
            &["2:7: these quotes are not the plain ones: write log = \"info\""],
        ),
        (
            "[daemon]\nlog = info\n",
            &["2:7: text needs quotes: write log = \"info\""],
        ),
        (
            "[daemon]\nlog = \"info\n",
            &["2:12: the quotes are not closed: write log = \"info\""],
        ),
        (
            "[vision]\neconomy = True\n",
            &["2:11: small letters are needed: write economy = true"],
        ),
        (
            "[vision]\neconomy = yes\n",
            &["2:11: yes is not known: write true or false"],
        ),
        (
            "[vision]\nmin_detector_score = 0,9\n",
            &["2:23: a decimal point is needed, not a comma: write min_detector_score = 0.9"],
        ),
        (
            "[access]\nframes = 03\n",
            &["2:10: a number has no zeros in front: write frames = 3"],
        ),
        (
            "[access]\nframes =\n",
            &["2:9: frames has no value: write one after the =, or remove the line"],
        ),
        (
            "[access]\nframes\n",
            &["2:7: frames has no value: write frames = and the value, or remove it"],
        ),
        (
            "[access]\nframes = 3\nframes = 4\n",
            &["3:1: frames is set in line 2 already: remove one of the two lines"],
        ),
        (
            "[relay]\nline = 3\n[door]\n[relay]\nline = 4\n",
            &[
                "4:2: the section [relay] stands in line 1 already: move the keys below it there, and remove this line",
            ],
        ),
        (
            "[relay]\nline = 3\n[models]\ndir = \"\"\"x\n[door]\npulse_ms = 1\n",
            &[
                "4:1: the quotes after dir = are not closed: write \" on both sides",
                "6:12: door.pulse_ms = 1 is out of range: milliseconds, from 100 to 30000",
            ],
        ),
        (
            "[models]\nchoose = [\"a\",\n[door]\npulse_ms = 1\n",
            &[
                "2:1: the list of choose is not closed: write ] at its end",
                "4:12: door.pulse_ms = 1 is out of range: milliseconds, from 100 to 30000",
            ],
        ),
        // All at once, and nothing that only follows from another mistake.
        (
            "[acess]\nframes = 3\n[door]\npulse_ms = 1\npulse = 2\n[daemon\nlog = 3\n[audit]\nkeep_days: 3\nkeep_events = 1\n",
            &[
                "1:2: there is no section [acess]: did you mean [access]?",
                "4:12: door.pulse_ms = 1 is out of range: milliseconds, from 100 to 30000",
                "5:1: [door] has no key pulse: did you mean pulse_ms?",
                "6:8: a section is written in brackets, such as [camera], on a line of its own",
                "9:12: a key and its value are joined by =: write keep_days = 3",
                "10:15: audit.keep_events = 1 is out of range: events, from 1000 to 100000000",
            ],
        ),
    ];
    let mut wrong = String::new();
    for (text, expected) in cases {
        let said = mistakes(text.as_bytes());
        if said != *expected {
            wrong += &format!("{text:?}\n  gave     {said:#?}\n  expected {expected:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn files_from_other_systems() {
    let good = "[relay]\ndriver = \"simulated\"\n\tline = 4\n";
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (good.into(), ""),
        (good.replace('\n', "\r\n").into(), ""),
        (format!("\u{feff}{good}").into(), ""),
        (Vec::new(), ""),
        (
            good.replace('\n', "\r").into(),
            "1:8: the line ends with a carriage return alone",
        ),
        (
            [b"\xff\xfe", &utf16[..]].concat(),
            "1:1: the file is UTF-16",
        ),
        (
            [good.as_bytes(), b"# caf\xe9\n"].concat(),
            "4:6: this character is not UTF-8",
        ),
        (vec![0, 0, 0], "1:1: a NUL byte"),
    ];
    for (file, expected) in cases {
        let said = mistakes(&file).join("\n");
        match expected {
            "" => assert_eq!(said, "", "{file:?}"),
            _ => assert!(said.starts_with(expected), "{said}\nnot {expected}"),
        }
    }
}

/// Words of the parts this is built from, which say nothing to an installer.
const INSIDE_WORDS: [&str; 12] = [
    "serde", "untagged", "enum", "variant", "usize", "u32", "u64", "f32", "Some(", "expected",
    "invalid", "parse",
];

proptest! {
    /// Whatever happens to the shipped file: it is read or refused, and every mistake has a
    /// place in the file and says something in our words.
    #[test]
    fn a_file_that_was_edited_badly_is_refused_in_plain_words(
        cuts in prop::collection::vec((0.0..1.0f64, 0usize..12, "[\\PC]{0,4}"), 1..6),
    ) {
        let path = support::project().join("config/doorward.toml");
        let mut text = std::fs::read_to_string(path).unwrap();
        for (at, length, put) in cuts {
            let mut from = (text.len() as f64 * at) as usize;
            while !text.is_char_boundary(from) { from -= 1; }
            let mut to = (from + length).min(text.len());
            while !text.is_char_boundary(to) { to += 1; }
            text.replace_range(from..to, &put);
        }
        if let Err(ConfigError::Invalid { mistakes, .. }) = Config::parse(&text, Path::new("t")) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let lines = text.matches('\n').count() + 1;
                prop_assert!((1..=lines).contains(&mistake.place.line), "{}", mistake);
                prop_assert!(!mistake.message.contains('\n'), "{}", mistake);
                for word in INSIDE_WORDS {
                    let quoted = text.contains(word);
                    prop_assert!(quoted || !mistake.message.contains(word), "{}", mistake);
                }
            }
        }
    }
}

#[test]
fn mistakes_at_the_panel_are_named_too() {
    let panel = "[panel]\ndriver = \"simulated\"\n";
    for (text, wanted) in [
        (
            "contact.line = 5\nrex.line = 5\n",
            &[
                "panel.rex.line and panel.contact.line are both line 5 of pinctrl-bcm2711; give each a line of its own",
            ][..],
        ),
        (
            "contact.line = 5\n[relay]\nline = 5\n",
            &[
                "panel.contact.line and relay.line are both line 5 of pinctrl-bcm2711; give each a line of its own",
            ],
        ),
        (
            "wiegand = { d0 = 5 }\noutput.red = { line = 5, signals = [\"refused\"] }\n",
            &[
                "one of panel.wiegand.d0 and panel.wiegand.d1 is given: a reader has both lines",
                "panel.output.red.line and panel.wiegand.d0 are both line 5 of pinctrl-bcm2711; give each a line of its own",
            ],
        ),
        (
            "contact = { line = 5, debounce_ms = 9999, pin = 3 }\n",
            &[
                "panel.contact.debounce_ms = 9999 is out of range: milliseconds, from 0 to 2000",
                "[panel.contact] has no key pin: did you mean line?",
            ],
        ),
        (
            "keypad = { device = \"/dev/input/event3\", vendor = \"0x1\" }\n",
            &[
                "panel.keypad.device = \"/dev/input/event3\" has a number that changes: write a path below /dev/input/by-path",
                "panel.keypad.vendor = \"0x1\" is text: write a number from 0 to 0xffff, as lsusb shows it: 0x08ff, without quotes",
            ],
        ),
        (
            "reader = { device = \"/dev/input/by-path/x\", vendor = 0xffff }\n",
            &[
                "panel.reader.device is given and panel.reader.product is not: write it, as lsusb shows it",
            ],
        ),
        (
            "output.red = { signals = [\"refused\", \"opened\"] }\noutput.siren = { line = 4, signals = [\"tamper\"], max_on_ms = 0 }\n",
            &[
                "[panel.output.red] has no line; write the one that the wire is on, such as line = 22",
                "panel.output.red.signals = [\"refused\", \"opened\"] has opened, which is no signal: write of",
                "panel.output.siren.max_on_ms = 0 lets the alarm tamper sound for ever; write up to 3600000",
            ],
        ),
        (
            "output.\"A b\" = { line = 4, signals = [\"tamper\"], drive = \"open-drain\" }\n",
            &[
                "[panel.output.\"A b\"] is called by no name that it can have: write 1 to 24 of a to z",
                "drives the line low only",
            ],
        ),
        (
            "wiegand.formats = [\"37\", \"37f\", \"own\", \"35\"]\n[panel.wiegand_format.own]\nfields = \".CCCCCCC.\"\nparity = [\"Exx\"]\n",
            &[
                "panel.wiegand.formats names 37 and 37f, which both have 37 bits and cannot be told apart",
                "panel.wiegand.formats names 35, which is none of \"26\"",
                "panel.wiegand_format.own.parity has \"Exx\": it takes 9 letters as fields does",
            ],
        ),
        (
            "wiegand_format.own = { fields = \"FC\" }\nwiegand_format.26 = { fields = \".CCCCCCC\", parity = [\"Exxxxxxx\"] }\n",
            &[
                "has 2 bits: write 8 to 64",
                "[panel.wiegand_format.26] is the name of a format that is known; give it another",
            ],
        ),
        ("siren.line = 4\n", &["[panel] has no key siren"]),
    ] {
        let said = mistakes(format!("{panel}{text}").as_bytes());
        for wanted in wanted {
            assert!(
                said.iter().any(|line| line.contains(wanted)),
                "{text}: {wanted}\n{said:#?}"
            );
        }
    }
    // A door without panel has no use for its lines.
    assert!(parse("[panel]\ncontact.line = 17\n").is_ok());
}

fn relay_of(text: &str) -> Result<doorward::config::Relay, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.toml");
    std::fs::write(&path, text).unwrap();
    Config::load_relay(&path).map_err(|error| error.to_string())
}

#[test]
fn the_relay_can_be_read_past_mistakes_elsewhere() {
    for elsewhere in [
        "[access]\nthreshhold = 2\n",
        "[door]\npulse_ms: 3000\n",
        "[door\npulse_ms = 2\n",
    ] {
        for text in [
            format!("{elsewhere}[relay]\nline = \"GPIO4\"\n"),
            format!("[relay]\nline = \"GPIO4\"\n{elsewhere}"),
            format!("relay.line = \"GPIO4\"\n{elsewhere}"),
        ] {
            assert!(parse(&text).is_err(), "{text}");
            let relay = relay_of(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(relay.line, doorward::config::Line::Name("GPIO4".into()));
        }
    }
    assert_eq!(relay_of("").unwrap(), doorward::config::Relay::default());
}

/// The wrong line may be a machine next door.
#[test]
fn a_relay_that_is_not_clear_is_not_moved() {
    for text in [
        "[relay]\nline = 4\n[door]\n[relay]\nline = 5\n",
        "[relay]\nline: 4\n",
        "[relay]\nlien = 4\n",
        "[Relay]\nline = 4\n",
        "[relay\nline = 4\n",
        "# off: \"\"\"\nx = \"\"\"\n[relay]\nline = 4\n",
    ] {
        assert!(relay_of(text).is_err(), "{text}");
    }
}

#[test]
fn a_missing_file_is_named_with_the_option_that_gives_another() {
    let error = Config::load(Path::new("/nowhere/none.toml")).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("none.toml") && said.contains("--config"),
        "{said}"
    );
}

#[test]
fn relative_paths_are_taken_from_the_folder_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("doorward.toml");
    let text = "[camera.replay]\npath = 'a'\n[models]\ndir = 'b'\nruntime = 'c'\ncache = 'd'\n\
                [relay]\nstate_file = 'e'\n[whitelist]\ndatabase = 'f'\n";
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    let paths = [
        config.camera.replay.path,
        config.models.dir,
        config.models.runtime,
        config.models.cache,
        config.relay.state_file,
        config.whitelist.database,
    ];
    assert_eq!(
        paths,
        ["a", "b", "c", "d", "e", "f"].map(|name| dir.path().join(name))
    );
}

#[test]
fn the_bridges_file_shows_every_key_with_its_default() {
    let text = std::fs::read_to_string(support::project().join("config/bridge.toml")).unwrap();
    let bridge = Bridge::parse(&text, Path::new("bridge.toml")).unwrap();
    assert_eq!(bridge, Bridge::default());
    let (mut shown, mut known) = (keys_shown(&text), Bridge::keys());
    shown.sort();
    known.sort();
    assert_eq!(known, shown);
    // What is shown as an example is one.
    let uncommented = text.replace("\n#", "\n");
    let examples: String = uncommented
        .lines()
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .map(|line| line.replace("webhooks.NAME", "webhooks.name") + "\n")
        .collect();
    let bridge = Bridge::parse(&examples, Path::new("bridge.toml")).unwrap();
    assert!(bridge.mqtt.broker.is_some() && bridge.webhooks["name"].url.is_some());
}

#[test]
fn a_bridge_that_would_tell_the_wrong_ones_is_refused() {
    for (text, place, what) in [
        (
            "[mqtt]\nbroker = \"mqtt://broker.lan\"",
            "2:10",
            "without TLS",
        ),
        (
            "[mqtt]\nbroker = \"mqtts://broker.lan\"",
            "2:10",
            "without log-in",
        ),
        (
            "[mqtt]\nbroker = \"mqtts://eve:pw@broker.lan\"",
            "2:10",
            "password_file",
        ),
        ("[mqtt]\nbroker = \"broker.lan\"", "2:10", "mqtts://host"),
        ("[mqtt]\ntopic = \"door/+\"", "2:9", "beginning of a topic"),
        ("[mqtt]\nkey = \"door.key\"", "2:7", "go together"),
        (
            "[metrics]\nlisten = \"0.0.0.0:9632\"",
            "2:10",
            "this machine alone",
        ),
        ("[webhooks.a]\nsecret_file = \"k\"", "1:11", "where to"),
        ("[webhooks.a]\nurl = \"https://a/\"", "1:11", "no key"),
        (
            "[webhooks.a]\nurl = \"http://a/\"\nsecret_file = \"k\"",
            "1:11",
            "without TLS",
        ),
        (
            "[webhooks.a]\nurl = \"https://u:p@a/\"\nsecret_file = \"k\"",
            "2:7",
            "no address",
        ),
        (
            "[webhooks.\"../a\"]\nurl = \"https://a/\"\nsecret_file = \"k\"",
            "1:11",
            "name",
        ),
        ("[webhooks.a]\nsecrets = \"k\"", "2:1", "secret_file"),
        ("[hooks]\nprograms = [\"notify.sh\"]", "2:12", "whole paths"),
        ("[mqqt]\nbroker = \"mqtts://a\"", "1:2", "mqtt"),
    ] {
        let said = Bridge::parse(text, Path::new("bridge.toml"))
            .unwrap_err()
            .to_string();
        assert!(
            said.contains(&format!("bridge.toml:{place}")) && said.contains(what),
            "{text}: {said}"
        );
    }
    for text in [
        "[mqtt]\nbroker = \"mqtt://127.0.0.1\"",
        "[mqtt]\nbroker = \"mqtt://broker.lan\"\ninsecure = true",
        "[mqtt]\nbroker = \"mqtts://broker.lan\"\nuser = \"door\"",
        "[webhooks.a]\nurl = \"http://localhost:8080/\"\nsecret_file = \"k\"",
    ] {
        Bridge::parse(text, Path::new("bridge.toml")).unwrap();
    }
}
