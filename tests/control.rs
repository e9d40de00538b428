//! The control socket at a whole door: who may ask for what, what those who watch are told, and
//! that no flood of clients keeps anybody out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward::ipc::{
    Answer, Ask, Client, ClientError, Code, Enrol, EnrolPhotos, Enrolled, LiveFace, LiveFrame,
    MAX_PHOTO_BYTES, MAX_PHOTOS_COUNT, ModeOrdered, Problem, Reloaded, Role, State, Step, Unlocked,
    Word, socket_paths,
};
use doorward::record::{ControlAct, DoorMode, Event, Kind, Record};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::{Value, json};
use support::Need;
use support::site::{Daemon, Site, photo_path, said};

const OBAMA: [&str; 2] = ["barack-obama/01.jpg", "barack-obama/02.jpg"];
const PROBE: &str = "barack-obama/03.jpg";
const NOBODY: &str = "grace-hopper/01.jpg";
/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A door that guards, with one listed person and somebody else before it. One frame decides,
/// and nobody has to be seen moving, so that a machine that is busy with other things as well
/// lets in soon.
fn guarded() -> (Site, Daemon) {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.frames", 1)
        .set("liveness.frozen_face", false)
        .enrolled("Barack Obama", &OBAMA)
        .frames(NOBODY, 3);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    (site, daemon)
}

fn client(site: &Site) -> Client {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Ok(Some(client)) = Client::connect(&site.config()) {
            return client;
        }
        assert!(Instant::now() < until, "no control socket");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn socket(site: &Site) -> PathBuf {
    let paths = socket_paths(&site.config());
    let found = paths.into_iter().find(|path| path.exists());
    found.expect("a control socket")
}

fn stop(daemon: Daemon) {
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.end();
    assert_eq!(code, Some(0), "{log}");
}

/// Waits until what is told is what is waited for.
fn told<T>(client: &mut Client, mut wanted: impl FnMut(Answer) -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let Some(answer) = client.next(Some(Duration::from_secs(1))).unwrap() else {
            continue;
        };
        if let Some(found) = wanted(answer) {
            return found;
        }
    }
    panic!("it was never told");
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

#[test]
fn commands_say_the_same_with_the_socket_and_without() {
    let (site, daemon) = guarded();
    drop(client(&site));
    let with = site.run(&["status", "--json"]);
    let with_text = site.run(&["status"]);
    let by_socket = site.run(&["mode", "lockdown", "--reason", "drill", "--json"]);
    let locked_out = site.run(&["unlock", "--json"]);
    // As of a daemon that has none.
    std::fs::remove_file(socket(&site)).unwrap();
    let without = site.run(&["status", "--json"]);
    let without_text = site.run(&["status"]);
    assert_eq!(json(&with), json(&without));
    assert_eq!(json(&with)["guarding"], true);
    assert_eq!(with.status.code(), without.status.code());
    assert_eq!(with_text.stdout, without_text.stdout);
    // Nobody writes past the daemon.
    let refused = site.fails(&["mode", "normal"]);
    assert!(refused.contains("does not answer"), "{refused}");
    assert_eq!(json(&by_socket)["mode"], "lockdown");
    assert_eq!(json(&locked_out)["reason"], "locked_down");
    stop(daemon);
    assert_eq!(site.count(Kind::ModeSet), 1);
    site.log().verify(&[]).unwrap();
}

#[test]
fn whoever_watches_hears_how_things_are_and_misses_nothing_over_a_restart() {
    let (site, daemon) = guarded();
    let mut watching = client(&site);
    watching.begin(Ask::Watch { since: None }).unwrap();
    let first: State = told(&mut watching, |answer| match answer.word {
        Word::State(state) => Some(*state),
        _ => None,
    });
    assert_eq!((first.people, first.door.mode), (1, DoorMode::Normal));
    let mut heard = Vec::new();
    let mut asking = client(&site);
    let unlocked: Unlocked = asking.ask(Ask::Unlock { reason: None }, PATIENCE).unwrap();
    assert_eq!((unlocked.unlocked, unlocked.pulse_ms), (true, Some(300)));
    told(&mut watching, |answer| match answer.word {
        Word::Event(json) => {
            let is_last = json["event"]["kind"] == "locked";
            heard.push(json);
            is_last.then_some(())
        }
        _ => None,
    });
    drop(watching);
    // What happens while nobody watches, and while nothing guards.
    let hour = 3_600_000;
    let until_ms = jiff::Timestamp::now().as_millisecond() + hour;
    let hold = Ask::Hold {
        until_ms,
        reason: Some("open day".into()),
    };
    let held: ModeOrdered = asking.ask(hold, PATIENCE).unwrap();
    assert_eq!((held.mode, held.until_ms), (DoorMode::Hold, Some(until_ms)));
    site.await_events(Kind::Unlocked, 2);
    stop(daemon);
    let daemon = site.start();
    site.await_events(Kind::Started, 2);

    let mut watching = client(&site);
    let since = heard.last().unwrap()["id"].as_u64();
    watching.begin(Ask::Watch { since }).unwrap();
    // The door thread says how it is as soon as it runs.
    let mut is_held = false;
    while !is_held {
        told(&mut watching, |answer| match answer.word {
            Word::State(state) => {
                is_held = state.door.mode == DoorMode::Hold;
                assert!(!is_held || state.door.until_ms == Some(until_ms));
                Some(())
            }
            Word::Event(json) => {
                heard.push(json);
                None
            }
            _ => None,
        });
    }
    let mut asking = client(&site);
    let open: ModeOrdered = asking.ask(Ask::Lock { reason: None }, PATIENCE).unwrap();
    assert_eq!(open.mode, DoorMode::Normal);
    told(&mut watching, |answer| match answer.word {
        Word::Event(json) => {
            let is_last = json["event"]["reason"] == "mode_ended";
            heard.push(json);
            is_last.then_some(())
        }
        _ => None,
    });
    let records = site.records();
    for (told, expected) in heard.iter().zip(first.record.id + 1..) {
        let record = records.iter().find(|record| record.id == expected).unwrap();
        assert_eq!(told, &record.to_json());
        assert_eq!(Record::from_json(told).as_ref(), Some(record));
    }
    // A number that the record has not reached is of another database.
    let mut lost = client(&site);
    let error = lost
        .ask::<State>(Ask::Watch { since: Some(9999) }, PATIENCE)
        .unwrap_err();
    assert!(matches!(error, ClientError::Refused(problem) if problem.code == Code::NoSuchRecord));

    let shown = site.run(&["watch", "--since", "1", "--seconds", "2", "--json"]);
    let lines: Vec<Value> = shown
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert!(lines[0]["state"]["pid"].is_u64(), "{}", said(&shown));
    assert_eq!(lines[1]["id"], 2);
    stop(daemon);
    let alone = site.run(&["watch"]);
    assert_eq!(alone.status.code(), Some(1), "{}", said(&alone));
}

#[test]
fn a_lockdown_is_not_ended_by_lock_and_the_camera_is_seen() {
    let (site, daemon) = guarded();
    let mut client = client(&site);
    let lockdown = Ask::Mode {
        mode: DoorMode::Lockdown,
        until_ms: None,
        reason: None,
    };
    let ordered: ModeOrdered = client.ask(lockdown, PATIENCE).unwrap();
    let after: ModeOrdered = client.ask(Ask::Lock { reason: None }, PATIENCE).unwrap();
    assert_eq!(after, ordered);
    let refused = client
        .ask::<ModeOrdered>(
            Ask::Hold {
                until_ms: 1,
                reason: None,
            },
            PATIENCE,
        )
        .unwrap_err();
    assert!(refused.to_string().contains("is past"), "{refused}");

    site.show(PROBE);
    let picture: LiveFrame = client.ask(Ask::Snapshot {}, PATIENCE).unwrap();
    assert!(picture.jpeg.is_some() && picture.width > 0);
    client.begin(Ask::Live { pictures: false }).unwrap();
    let frame = told(&mut client, |answer| match answer.word {
        Word::Frame(frame) => {
            let is_listed = |face: &LiveFace| face.score > frame.threshold;
            frame.faces.iter().any(is_listed).then_some(frame)
        }
        _ => None,
    });
    assert!(frame.jpeg.is_none() && frame.threshold.is_some());
    let face = frame.faces.iter().find(|face| face.name.is_some()).unwrap();
    assert_eq!(face.name.as_deref(), Some("Barack Obama"));

    std::fs::write(site.config(), "[door]\npulse = 3\n").unwrap();
    let reloaded: Reloaded = client.ask(Ask::Reload {}, PATIENCE).unwrap();
    assert!(
        !reloaded.reloaded && reloaded.message.is_some(),
        "{reloaded:?}"
    );
    stop(daemon);
    let asked: Vec<ControlAct> = site
        .events()
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::ControlAsked(asked) => Some(asked.act),
            _ => None,
        })
        .collect();
    // A look without pictures needs no record.
    assert_eq!(asked, [ControlAct::Snapshot, ControlAct::Reload]);
}

/// Does something in a thread that is another user.
fn as_user<T: Send>(uid: u32, groups: &[u32], work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            // The C library's calls would change all threads.
            // SAFETY: a pointer to that many numbers; the others take numbers only.
            let became = unsafe {
                libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) == 0
                    && libc::syscall(libc::SYS_setresgid, uid, uid, uid) == 0
                    && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
            };
            became.then(work)
        });
        thread.join().unwrap()
    })
}

/// A group of every system, and its number.
fn a_group() -> Option<(String, u32)> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, gid) = (fields.next()?, fields.nth(1)?.parse().ok()?);
        (gid != 0).then(|| (name.to_owned(), gid))
    })
}

fn login_uid() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

/// Each request, and the least role for it.
fn asks(uid: u32) -> Vec<(Ask, ControlAct, Role)> {
    use ControlAct as Act;
    let reason = || Some("table".to_owned());
    let until_ms = jiff::Timestamp::now().as_millisecond() + 3_600_000;
    let mode = |mode, until_ms| Ask::Mode {
        mode,
        until_ms,
        reason: reason(),
    };
    vec![
        (Ask::Status {}, Act::Status, Role::Viewer),
        (Ask::Counts {}, Act::Status, Role::Viewer),
        (Ask::Watch { since: None }, Act::Watch, Role::Viewer),
        (Ask::Live { pictures: false }, Act::Live, Role::Viewer),
        (Ask::Stop { of: 4 }, Act::Stop, Role::Viewer),
        (
            Ask::Unlock { reason: reason() },
            Act::Unlock,
            Role::Operator,
        ),
        (Ask::Lock { reason: reason() }, Act::Lock, Role::Operator),
        (
            Ask::Hold {
                until_ms,
                reason: reason(),
            },
            Act::Hold,
            Role::Operator,
        ),
        (mode(DoorMode::Normal, None), Act::Mode, Role::Operator),
        (Ask::Snapshot {}, Act::Snapshot, Role::Operator),
        (Ask::Live { pictures: true }, Act::Live, Role::Operator),
        (Ask::Reload {}, Act::Reload, Role::Administrator),
        (
            Ask::Enrol(Enrol {
                name: "Nobody".into(),
                pictures: 1,
                timeout_s: 1,
                look_alike: false,
                guest_until_ms: None,
                consent: None,
            }),
            Act::Enrol,
            Role::Administrator,
        ),
        (
            Ask::Photo {
                name: "a.jpg".into(),
                picture: "/9j/4AAQSkZJRg==".into(),
            },
            Act::Enrol,
            Role::Administrator,
        ),
        (by_photos("Nobody", None), Act::Enrol, Role::Administrator),
        (
            Ask::People {
                verb: serde_json::json!({
                    "verb": "join_group",
                    "people": ["Barack Obama"],
                    "group": format!("of-{uid}"),
                }),
            },
            Act::People,
            Role::Administrator,
        ),
    ]
}

fn by_photos(name: &str, guest_until_ms: Option<i64>) -> Ask {
    Ask::EnrolPhotos(EnrolPhotos {
        name: name.into(),
        look_alike: false,
        guest_until_ms,
        consent: None,
    })
}

/// What the daemon says first to a request: nothing if it does not refuse it by the role.
fn refusal(client: &mut Client, ask: Ask) -> Option<String> {
    let id = client.begin(ask).unwrap();
    told(client, |answer| match answer.word {
        _ if answer.id != Some(id) => None,
        Word::Error(problem) if problem.code == Code::NotAllowed => Some(Some(problem.message)),
        _ => Some(None),
    })
}

#[test]
fn every_peer_may_what_its_role_may_and_the_record_names_who_it_was() {
    if !rustix::process::geteuid().is_root() {
        return support::lacks(Need::Root, "only root can be several users");
    }
    let Some((group, gid)) = a_group() else {
        return support::lacks(Need::Root, "there is no group in /etc/group");
    };
    let mut site = Site::new()
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames(NOBODY, 3);
    let folder = site.at("run");
    std::fs::create_dir(&folder).unwrap();
    for open in [site.at("."), folder.clone()] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    site = site.with("RUNTIME_DIRECTORY", &folder);
    let roles = format!(
        "viewer.uids = [60001]\noperator.groups = [{group:?}]\nadministrator.uids = [60003]\n"
    );
    std::fs::write(site.at("roles.toml"), roles).unwrap();
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    let socket = || {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut entries = std::fs::read_dir(&folder)
                .unwrap()
                .map(|e| e.unwrap().path());
            if let Some(found) = entries.find(|p| p.extension().is_some_and(|e| e == "sock")) {
                return found;
            }
            assert!(Instant::now() < until, "no socket in {}", folder.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let socket = socket();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);

    let (mut allowed, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for (uid, groups, role) in [
        (0, vec![], Some(Role::Administrator)),
        (60001, vec![], Some(Role::Viewer)),
        (60002, vec![gid], Some(Role::Operator)),
        (60003, vec![], Some(Role::Administrator)),
        (60004, vec![60001, 60003], None),
    ] {
        let done = as_user(uid, &groups, || {
            let stream = UnixStream::connect(&socket).unwrap();
            let mut client = Client::over(stream).unwrap();
            assert_eq!(client.hello().role, role, "uid {uid}");
            for (ask, act, needs) in asks(uid) {
                let what = format!("uid {uid}: {ask:?}");
                // A connection has one live view; `stop` ends the third request's.
                let refusal = refusal(&mut client, ask);
                assert_eq!(
                    refusal.is_none(),
                    role >= Some(needs),
                    "{what}: {refusal:?}"
                );
                match refusal {
                    None => allowed.insert((uid, act.code())),
                    Some(said) => {
                        assert!(said.contains("roles.toml"), "{said}");
                        refused.insert((uid, act.code()))
                    }
                };
            }
        });
        assert!(done.is_some(), "cannot be uid {uid}");
    }
    // The last ones may still be on their way.
    stop(daemon);
    let login = login_uid();
    let (mut recorded, mut noted) = (BTreeSet::new(), BTreeSet::new());
    for (_, event) in site.events() {
        let (actor, act) = match &event {
            Event::UnlockAsked { actor, purpose } => {
                assert_eq!(purpose.as_deref(), Some("table"));
                (actor, "unlock")
            }
            Event::ModeSet(set) if set.mode == DoorMode::Hold => (&set.actor, "hold"),
            // `lock` and `mode normal` write the same.
            Event::ModeSet(set) => {
                recorded.insert((set.actor.uid, "lock"));
                (&set.actor, "mode")
            }
            Event::GroupJoined { actor, .. } => (actor, "people"),
            Event::ControlAsked(asked) => (&asked.actor, asked.act.code()),
            Event::ControlRefused(refused) => {
                noted.insert((refused.actor.uid, refused.act.code()));
                assert_eq!(refused.actor.login_uid, login);
                continue;
            }
            _ => continue,
        };
        recorded.insert((actor.uid, act));
        assert_eq!(actor.login_uid, login, "{event}");
        assert_eq!(actor.claimed, None, "{event}");
    }
    let acts = [
        "unlock", "lock", "hold", "mode", "snapshot", "live", "reload", "enrol", "people",
    ];
    let by = |uid: u32| uid == 0 || uid == 60002 || uid == 60003;
    allowed.retain(|(uid, act)| acts.contains(act) && (*act != "live" || by(*uid)));
    assert_eq!(recorded, allowed);
    assert_eq!(noted, refused);
    site.log().verify(&[]).unwrap();
}

#[test]
fn somebody_is_enrolled_with_the_doors_camera_and_let_in_at_once() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .enrolled("Barack Obama", &OBAMA)
        .frames("joe-biden/01.jpg", 4)
        .set("whitelist.require_consent", true);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    let mut client = client(&site);
    let mut asked = Enrol {
        name: "Joe Biden".into(),
        pictures: 2,
        timeout_s: 240,
        look_alike: false,
        guest_until_ms: None,
        consent: None,
    };
    let refused = client.ask::<Enrolled>(Ask::Enrol(asked.clone()), PATIENCE);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("no consent of Joe Biden"), "{refused}");
    let consent = json!({ "day": "2026-03-01", "purpose": "entry by face" });
    asked.consent = serde_json::from_value(consent.clone()).unwrap();
    let id = client.begin(Ask::Enrol(asked)).unwrap();
    let mut steps = Vec::new();
    let until = Instant::now() + 10 * PATIENCE;
    let enrolled: Enrolled = loop {
        assert!(Instant::now() < until, "{steps:?}");
        match client
            .next(Some(PATIENCE))
            .unwrap()
            .map(|answer| answer.word)
        {
            Some(Word::Guidance(guidance)) => steps.push((guidance.step, guidance.taken)),
            Some(Word::Ok(gave)) => break serde_json::from_value(gave).unwrap(),
            // A machine that is busy with other things as well takes its time.
            None => {}
            other => panic!("{other:?} after {steps:?}"),
        }
    };
    assert_eq!((enrolled.added, enrolled.templates), (false, 2));
    assert!(steps.contains(&(Step::Taken, 2)), "{steps:?}");
    // Who is on the whitelist is let in without a restart.
    site.await_events(Kind::Granted, 1);
    let stopped = client
        .ask::<Value>(Ask::Stop { of: id }, PATIENCE)
        .unwrap_err();
    assert!(
        stopped.to_string().contains("nothing that goes on"),
        "{stopped}"
    );
    stop(daemon);
    let (_, Event::Enrolled { person, actor, .. }) = site
        .events()
        .into_iter()
        .rfind(|(_, event)| event.kind() == Kind::Enrolled)
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(person.id, enrolled.person_id);
    let own = rustix::process::getuid().as_raw();
    assert_eq!((actor.uid, actor.claimed), (own, None));
    assert_eq!(site.count(Kind::ConsentGiven), 1);
    let shown = json(&site.run(&["people", "show", "Joe Biden", "--json"]));
    assert_eq!(shown["person"]["consent"], consent);
    site.log().verify(&[]).unwrap();
}

/// Sends a picture's bytes.
fn send(client: &mut Client, name: &str, bytes: &[u8]) -> Result<Value, ClientError> {
    let (name, picture) = (name.to_owned(), STANDARD.encode(bytes));
    client.ask(Ask::Photo { name, picture }, PATIENCE)
}

/// Sends photos, and says whose they are.
fn enrol_by(client: &mut Client, photos: &[&str], ask: Ask) -> Result<Enrolled, Problem> {
    for photo in photos {
        let bytes = std::fs::read(photo_path(photo)).unwrap();
        send(client, photo, &bytes).unwrap();
    }
    // A machine that is busy with other things as well takes its time.
    client.ask(ask, 8 * PATIENCE).map_err(|error| match error {
        ClientError::Refused(problem) => problem,
        other => panic!("{other}"),
    })
}

#[test]
fn photos_that_were_sent_enrol_somebody_all_of_them_or_nobody() {
    let (site, daemon) = guarded();
    let mut client = client(&site);
    client.act_for(Some("ada"));
    let biden = "joe-biden/01.jpg";
    let enrolled = |site: &Site| site.count(Kind::Enrolled);

    let none = enrol_by(&mut client, &[], by_photos("Joe Biden", None)).unwrap_err();
    assert!(none.message.contains("no photo was sent"), "{none:?}");
    // Each that cannot be used is named, and the good one is not.
    let bytes = std::fs::read(photo_path(biden)).unwrap();
    send(&mut client, "cut.jpg", &bytes[..bytes.len() / 2]).unwrap();
    send(&mut client, "text.jpg", b"a letter").unwrap();
    let wrong = enrol_by(&mut client, &[biden], by_photos("Joe Biden", None)).unwrap_err();
    assert_eq!(wrong.code, Code::Refused);
    for part in ["cut.jpg: is cut off", "text.jpg: is not a picture"] {
        assert!(wrong.message.contains(part), "{wrong:?}");
    }
    assert!(!wrong.message.contains(biden), "{wrong:?}");
    // What was sent for one enrolment is not there for the next.
    let none = enrol_by(&mut client, &[], by_photos("Joe Biden", None)).unwrap_err();
    assert!(none.message.contains("no photo was sent"), "{none:?}");
    let other = enrol_by(&mut client, &[OBAMA[0]], by_photos("Barry", None)).unwrap_err();
    assert!(other.message.contains("Barack Obama (#1)"), "{other:?}");
    let nobody = enrol_by(&mut client, &[biden], by_photos("#99", None)).unwrap_err();
    assert_eq!(nobody.code, Code::Unknown, "{nobody:?}");
    assert_eq!(enrolled(&site), 1);

    let joe = enrol_by(&mut client, &[biden], by_photos("Joe Biden", None)).unwrap();
    assert_eq!((joe.added, joe.templates), (false, 1));
    let until_ms = jiff::Timestamp::now().as_millisecond() + 3_600_000;
    let guest = by_photos("Eileen Collins", Some(until_ms));
    let guest = enrol_by(&mut client, &["eileen-collins/01.jpg"], guest).unwrap();
    let more = enrol_by(&mut client, &[PROBE], by_photos("#1", None)).unwrap();
    assert_eq!((more.added, more.name.as_str()), (true, "Barack Obama"));
    // Whoever is listed now is let in now.
    site.show(biden);
    let is_joe = |event: &Event| matches!(event, Event::Granted(granted) if granted.recognition.person.id == joe.person_id);
    let until = Instant::now() + 4 * PATIENCE;
    while !site.events().iter().any(|(_, event)| is_joe(event)) {
        assert!(Instant::now() < until, "{:#?}", site.events());
        std::thread::sleep(Duration::from_millis(50));
    }

    for (name, bytes, why) in [
        ("large.jpg", vec![0; MAX_PHOTO_BYTES + 1], "make it smaller"),
        ("a\u{1b}[2J.jpg", vec![0], "a photo's name"),
        ("", vec![0], "a photo's name"),
    ] {
        let refused = send(&mut client, name, &bytes).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let (name, picture) = ("a.jpg".to_owned(), "no base64".to_owned());
    let garbled = client.ask::<Value>(Ask::Photo { name, picture }, PATIENCE);
    assert!(garbled.unwrap_err().to_string().contains("Base64"));
    for n in 0..=MAX_PHOTOS_COUNT {
        let kept = send(&mut client, &format!("{n}.jpg"), &vec![0; MAX_PHOTO_BYTES]);
        assert_eq!(kept.is_ok(), n < MAX_PHOTOS_COUNT, "{n}: {kept:?}");
    }
    stop(daemon);
    let (_, Event::GuestUntil { person, .. }) = site.first(Kind::GuestUntil) else {
        panic!()
    };
    assert_eq!(person.id, guest.person_id);
    let by: Vec<Option<String>> = site
        .events()
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::Enrolled { actor, .. } => Some(actor.claimed),
            Event::ControlAsked(asked) => {
                assert_eq!(asked.act, ControlAct::Enrol);
                assert_eq!(asked.actor.claimed.as_deref(), Some("ada"));
                None
            }
            _ => None,
        })
        .collect();
    let ada = || Some("ada".to_owned());
    assert_eq!(by, [None, ada(), ada(), ada()]);
    site.log().verify(&[]).unwrap();
}

#[test]
fn a_wrong_file_of_roles_gives_nobody_more_and_says_so() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .frames(NOBODY, 3);
    std::fs::write(site.at("roles.toml"), "[operator]\nusers = [\"eve\"]\n").unwrap();
    let daemon = site.start();
    site.await_events(Kind::RolesRejected, 1);
    let (_, Event::RolesRejected { message, .. }) = site.first(Kind::RolesRejected) else {
        panic!()
    };
    assert!(
        message.contains("roles.toml:2") && message.contains("users"),
        "{message}"
    );
    // The service's own user goes on.
    let mut client = client(&site);
    assert_eq!(client.hello().role, Some(Role::Administrator));
    std::fs::write(site.at("roles.toml"), "operator.uids = [60002]\n").unwrap();
    let reloaded: Reloaded = client.ask(Ask::Reload {}, PATIENCE).unwrap();
    assert!(reloaded.reloaded);
    stop(daemon);
    assert_eq!(site.count(Kind::RolesRejected), 1);
}

#[test]
fn a_door_without_its_socket_lets_in_all_the_same() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .set("access.frames", 1)
        .set("liveness.frozen_face", false)
        .enrolled("Barack Obama", &OBAMA)
        .frames(PROBE, 3);
    let [_, place] = socket_paths(&site.config());
    // Nothing can be bound where a folder with something in it lies.
    std::fs::create_dir_all(place.join("in the way")).unwrap();
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    daemon.await_said("there is no control socket");
    site.await_events(Kind::Unlocked, 1);
    stop(daemon);
    std::fs::remove_dir_all(place).unwrap();
}

/// A number of `/proc/PID/status`.
fn of_status(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

fn count(folder: impl AsRef<Path>) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_thousand_clients_half_of_them_stalled_keep_nobody_out_and_cost_little() {
    const CLIENTS: usize = 1000;
    // Of this process; the daemon has no more than it had.
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let (site, daemon) = guarded();
    setrlimit(Resource::Nofile, raised).unwrap();
    drop(client(&site));
    let place = socket(&site);
    let pid = daemon.id();
    let files = || count(format!("/proc/{pid}/fd"));
    let (threads, files_before, memory) = (
        of_status(pid, "Threads:"),
        files(),
        of_status(pid, "VmRSS:"),
    );
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        let Ok(mut stream) = UnixStream::connect(&place) else {
            continue;
        };
        stream.set_nonblocking(true).unwrap();
        // Half of them never end their line, the others never read what they asked for.
        let said: &[u8] = match n % 2 {
            0 => br#"{"id":1,"do":"sta"#,
            _ => b"{\"id\":1,\"do\":\"watch\",\"since\":0}\n{\"id\":2,\"do\":\"live\",\"pictures\":true}\n",
        };
        let _ = stream.write_all(said);
        clients.push(stream);
    }
    assert!(clients.len() > CLIENTS / 2, "{} connected", clients.len());
    site.show(PROBE);
    let mut most_files = 0;
    let until = Instant::now() + 4 * PATIENCE;
    while site.count(Kind::Unlocked) == 0 {
        assert!(Instant::now() < until, "{:#?}", site.events());
        std::thread::sleep(Duration::from_millis(50));
        most_files = most_files.max(files());
        for stream in clients.iter_mut().skip(1).step_by(4) {
            let _ = stream.write_all(b"{\"id\":3,\"do\":\"status\"}\n");
            let _ = stream.read(&mut [0; 64]);
        }
    }
    assert!(of_status(pid, "Threads:") <= threads, "threads for clients");
    // 64 clients, and what lies open for a moment.
    assert!(most_files <= files_before + 64 + 16, "{most_files} files");
    let grown = of_status(pid, "VmHWM:").saturating_sub(memory);
    assert!(grown < 96 * 1024, "{grown} KiB more");
    drop(clients);
    // They are gone, and somebody else is heard.
    let mut client = client(&site);
    let state: State = client.ask(Ask::Status {}, PATIENCE).unwrap();
    assert_eq!(state.pid, pid);
    stop(daemon);
    site.log().verify(&[]).unwrap();
}
