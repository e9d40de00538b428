//! Wrong configurations as an installer writes them: what is said of each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use doorward::config::Config;

/// Words of the parts doorward is built from, which say nothing to an installer.
const INSIDE_WORDS: [&str; 22] = [
    "serde",
    "untagged",
    "enum ",
    "variant",
    "usize",
    "u32",
    "u64",
    "i64",
    "f32",
    "f64",
    "Some(",
    "None",
    "invalid type",
    "expected",
    "unexpected",
    "deserialize",
    "parse error",
    "toml_edit",
    "TomlError",
    "Err(",
    "panicked",
    "missing field",
];

/// A mistake each: the section it is in, the lines, the column at which the first of them
/// is wrong (0: another line is pointed at), and what has to be said.
#[rustfmt::skip]
const MISTAKES: &[(&str, &str, usize, &str)] = &[
    ("camera", "source = \"webcam\"", 10, "camera.source = \"webcam\" is not known: write \"v4l2\" or \"replay\""),
    ("camera", "source = v4l2", 10, "text needs quotes: write source = \"v4l2\""),
    ("camera", "device = 0", 10, "camera.device = 0 is a whole number: write a path in quotes"),
    ("camera", "device = \"\"", 10, "camera.device = \"\" is empty: write a path, or remove the line"),
    ("camera", "device = \"rtsp://user:secret@10.0.0.5/stream\"", 10, "camera.device = \"rtsp://…@10.0.0.5/stream\" is a network address (rtsp), and doorward reads"),
    ("camera", "device = \"http://10.0.0.5/video.mjpg\"", 10, "camera.device = \"http://10.0.0.5/video.mjpg\" is a network address (http), and doorward reads"),
    ("camera", "device = /dev/video0", 10, "text needs quotes: write device = \"/dev/video0\""),
    ("camera", "device = \"/dev/video0", 22, "the quotes are not closed: write device = \"/dev/video0\""),
    ("camera", "device = '/dev/video0\"", 23, "the quotes are not the same on both sides: write device = \"/dev/video0\""),
    ("camera", "device = \"C:\\cameras\\door\"", 14, "a backslash has a meaning of its own between these quotes: write device = 'C:\\cameras\\door'"),
    ("camera", "device = “/dev/video0”", 10, "these quotes are not the plain ones: write device = \"/dev/video0\""),
    ("camera", "url = \"rtsp://x\"", 1, "[camera] has no key url: did you mean device?"),
    ("camera", "width = 640x480", 9, "640x480 is no number: write one alone, or text in quotes, width = \"640x480\""),
    ("camera", "width = 0", 9, "camera.width = 0 is out of range: pixels, from 64 to 4096"),
    ("camera", "width = 100000", 9, "camera.width = 100000 is out of range: pixels, from 64 to 4096"),
    ("camera", "width = 6 40", 9, "a number has no spaces in it: write width = 640"),
    ("camera", "width = \"640\"", 9, "camera.width = \"640\" is text: write 640 without quotes (pixels, from 64 to 4096)"),
    ("camera", "fps = 15.5", 7, "camera.fps = 15.5 is not a whole number: frames a second, from 1 to 120"),
    ("camera", "fps = 15fps", 7, "a number stands without its unit: take fps away and give fps in the unit that `man doorward.toml`"),
    ("camera", "fps = inf", 7, "camera.fps = inf is not a whole number: frames a second, from 1 to 120"),
    ("camera", "fps = 1970-01-01", 7, "camera.fps = 1970-01-01 is a date, not a whole number: frames a second, from 1 to 120"),
    ("camera", "fps = [15]", 7, "camera.fps = [15] is a list, not a whole number: frames a second, from 1 to 120"),
    ("camera", "fps = {value = 15}", 7, "camera.fps = {value = 15} is a section, not a whole number: frames a second, from 1 to 120"),
    ("camera", "format = \"yuyv\"", 10, "camera.format = \"yuyv\" is not known: did you mean \"YUYV\"? It takes \"auto\", \"YUYV\", \"MJPG\", \"NV12\""),
    ("camera", "format = \"h264\"", 10, "camera.format = \"h264\" is not known: write \"auto\", \"YUYV\", \"MJPG\", \"NV12\", \"GREY\" or \"Y16\""),
    ("camera", "format = \"MJPEG\"", 10, "camera.format = \"MJPEG\" is not known: did you mean \"MJPG\"? It takes"),
    ("camera", "rotate = 45", 10, "camera.rotate = 45 is not known: write 0, 90, 180 or 270, in degrees clockwise"),
    ("camera", "rotate = \"90\"", 10, "camera.rotate = \"90\" is text: write 90 without quotes"),
    ("camera", "rotation = 90", 1, "[camera] has no key rotation: did you mean rotate?"),
    ("camera", "mirror = 1", 10, "camera.mirror = 1 is neither true nor false: write one of them, without quotes"),
    ("camera", "mirror = yes", 10, "yes is not known: write true or false"),
    ("camera", "mirror = FALSE", 10, "small letters are needed: write mirror = false"),
    ("camera", "stall_ms = -1", 12, "camera.stall_ms = -1 is out of range: milliseconds, from 200 to 60000"),
    ("camera", "stall_ms = 2s", 12, "a number stands without its unit: take s away and give stall_ms in the unit that `man"),
    ("camera", "stall_ms = 2000 ms", 12, "a number stands without its unit: take ms away and give stall_ms in the unit that `man"),
    ("camera", "stall_ms = 02000", 12, "a number has no zeros in front: write stall_ms = 2000"),
    ("camera", "stall_ms = 0x", 12, "camera.stall_ms = 0x is out of range: milliseconds, from 200 to 60000"),
    ("camera", "stall-ms = 2000", 1, "[camera] has no key stall-ms: did you mean stall_ms?"),
    ("camera", "Stall_ms = 2000", 1, "[camera] has no key Stall_ms: did you mean stall_ms?"),
    ("camera", "stall ms = 2000", 7, "a key has no spaces in it: write stall_ms = 2000"),
    ("camera", "stall_ms == 2000", 11, "one = is enough: write stall_ms = 2000"),
    ("camera", "stall_ms := 2000", 10, "a key and its value are joined by =: write stall_ms = 2000"),
    ("camera", "stall_ms : 2000", 10, "a key and its value are joined by =: write stall_ms = 2000"),
    ("camera", "stall_ms 2000", 10, "a key and its value are joined by =: write stall_ms = 2000"),
    ("camera", "stall_ms", 9, "stall_ms has no value: write stall_ms = and the value, or remove it"),
    ("camera", "stall_ms =", 11, "stall_ms has no value: write one after the =, or remove the line"),
    ("camera", "= 2000", 1, "a key is missing in front of the ="),
    ("camera", "stall_ms = 2000,", 16, "nothing stands between a value and the end of its line: write stall_ms = 2000"),
    ("camera", "stall_ms = 2000 // two seconds", 12, "a comment begins with #, not //: write stall_ms = 2000 #…"),
    ("camera", "stall_ms = 2000 ; two seconds", 12, "a comment begins with #, not ;: write stall_ms = 2000 #…"),
    ("camera", "stall_ms = 2000 -- two seconds", 12, "a comment begins with #, not --: write stall_ms = 2000 #…"),
    ("camera", "// two seconds", 4, "a comment begins with #: write one in front of the line"),
    ("camera", "; two seconds", 3, "a comment begins with #: write one in front of the line"),
    ("camera", "stall_ms = −1", 12, "− is not -: type - from the keyboard"),
    ("camera", "stall_ms = null", 12, "null is no value: remove the line, and stall_ms is as by default"),
    ("camera", "stall_ms = None", 12, "None is no value: remove the line, and stall_ms is as by default"),
    ("camera", "stall_ms = 99999999999999999999999", 12, "camera.stall_ms = 99999999999999999999999 is out of range: milliseconds, from 200 to 60000"),
    ("camera", "set stall_ms = 2000", 5, "a line begins with its key: write stall_ms = 2000"),
    ("camera", "{ \"stall_ms\": 2000 }", 1, "this is JSON: a section is written [camera] on a line of its own, and below it a line each, such as"),
    ("camera", "<html>", 7, "this is no configuration but a web page or XML: `/usr/share/doc/doorward` and `man doorward.toml`"),
    ("camera", "<<<<<<< HEAD", 9, "a mark that a merge left: keep one of the two versions, and remove the lines with <<<<<<<, ======="),
    ("camera", "stall_ms = \"2000", 17, "the quotes are not closed: write stall_ms = \"2000\""),
    ("camera", "pulse_ms = 3000", 1, "[camera] has no key pulse_ms: it belongs in [door]"),
    ("camera.replay", "path = 3", 8, "camera.replay.path = 3 is a whole number: write a path in quotes"),
    ("camera.replay", "pace = \"slow\"", 8, "camera.replay.pace = \"slow\" is not known: write \"real-time\" or \"every-frame\""),
    ("camera.replay", "repeat = \"true\"", 10, "camera.replay.repeat = \"true\" is text: write true without quotes"),
    ("models", "threads = 0", 11, "models.threads = 0 is out of range: threads, from 1 to 16"),
    ("models", "threads = \"two\"", 11, "models.threads = \"two\" is text, not a whole number: threads, from 1 to 16"),
    ("models", "choose = \"onet-fp32\"", 10, "models.choose = \"onet-fp32\" is no list: put it in brackets, [\"…\"]"),
    ("models", "choose = [onet-fp32]", 11, "the list of choose is not one: its items are divided by commas, such as [1, 2], and text in it has"),
    ("models", "choose = [\"onet-fp32\"", 22, "the list of choose is not closed: write ] at its end"),
    ("models", "choose = [3]", 10, "models.choose = [3] is a whole number: write a manifest id in quotes"),
    ("models", "runtime_sha256 = \"abc\"", 18, "models.runtime_sha256 = \"abc\" is not a SHA-256, as `sha256sum` prints it: 64 of 0 to 9 and a to f"),
    ("models", "accelerator = \"gpu\"", 15, "models.accelerator = \"gpu\" is not known: write \"cpu\", \"cuda\", \"tensorrt\", \"xnnpack\" or \"acl\""),
    ("models", "dir = true", 7, "models.dir = true is true or false: write a path in quotes"),
    ("vision", "min_score = 0.9", 1, "[vision] has no key min_score: did you mean min_detector_score?"),
    ("vision", "min_detector_score = 0,9", 23, "a decimal point is needed, not a comma: write min_detector_score = 0.9"),
    ("vision", "min_detector_score = .9", 22, "a digit is needed on both sides of the point: write min_detector_score = 0.9"),
    ("vision", "min_detector_score = 1.", 24, "a digit is needed on both sides of the point: write min_detector_score = 1.0"),
    ("vision", "min_detector_score = 90%", 22, "a number stands without its unit: take % away and give min_detector_score in the unit that `man"),
    ("vision", "min_detector_score = 90", 22, "vision.min_detector_score = 90 is out of range: a score, from 0 to 1"),
    ("vision", "min_detector_score = nan", 22, "vision.min_detector_score = nan is out of range: a score, from 0 to 1"),
    ("vision", "region = [0, 0, 1]", 10, "vision.region = [0, 0, 1] has 3 of 4 numbers: left, top, right and bottom, each from 0 to 1"),
    ("vision", "region = [0, 0, 640, 480]", 10, "vision.region = [0, 0, 640, 480] is out of range: left, top, right and bottom, each from 0 to 1"),
    ("vision", "region = 0, 0, 1, 1", 11, "a list is written in brackets: write region = [0, 0, 1, 1]"),
    ("vision", "region = (0, 0, 1, 1)", 12, "a list is written in brackets, [ and ]: write region = [0, 0, 1, 1]"),
    ("vision", "region = [0 0 1 1]", 11, "the list of region is not one: its items are divided by commas, such as [1, 2], and text in it has"),
    ("vision", "region = [0.6, 0, 0.4, 1]", 10, "vision.region has no inside: left, top, right and bottom are needed, left less than right and top"),
    ("vision", "region = [0, 0, 0.05, 1]", 10, "vision.region is 32x480 pixels of a picture of 640x480, and the smallest face looked for"),
    ("vision", "region = \"all\"", 10, "vision.region = \"all\" is text, not a list: left, top, right and bottom, each from 0 to 1"),
    ("vision", "min_face_px = 600", 15, "vision.region is 640x480 pixels of a picture of 640x480, and the smallest face looked for"),
    ("vision", "max_face_px = 40", 15, "vision.max_face_px = 40 is smaller than vision.min_face_px = 80: no face could ever be found; raise"),
    ("vision", "min_face = 80", 1, "[vision] has no key min_face: did you mean min_face_px?"),
    ("access", "false_accept = 0.001", 16, "access.false_accept = 0.001 is not how a risk is written: write \"1 in 1000 strangers\""),
    ("access", "false_accept = \"0.1%\"", 16, "access.false_accept = \"0.1%\" is not how a risk is written: write \"1 in 1000 strangers\""),
    ("access", "false_accept = \"never\"", 16, "access.false_accept = \"never\" is no risk: write it like \"1 in 1000 strangers\", from 1 in 10 to 1 in"),
    ("access", "false_accept = 1 in 1000 strangers", 16, "text in quotes, false_accept = \"1 in 1000 strangers\""),
    ("access", "false_accept = \"1 in 5 strangers\"", 16, "access.false_accept = \"1 in 5 strangers\" is no risk: write it like \"1 in 1000 strangers\", from 1 in"),
    ("access", "threshold = 0", 13, "access.threshold = 0 is out of range: a score (higher is stricter), from 0.2 to 1.5"),
    ("access", "threshold = 2", 13, "access.threshold = 2 is out of range: a score (higher is stricter), from 0.2 to 1.5"),
    ("access", "treshold = 0.5", 1, "[access] has no key treshold: did you mean threshold?"),
    ("access", "tolerance = 0.5", 1, "[access] has no key tolerance: did you mean threshold?"),
    ("access", "floor = 0.3", 1, "[access] has no key floor: did you mean min_threshold?"),
    ("access", "frames = 30", 10, "access.frames = 30 frames at camera.fps = 15 take 1933 ms, longer than access.window_ms = 1500:"),
    ("access", "frames = 3.0", 10, "access.frames = 3.0 is not a whole number: frames, from 1 to 30"),
    ("access", "frames = true", 10, "access.frames = true is true or false, not a whole number: frames, from 1 to 30"),
    ("door", "pulse_ms = 60000", 12, "door.pulse_ms = 60000 is out of range: milliseconds, from 100 to 30000"),
    ("door", "max_open_ms = 1000", 15, "door.pulse_ms = 3000 is longer than door.max_open_ms = 1000, which would end every pulse early;"),
    ("door", "unlock_ms = 3000", 1, "[door] has no key unlock_ms: did you mean pulse_ms?"),
    ("relay", "driver = \"gpio\"", 10, "relay.driver = \"gpio\" is not known: did you mean \"gpiochip\"? It takes \"simulated\", \"gpiochip\" or"),
    ("relay", "active = 0", 10, "relay.active = 0 is a whole number: write \"high\" or \"low\""),
    ("relay", "active = \"HIGH\"", 10, "relay.active = \"HIGH\" is not known: did you mean \"high\"? It takes \"high\" or \"low\""),
    ("relay", "active_low = true", 1, "[relay] has no key active_low: did you mean active?"),
    ("relay", "chip = 0", 8, "relay.chip = 0 is a whole number: write the chip's label or path in quotes"),
    ("relay", "line = -1", 8, "relay.line = -1 is no GPIO line: write its number on the chip, such as 17, or its name in quotes,"),
    ("relay", "line = 17.5", 8, "relay.line = 17.5 is no GPIO line: write its number on the chip, such as 17, or its name in quotes,"),
    ("relay", "line = \"17\"", 8, "relay.line = \"17\" is text, and a line's number is none: write 17 without quotes"),
    ("relay", "line = \"\"", 8, "relay.line = \"\" is no GPIO line: write its number on the chip, such as 17, or its name in quotes,"),
    ("relay", "line = GPIO17", 8, "text needs quotes: write line = \"GPIO17\""),
    ("relay", "pin = 17", 1, "[relay] has no key pin: did you mean line?"),
    ("whitelist", "database = 3", 12, "whitelist.database = 3 is a whole number: write a path in quotes"),
    ("whitelist", "keep_photos = \"no\"", 15, "whitelist.keep_photos = \"no\" is neither true nor false: write one of them, without quotes"),
    ("whitelist", "consent = true", 1, "[whitelist] has no key consent: it takes database, keep_photos, require_consent"),
    ("audit", "keep_days = 0", 13, "audit.keep_days = 0 is out of range: days, from 1 to 3650"),
    ("audit", "keep_days = 90d", 13, "a number stands without its unit: take d away and give keep_days in the unit that `man"),
    ("daemon", "door = \"Front Door\"", 8, "daemon.door = \"Front Door\" is not a name of 1 to 63 of a to z, 0 to 9, _ and -"),
    ("daemon", "log = \"verbose\"", 7, "daemon.log = \"verbose\" is not known: write \"error\", \"warn\", \"info\" or \"debug\""),
    ("daemon", "log = 'info", 12, "the quotes are not closed: write log = 'info'"),
    ("daemon", "hang_ms = 1", 11, "daemon.hang_ms = 1 is out of range: milliseconds, from 1000 to 60000"),
    ("daemon", "strict_modes = off", 16, "off is not known: write true or false"),
    ("factors", "demand = \"both\"", 10, "factors.demand = \"both\" is not known: write \"never\", \"pin\", \"card\" or \"any\""),
    ("factors", "demand = true", 10, "factors.demand = true is true or false: write \"never\", \"pin\", \"card\" or \"any\""),
    ("factors", "within_ms = 500", 13, "factors.within_ms = 500 is out of range: milliseconds, from 2000 to 60000"),
    ("factors", "card_alone = \"camera-lost\"", 14, "factors.card_alone = \"camera-lost\" is not known: did you mean \"camera_lost\"?"),
    ("factors", "with_in_ms = 500", 1, "[factors] has no key with_in_ms: did you mean within_ms?"),
    ("factors", "factor_passes = true", 1, "[factors] has no key factor_passes: it belongs in [lockout]"),
    ("lockout", "faces = -1", 9, "lockout.faces = -1 is out of range: refused faces, from 0 to 100"),
    ("lockout", "factors = 0", 11, "lockout.factors = 0 is out of range: wrong PINs and cards, from 3 to 100"),
    ("lockout", "person = \"5\"", 10, "lockout.person = \"5\" is text: write 5 without quotes (wrong PINs, from 3 to 20)"),
    ("lockout", "period_s = 10m", 12, "a number stands without its unit"),
    ("lockout", "pause_s = 1.5", 11, "lockout.pause_s = 1.5 is not a whole number: seconds, from 5 to 3600"),
    ("lockout", "factor_passes = \"yes\"", 17, "lockout.factor_passes = \"yes\" is neither true nor false"),
    ("lockout", "pause_s = 600\nmax_pause_s = 300", 0, "lockout.pause_s = 600 is longer than lockout.max_pause_s = 300"),
    ("lockout", "factors = 4\nperson = 5", 0, "lockout.person = 5 is more than lockout.factors = 4"),
    ("lockout", "faces = 30\nperiod_s = 20", 0, "lockout.faces = 30 refused faces do not come within lockout.period_s = 20"),
    ("access", "false_accept = \"1 in 1000 strangers\"\nthreshold = 0.5", 0, "access.threshold and access.false_accept are both given"),
    ("access", "min_threshold = 0.5\nthreshold = 0.4", 0, "access.threshold = 0.4 is lower than access.min_threshold = 0.5"),
];

/// Files that were met, each with what has to be said first; nothing where it is well.
#[rustfmt::skip]
const MET: &[(&str, &str)] = &[
    ("active0.toml", "12:10: relay.active = 0 is a whole number: write \"high\" or \"low\""),
    ("activelow.toml", "12:1: [relay] has no key active_low: did you mean active?"),
    ("bigint.toml", "16:10: access.frames = 99999999999999999999 is out of range: frames, from 1 to 30"),
    ("bom.toml", ""),
    ("bool.toml", "16:12: door.pulse_ms = true is true or false, not a whole number: milliseconds, from 100 to 30000"),
    ("case.toml", "16:7: daemon.log = \"INFO\" is not known: did you mean \"info\"? It takes \"error\", \"warn\", \"info\" or"),
    ("ccomment.toml", "16:12: a comment begins with #, not //: write pulse_ms = 3000 #…"),
    ("cr-only.toml", "1:9: the line ends with a carriage return alone: save the file with LF line ends, or use `mac2unix`"),
    ("crlf.toml", ""),
    ("date.toml", "16:16: access.false_accept = 2026-05-01 is no risk: write it like \"1 in 1000 strangers\", from 1 in"),
    ("dupkey.toml", "17:1: frames is set in line 16 already: remove one of the two lines"),
    ("duptable.toml", "15:2: the section [relay] stands in line 10 already: move the keys below it there, and remove this"),
    ("empty.toml", ""),
    ("fa-comma.toml", ""),
    ("fa-nostrangers.toml", ""),
    ("fa-num.toml", "16:16: access.false_accept = 0.001 is not how a risk is written: write \"1 in 1000 strangers\""),
    ("fa-percent.toml", "16:16: access.false_accept = \"0.1%\" is not how a risk is written: write \"1 in 1000 strangers\""),
    ("float-int.toml", "16:10: access.frames = 3.0 is not a whole number: frames, from 1 to 30"),
    ("int-float.toml", "16:1: [vision] has no key min_score: did you mean min_detector_score?"),
    ("latin1.toml", "15:6: this character is not UTF-8: save the file as UTF-8 in the editor, or use `iconv -f LATIN1 -t"),
    ("leadzero.toml", "16:10: a number has no zeros in front: write frames = 3"),
    ("line-float.toml", "12:8: relay.line = 17.5 is no GPIO line: write its number on the chip, such as 17, or its name in"),
    ("line-neg.toml", "12:8: relay.line = -1 is no GPIO line: write its number on the chip, such as 17, or its name in"),
    ("line-str.toml", "12:8: relay.line = \"17\" is text"),
    ("nan.toml", "16:1: [vision] has no key min_score: did you mean min_detector_score?"),
    ("nul.toml", "1:1: a NUL byte: the file is damaged or is no text; restore it from a backup"),
    ("region-int.toml", ""),
    ("semi.toml", "16:12: a comment begins with #, not ;: write pulse_ms = 3000 #…"),
    ("shipped-comb.toml", "76:1: [vision] has no key min_score: did you mean min_detector_score?"),
    ("smartquote.toml", "16:12: these quotes are not the plain ones: write pulse_ms = \"3000\""),
    ("smartquote2.toml", "16:7: these quotes are not the plain ones: write log = \"info\""),
    ("str-int.toml", "16:10: access.frames = \"3\" is text: write 3 without quotes (frames, from 1 to 30)"),
    ("tab.toml", ""),
    ("tablecase.toml", "15:2: there is no section [Door]: did you mean [door]?"),
    ("thr0.toml", "16:13: access.threshold = 0 is out of range: a score (higher is stricter), from 0.2 to 1.5"),
    ("utf16.toml", "1:1: the file is UTF-16: save it as UTF-8 in the editor, or use `iconv -f UTF-16 -t UTF-8`"),
    ("yaml.toml", "16:11: a key and its value are joined by =: write pulse_ms = 3000"),
];

fn no_inside_words(said: &str, written: &str) {
    for word in INSIDE_WORDS {
        assert!(
            written.contains(word) || !said.contains(word),
            "{written}\n{said}: says {word}"
        );
    }
}

/// What a configuration is refused with, without the file's name in front.
fn refused(path: &Path) -> Vec<String> {
    let prefix = format!("{}:", path.display());
    let error = Config::load(path).map(|_| ()).err();
    let said = error.map(|error| error.to_string()).unwrap_or_default();
    let line = |line: &str| line.strip_prefix(&prefix).unwrap_or(line).to_owned();
    said.lines().map(line).collect()
}

#[test]
fn every_mistake_has_its_place_and_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.toml");
    let mut wrong = String::new();
    for (section, lines, column, expected) in MISTAKES {
        let text = format!("# A door.\n[{section}]\n{lines}\n");
        std::fs::write(&path, &text).unwrap();
        let said = refused(&path);
        no_inside_words(&said.join("\n"), lines);
        let place = match column {
            0 => String::new(),
            _ => format!("3:{column}: "),
        };
        let fits = |said: &String| said.starts_with(&place) && said.contains(expected);
        if said.len() != 1 || !said.iter().all(fits) {
            wrong += &format!(
                "[{section}] {lines}\n  gave     {said:#?}\n  expected {place}{expected}\n"
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(MISTAKES.len() >= 65, "{}", MISTAKES.len());
}

/// All at once, in the order of the file: nobody mends a file one run a mistake.
#[test]
fn all_mistakes_of_a_file_are_said_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.toml");
    let (mut text, mut expected) = (String::new(), Vec::new());
    let sections = [
        "camera", "models", "vision", "access", "door", "relay", "audit", "daemon", "factors",
        "lockout",
    ];
    for section in sections {
        text += &format!("[{section}]\n");
        // What breaks the line's neighbours too, or belongs to another line, stands alone.
        let mine = MISTAKES.iter().filter(|(of, lines, column, _)| {
            *of == section
                && *column > 0
                && lines.contains(" = ")
                && !lines.contains("[\"onet-fp32\"")
                && ["min_face_px = 600", "frames = 30", "max_open_ms = 1000"]
                    .iter()
                    .all(|between| lines != between)
        });
        let mut keys: Vec<&str> = Vec::new();
        for (_, line, column, what) in mine {
            let key = line.split(" = ").next().unwrap();
            if keys.contains(&key) {
                continue;
            }
            keys.push(key);
            text += &format!("{line}\n");
            expected.push((text.matches('\n').count(), *column, *what));
        }
    }
    std::fs::write(&path, &text).unwrap();
    let said = refused(&path);
    for (line, column, what) in &expected {
        let place = format!("{line}:{column}: ");
        assert!(
            said.iter()
                .any(|said| said.starts_with(&place) && said.contains(what)),
            "{place}{what}\n{text}\n{said:#?}"
        );
    }
    assert!(expected.len() > 30, "{}", expected.len());
    let lines = |said: &String| said.split(':').next().and_then(|n| n.parse().ok());
    let lines: Vec<usize> = said.iter().filter_map(lines).collect();
    assert!(lines.is_sorted() && lines.len() == said.len(), "{said:#?}");
}

#[test]
fn files_that_were_met_get_their_message() {
    let folder = support::project().join("../shared/cases/config");
    let Ok(files) = std::fs::read_dir(&folder) else {
        let why = format!("{} is not here", folder.display());
        return support::lacks(support::Need::Data, &why);
    };
    let mut met = 0;
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".toml") {
            continue;
        }
        met += 1;
        let said = refused(&path);
        let text = std::fs::read(&path).unwrap();
        no_inside_words(&said.join("\n"), &String::from_utf8_lossy(&text));
        if let Some((_, expected)) = MET.iter().find(|(met, _)| *met == name) {
            let first = said.first().map_or("", String::as_str);
            let fits = first.starts_with(expected) && first.is_empty() == expected.is_empty();
            assert!(fits, "{name}: {said:#?}\nnot {expected}");
        }
    }
    assert!(met >= MET.len(), "{met} files");
}
