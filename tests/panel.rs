//! The panel around the real program, on a simulated door: what is written to its wires is
//! read, and its outputs are dark when nobody says that they are to be lit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use doorward::config::{Config, Signal, Signals};
use doorward::panel::{Card, Panel, Part, Reading, What};
use rustix::process::{Pid, Signal as Kill, kill_process};
use support::site::{Site, said};

/// Longer than anything takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn site() -> Site {
    let site = Site::new();
    let folder = |name: &str| format!("{:?}", site.at(name).display().to_string());
    let (folder, state) = (folder("service"), folder("door"));
    site.set("panel.driver", "\"simulated\"")
        .set("panel.folder", folder)
        .set("panel.state_dir", state)
        .set("panel.contact.line", 5)
        .set("panel.rex.line", 6)
        .set("panel.keypad.device", "\"/dev/input/by-path/keypad\"")
        .set("panel.keypad.vendor", 1)
        .set("panel.keypad.product", 2)
        .set("panel.reader.device", "\"/dev/input/by-path/reader\"")
        .set("panel.reader.vendor", 1)
        .set("panel.reader.product", 3)
        .set("panel.wiegand.d0", 23)
        .set("panel.wiegand.d1", 24)
        .set("panel.output.green.line", 22)
        .set("panel.output.green.signals", "[\"granted\"]")
        .set("panel.output.siren.line", 27)
        .set("panel.output.siren.signals", "[\"forced_open\"]")
}

/// A process and what it prints.
struct Watched {
    child: Child,
    lines: Receiver<String>,
}

impl Watched {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        for stream in [
            Box::new(stdout) as Box<dyn std::io::Read + Send>,
            Box::new(stderr),
        ] {
            let to = to.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = to.send(line);
                }
            });
        }
        Self { child, lines }
    }

    /// The next line that begins so.
    fn await_line(&self, begin: &str) -> String {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.starts_with(begin) {
                return line;
            }
            seen.push(line);
        }
        panic!("no {begin:?} in {seen:?}");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wire(site: &Site, line: &str) {
    let fifo = site.at("door/wires");
    let mut wires = std::fs::OpenOptions::new().append(true).open(fifo).unwrap();
    wires.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn output(site: &Site, name: &str) -> String {
    let text = std::fs::read_to_string(site.at("door/outputs").join(name));
    text.unwrap_or_default().trim().to_owned()
}

fn await_output(site: &Site, name: &str, state: &str) {
    let until = Instant::now() + PATIENCE;
    while output(site, name) != state {
        assert!(Instant::now() < until, "{name} is never {state}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn serve(site: &Site) -> Watched {
    std::fs::create_dir_all(site.at("service")).unwrap();
    let panel = Watched::start(site.command(&["panel", "--serve"]));
    panel.await_line_containing("outputs are dark");
    panel
}

impl Watched {
    fn await_line_containing(&self, words: &str) {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return;
            }
            seen.push(line);
        }
        panic!("no {words:?} in {seen:?}");
    }
}

fn panel_of(site: &Site) -> Panel {
    let config = Config::load(&site.config()).unwrap();
    Panel::take(&config.panel).unwrap().unwrap()
}

fn next(panel: &Panel) -> Reading {
    panel.readings().recv_timeout(PATIENCE).expect("no reading")
}

fn await_reading(panel: &Panel, what: What) -> Reading {
    let mut seen = Vec::new();
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let reading = next(panel);
        if reading.what == what {
            return reading;
        }
        seen.push(reading);
    }
    panic!("no {what:?} in {seen:?}");
}

#[test]
fn an_installer_sees_what_the_wires_say() {
    let site = site();
    let watch = Watched::start(site.command(&["panel", "watch"]));
    watch.await_line("contact closed");
    watch.await_line("rex released");
    watch.await_line("-- that is how things are");
    wire(&site, "contact open");
    let line = watch.await_line("contact open ");
    let time = line.rsplit(' ').next().unwrap();
    assert!(time.len() == 12 && time.matches(':').count() == 2, "{line}");
    wire(&site, "rex pressed");
    watch.await_line("rex pressed ");
    wire(&site, "keys 12#");
    // A digit may be of a PIN.
    watch.await_line("key (a digit)");
    watch.await_line("key enter");
    wire(&site, "card 0012345");
    watch.await_line("card typed:12345, number 12345 ");
    wire(&site, "wiegand 01001111100000001100111011");
    watch.await_line("wiegand 26 bits 01001111100000001100111011 ");
    watch.await_line("card w26:159:413, number 413, facility 159 ");
    wire(&site, "wiegand 0100111110000000110011101");
    let line = watch.await_line("misread 25: no format");
    assert!(line.ends_with("(number 1)"), "{line}");
    wire(&site, "lost contact");
    watch.await_line("the door contact does not answer");
    wire(&site, "back contact");
    watch.await_line("the door contact is back");
    watch.await_line("contact open ");
    // What is no wire is told, and nothing else.
    wire(&site, "window open");
    watch.await_line_containing("knows no wire like `window open`");
}

#[test]
fn an_output_is_lit_for_a_second_and_dark_again() {
    let site = site();
    let _panel = serve(&site);
    let mut test = site
        .command(&["panel", "test", "siren"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    await_output(&site, "siren", "on");
    assert!(test.wait().unwrap().success());
    await_output(&site, "siren", "off");
    let told = site.fails(&["panel", "test", "horn"]);
    assert!(
        told.contains("there is no output \"horn\": there are green, siren"),
        "{told}"
    );
}

#[test]
fn outputs_are_dark_when_the_daemon_or_the_panel_ends() {
    let site = site();
    let granted = Signals::NONE.with(Signal::Granted);
    let mut service = serve(&site);
    let panel = panel_of(&site);
    let first = next(&panel);
    assert_eq!(
        (first.is_change, first.what),
        (false, What::Contact { open: false })
    );
    for _ in 0..2 {
        panel.show(granted);
        await_output(&site, "green", "on");
        panel.show(Signals::NONE);
        await_output(&site, "green", "off");
    }
    panel.show(granted);
    await_output(&site, "green", "on");
    drop(panel);
    await_output(&site, "green", "off");

    let panel = panel_of(&site);
    panel.show(granted);
    await_output(&site, "green", "on");
    kill_process(Pid::from_child(&service.child), Kill::TERM).unwrap();
    assert!(service.child.wait().unwrap().success());
    assert_eq!(output(&site, "green"), "off");
    // Killed, it leaves what its unit makes dark.
    let mut service = serve(&site);
    await_output(&site, "green", "on");
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    assert_eq!(output(&site, "green"), "on");
    drop(panel);
    assert!(site.run(&["panel", "--dark"]).status.success());
    assert_eq!(output(&site, "green"), "off");
}

#[test]
fn signals_hold_as_long_as_somebody_says_so() {
    let site = site();
    let _service = serve(&site);
    let show = Watched::start(site.command(&["panel", "show", "granted", "refused"]));
    show.await_line("granted, refused: until Ctrl-C");
    await_output(&site, "green", "on");
    drop(show);
    await_output(&site, "green", "off");
    assert_eq!(site.run(&["panel", "show", "open"]).status.code(), Some(2));
}

#[test]
fn a_daemon_that_is_stopped_shows_nothing_any_more() {
    let site = site();
    let _service = serve(&site);
    let mut stream = UnixStream::connect(site.at("service/panel.sock")).unwrap();
    stream.write_all(b"show granted\n").unwrap();
    await_output(&site, "green", "on");
    // Connected, and silent.
    await_output(&site, "green", "off");
}

#[test]
fn a_panel_that_dies_is_lost_and_comes_back_with_how_things_are() {
    let site = site();
    let service = serve(&site);
    let panel = panel_of(&site);
    await_reading(&panel, What::Rex { pressed: false });
    wire(&site, "rex pressed");
    let pressed = await_reading(&panel, What::Rex { pressed: true });
    assert!(pressed.is_change);
    // The wire comes back while the button is down: nobody was seen to press it.
    wire(&site, "lost rex");
    await_reading(&panel, What::Lost(Part::Rex));
    wire(&site, "back rex");
    let found = await_reading(&panel, What::Rex { pressed: true });
    assert!(!found.is_change);
    drop(service);
    await_reading(&panel, What::Lost(Part::Panel));
    let _service = serve(&site);
    await_reading(&panel, What::Back(Part::Panel));
    // A new one knows nothing of the button: how things are is no press.
    let state = await_reading(&panel, What::Rex { pressed: false });
    assert!(!state.is_change);
    wire(&site, "card 77");
    let card = Card {
        bits: 0,
        facility: None,
        number: 77,
    };
    await_reading(&panel, What::Card(card));
}

#[test]
fn what_cannot_be_had_is_told_and_a_door_without_panel_has_none() {
    let site = site();
    let _holder = serve(&site);
    // Of another configuration, and somebody else has the wires.
    let site = site.set("panel.output.green.pulse_ms", 300);
    let told = site.fails(&["panel", "watch"]);
    assert!(told.contains("a running doorward holds it"), "{told}");

    let none = Site::new();
    let config = Config::load(&none.config()).unwrap();
    assert!(Panel::take(&config.panel).unwrap().is_none());
    let told = none.fails(&["panel", "watch"]);
    assert!(told.contains("panel.driver = \"gpiochip\""), "{told}");
    let output = none.run(&["panel", "--serve"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(none.run(&["panel"]).status.code(), Some(2));

    let chip = Site::new()
        .set("panel.driver", "\"gpiochip\"")
        .set(
            "panel.folder",
            format!("{:?}", none.at("none").display().to_string()),
        )
        .set("panel.contact.chip", "\"no-such-chip\"")
        .set("panel.contact.line", 1);
    let told = chip.fails(&["panel", "watch"]);
    assert!(
        told.contains("[panel.contact]: GPIO chip `no-such-chip` was not found"),
        "{told}"
    );
}

#[test]
fn nonsense_at_the_socket_ends_only_that_connection() {
    let site = site();
    let _panel = serve(&site);
    let panel = panel_of(&site);
    panel.show(Signals::NONE.with(Signal::ForcedOpen));
    await_output(&site, "siren", "on");
    for nonsense in [&b"open 1\n"[..], &[b'x'; 2000], b"\xff\n", b"show siren\n"] {
        let mut stream = UnixStream::connect(site.at("service/panel.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(nonsense);
        let mut told = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut told);
        assert!(told.starts_with(b"panel 1 "));
    }
    wire(&site, "contact open");
    await_reading(&panel, What::Contact { open: true });
    assert_eq!(output(&site, "siren"), "on");
}
