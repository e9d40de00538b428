//! A door that is none, for the page: it answers in the words of the control socket, and notes
//! what it was asked and for whom.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use doorward::ipc::{
    Ask, Code, Condition, DoorNow, Enrolled, Explained, ExplainedRule, Fault, Guidance, LiveFace,
    LiveFrame, ModeOrdered, RecordHead, State, Step, Threshold, Unlocked, Verdict, Word,
};
use doorward::person::PersonId;
use doorward::record::{DoorMode, Unusable};
use doorward::web::Door;
use image::ImageFormat;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};

/// The number of the one whose photo is kept, and before the camera.
const EILEEN: u64 = 3;
/// The records whose faces were kept: a stranger's, and a grant.
pub const PICTURED: [u64; 2] = [5, 10];
/// A minute in milliseconds.
const MINUTE: i64 = 60_000;

/// What it knows, and what it was asked.
pub struct FakeDoor {
    inside: Mutex<Inside>,
    happened: broadcast::Sender<Value>,
    /// From one picture, or one word of guidance, to the next.
    pace: Duration,
    picture: String,
    /// A photo that is kept.
    kept: String,
    /// The face of a moment at the door.
    moment: String,
}

struct Inside {
    people: Vec<Value>,
    records: Vec<Value>,
    condition: Condition,
    mode: DoorMode,
    faults: Vec<Fault>,
    /// Who asked for what that changes something.
    asked: Vec<(Option<String>, Ask)>,
    next_person: i64,
    is_gone: bool,
}

impl FakeDoor {
    /// With some people and a day that is half over.
    pub fn new(picture: &[u8], pace: Duration) -> Arc<Self> {
        use base64::Engine as _;
        let door = Self {
            inside: Mutex::new(Inside {
                people: Vec::new(),
                records: Vec::new(),
                condition: Condition::Locked,
                mode: DoorMode::Normal,
                faults: Vec::new(),
                asked: Vec::new(),
                next_person: 1,
                is_gone: false,
            }),
            happened: broadcast::Sender::new(64),
            pace,
            picture: base64::engine::general_purpose::STANDARD.encode(picture),
            kept: base64::engine::general_purpose::STANDARD.encode(face(picture, ImageFormat::Png)),
            moment: base64::engine::general_purpose::STANDARD
                .encode(face(picture, ImageFormat::Jpeg)),
        };
        let now = now_ms();
        for (name, groups, seen) in [
            (
                "Ada Lovelace",
                &["staff", "keys"][..],
                Some(now - 95 * MINUTE),
            ),
            ("Alan Turing", &["staff"], Some(now - 41 * MINUTE)),
            ("Eileen Collins", &["staff"], Some(now - 12 * MINUTE)),
            ("Grace Hopper", &["night"], Some(now - 26 * 60 * MINUTE)),
            ("Katherine Johnson", &["staff"], None),
        ] {
            door.list(name, groups, None, seen);
        }
        door.list(
            "Hedy Lamarr",
            &[],
            Some(now + 27 * 60 * MINUTE),
            Some(now - 70 * MINUTE),
        );
        {
            let mut inside = door.inside();
            for (ago, event) in [
                (300, json!({ "kind": "started", "version": "0.1.0" })),
                (95, granted(1, "Ada Lovelace", 0.71)),
                (
                    94,
                    json!({ "kind": "unlocked", "by": { "grant": 2 }, "pulse_ms": 3000 }),
                ),
                (70, granted(6, "Hedy Lamarr", 0.64)),
                (
                    55,
                    json!({ "kind": "denied", "reason": "not_listed", "person": { "id": 3, "name": "Eileen Collins" }, "score": 0.21, "threshold": 0.44, "frames": 5 }),
                ),
                (41, granted(2, "Alan Turing", 0.66)),
                (
                    30,
                    json!({ "kind": "denied", "reason": "outside_hours", "person": { "id": 4, "name": "Grace Hopper" }, "score": 0.69, "threshold": 0.44, "frames": 3 }),
                ),
                (22, json!({ "kind": "cannot_judge", "reason": "dark" })),
                (
                    18,
                    json!({ "kind": "unlock_asked", "purpose": "a parcel", "actor": { "uid": 990, "claimed": "olive" } }),
                ),
                (12, granted(3, "Eileen Collins", 0.7)),
            ] {
                inside.add(now - ago * MINUTE, event);
            }
        }
        Arc::new(door)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Puts somebody on the list.
    pub fn list(&self, name: &str, groups: &[&str], until: Option<i64>, seen: Option<i64>) -> i64 {
        let mut inside = self.inside();
        let id = inside.next_person;
        inside.next_person += 1;
        inside.people.push(json!({
            "id": id,
            "name": name,
            "enabled": true,
            "created_at_ms": now_ms() - 40 * 24 * 60 * MINUTE,
            "templates": 3,
            "photos": if id as u64 == EILEEN { 1 } else { 0 },
            "standing": {
                "groups": groups,
                "is_guest": until.is_some(),
                "valid_until_ms": until,
            },
            "last_granted_ms": seen,
        }));
        id
    }

    /// Has something happen.
    pub fn happen(&self, event: Value) -> u64 {
        let record = self.inside().add(now_ms(), event);
        let id = record["id"].as_u64().unwrap_or(0);
        let _ = self.happened.send(record);
        id
    }

    pub fn fail(&self, kind: &str, message: &str) {
        self.inside().faults.push(Fault {
            kind: kind.into(),
            at_ms: now_ms() - 8 * MINUTE,
            message: message.into(),
        });
        self.happen(json!({ "kind": kind, "reason": "unplugged", "message": message }));
    }

    /// No answer any more.
    pub fn go(&self) {
        self.inside().is_gone = true;
    }

    /// What was asked that changes something, with the account.
    pub fn asked(&self) -> Vec<(Option<String>, Ask)> {
        self.inside().asked.clone()
    }

    /// The names of everybody.
    pub fn names(&self) -> Vec<String> {
        let inside = self.inside();
        let names = inside.people.iter().filter_map(|p| p["name"].as_str());
        names.map(str::to_owned).collect()
    }

    fn state(&self) -> State {
        let inside = self.inside();
        State {
            record: RecordHead {
                id: inside.records.len() as u64,
                hash: "0".repeat(64),
            },
            pid: 1,
            since_ms: now_ms() - 300 * MINUTE,
            door: DoorNow {
                condition: inside.condition,
                mode: inside.mode,
                until_ms: None,
                act: None,
            },
            camera: match inside.faults.is_empty() {
                true => Some("/dev/video0, 640x480 YUYV".into()),
                false => None,
            },
            infrared: None,
            people: inside.people.len(),
            disabled: 0,
            templates: 18,
            templates_in_use: 18,
            threshold: Some(Threshold {
                score: 0.44,
                from: "a stated risk".into(),
            }),
            last_grant: None,
            faults: inside.faults.clone(),
        }
    }

    fn frame(&self, number: u64) -> LiveFrame {
        let wander = (number % 20) as f32;
        let face = |flaw, score: Option<f32>| LiveFace {
            track: 1,
            rect: [168.0 + wander / 4.0, 26.0, 272.0 + wander / 4.0, 156.0],
            flaw,
            person_id: score.map(|_| PersonId(3)),
            name: score.map(|_| "Eileen Collins".into()),
            score,
            liveness: Verdict::Unknown,
            cue: None,
        };
        LiveFrame {
            at_ms: now_ms(),
            width: 512,
            height: 512,
            threshold: Some(0.44),
            faces: match number % 30 {
                28.. => vec![face(Some(Unusable::Blurred), None)],
                _ => vec![face(None, Some(0.68))],
            },
            challenge: None,
            jpeg: Some(self.picture.clone()),
        }
    }

    fn enrol(&self, name: &str, guest_until_ms: Option<i64>, templates: usize) -> Enrolled {
        let known = |p: &&mut Value| p["name"] == name || name == format!("#{}", p["id"]);
        let more = |person: &mut Value| {
            let many = person["templates"].as_u64().unwrap_or(0);
            person["templates"] = (many + templates as u64).into();
            let name = person["name"].as_str().unwrap_or_default().to_owned();
            (person["id"].as_i64().unwrap_or(0), name, true)
        };
        let found = self.inside().people.iter_mut().find(known).map(more);
        let new = || {
            (
                self.list(name, &[], guest_until_ms, None),
                name.to_owned(),
                false,
            )
        };
        let (id, name, added) = found.unwrap_or_else(new);
        self.happen(json!({ "kind": "enrolled", "person": { "id": id, "name": name }, "templates": templates, "actor": { "uid": 990 } }));
        Enrolled {
            person_id: PersonId(id),
            name,
            added,
            templates,
            look_alike: None,
        }
    }

    fn verb(&self, verb: &Value) -> Word {
        let mut inside = self.inside();
        let id_of = |word: &Value| {
            word.as_str()
                .and_then(|w| w.strip_prefix('#')?.parse::<u64>().ok())
        };
        let wanted: Vec<u64> = match (&verb["person"], &verb["people"]) {
            (Value::String(_), _) => id_of(&verb["person"]).into_iter().collect(),
            (_, Value::Array(all)) => all.iter().filter_map(id_of).collect(),
            _ => Vec::new(),
        };
        let is_wanted = |p: &Value| p["id"].as_u64().is_some_and(|id| wanted.contains(&id));
        let nobody = || Word::error(Code::Refused, "nobody has that number");
        let name = verb["verb"].as_str().unwrap_or_default().to_owned();
        match name.as_str() {
            "people" => Word::Ok(
                json!({ "reply": "people", "people": inside.people, "listed": inside.people.len(), "record_since_ms": null }),
            ),
            "person" => match inside.people.iter().find(|p| is_wanted(p)) {
                Some(person) => Word::Ok(
                    json!({ "reply": "person", "person": person, "templates": [], "factors": {} }),
                ),
                None => nobody(),
            },
            "picture" => Word::Ok(match verb["event"].as_u64() {
                Some(event) if PICTURED.contains(&event) => {
                    json!({ "reply": "picture", "jpeg": self.moment })
                }
                _ => json!({ "reply": "picture" }),
            }),
            "face" => Word::Ok(match wanted.first() {
                Some(&EILEEN) => json!({ "reply": "face", "png": self.kept }),
                _ => json!({ "reply": "face" }),
            }),
            "events" => {
                let at = |key: &str| verb[key].as_i64();
                let takes = |r: &&Value| {
                    let when = r["at_ms"].as_i64().unwrap_or(0);
                    at("since_ms").is_none_or(|since| when >= since)
                        && at("until_ms").is_none_or(|until| when < until)
                        && at("after_id").is_none_or(|after| r["id"].as_i64() > Some(after))
                        && wanted
                            .first()
                            .is_none_or(|id| r["event"]["person"]["id"].as_u64() == Some(*id))
                };
                let mut records: Vec<Value> =
                    inside.records.iter().filter(takes).cloned().collect();
                for record in &mut records {
                    if PICTURED.iter().any(|event| record["id"] == *event) {
                        record["picture"] = true.into();
                    }
                }
                Word::Ok(json!({ "reply": "events", "records": records }))
            }
            "erase" => Word::Ok(json!({ "reply": "erased", "gone": true })),
            _ if !inside.people.iter().any(is_wanted) => nobody(),
            "remove" | "erase_people" => {
                inside.people.retain(|p| !is_wanted(p));
                let reply = match name.as_str() {
                    "remove" => "removed",
                    _ => "erased_people",
                };
                Word::Ok(json!({ "reply": reply, "people": [] }))
            }
            "note_consent" if verb["consent"]["day"].as_str() > Some("2100") => {
                Word::error(Code::Refused, "consent of a day that is still to come")
            }
            _ => {
                for person in inside.people.iter_mut().filter(|p| is_wanted(p)) {
                    let group = verb["group"].clone();
                    match name.as_str() {
                        "enable" | "disable" => person["enabled"] = (name == "enable").into(),
                        "note_consent" => person["consent"] = verb["consent"].clone(),
                        "withdraw_consent" => {
                            person["consent"] = Value::Null;
                            person["enabled"] = false.into();
                        }
                        "valid" => {
                            person["standing"]["valid_from_ms"] = verb["from_ms"].clone();
                            person["standing"]["valid_until_ms"] = verb["until_ms"].clone();
                        }
                        "join_group" => {
                            if let Some(groups) = person["standing"]["groups"].as_array_mut() {
                                groups.push(group);
                            }
                        }
                        "leave_group" => {
                            if let Some(groups) = person["standing"]["groups"].as_array_mut() {
                                groups.retain(|one| *one != group);
                            }
                        }
                        _ => {}
                    }
                }
                Word::Ok(json!({ "reply": "changed", "people": [] }))
            }
        }
    }

    /// Asks that last are answered in a task of their own.
    async fn answer(
        self: Arc<Self>,
        account: Option<String>,
        asks: Vec<Ask>,
        tell: mpsc::Sender<Word>,
    ) {
        let (mut photos, mut wrong) = (0, String::new());
        for ask in asks {
            if self.inside().is_gone {
                return;
            }
            let is_look = matches!(
                &ask,
                Ask::Status {}
                    | Ask::Watch { .. }
                    | Ask::Snapshot {}
                    | Ask::Live { .. }
                    | Ask::Explain { .. }
            ) || matches!(&ask, Ask::People { verb } if matches!(verb["verb"].as_str(), Some("people" | "person" | "face" | "picture" | "events")));
            if !is_look {
                self.inside().asked.push((account.clone(), ask.clone()));
            }
            let word = match ask {
                Ask::Watch { since } => return self.watch(since, &tell).await,
                Ask::Live { .. } => return self.live(&tell).await,
                Ask::Enrol(enrol) => {
                    let steps = [
                        Step::LookHere,
                        Step::ComeCloser,
                        Step::Taken,
                        Step::HoldStill,
                        Step::Taken,
                        Step::Taken,
                    ];
                    for (number, step) in (0..).zip(steps) {
                        let guidance = Guidance {
                            step,
                            text: "look".into(),
                            taken: number,
                            wanted: 5,
                            rect: None,
                        };
                        if tell.send(Word::Guidance(guidance)).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(self.pace * 4).await;
                    }
                    Word::ok(&self.enrol(&enrol.name, enrol.guest_until_ms, 5))
                }
                Ask::Status {} => Word::ok(&self.state()),
                Ask::Unlock { reason } => {
                    let event = self.happen(json!({ "kind": "unlock_asked", "purpose": reason, "actor": { "uid": 990, "claimed": account } }));
                    self.inside().condition = Condition::Unlocked;
                    self.happen(
                        json!({ "kind": "unlocked", "by": { "act": event }, "pulse_ms": 3000 }),
                    );
                    Word::ok(&Unlocked {
                        event,
                        unlocked: true,
                        pulse_ms: Some(3000),
                        reason: None,
                        relay_fault: None,
                    })
                }
                Ask::Lock { .. } => {
                    self.inside().mode = DoorMode::Normal;
                    Word::ok(&ModeOrdered {
                        event: 1,
                        mode: DoorMode::Normal,
                        until_ms: None,
                    })
                }
                Ask::Snapshot {} => Word::ok(&self.frame(0)),
                Ask::Explain { person, at_ms } => Word::ok(&Explained {
                    person_id: PersonId(1),
                    name: person,
                    at_ms: at_ms.unwrap_or(0),
                    may_pass: false,
                    reason: Some("outside_hours".into()),
                    until_ms: Some(now_ms() + 20 * 60 * MINUTE),
                    rules: vec![ExplainedRule {
                        name: "Staff in office hours".into(),
                        open: false,
                        conditions: vec!["Mon to Fri, 07:00 to 19:00".into()],
                    }],
                }),
                Ask::Photo { name, .. } => {
                    photos += 1;
                    if name.contains("blurred") {
                        wrong += &format!("\n  {name}: the face is blurred");
                    }
                    Word::Ok(json!({}))
                }
                Ask::EnrolPhotos(_) if !wrong.is_empty() => Word::error(
                    Code::Refused,
                    format!("nobody was enrolled: these photos cannot be used:{wrong}"),
                ),
                Ask::EnrolPhotos(asked) => {
                    Word::ok(&self.enrol(&asked.name, asked.guest_until_ms, photos))
                }
                Ask::People { verb } => self.verb(&verb),
                _ => Word::error(Code::Refused, "not here"),
            };
            let is_error = matches!(word, Word::Error(_));
            if tell.send(word).await.is_err() || is_error {
                return;
            }
        }
    }

    async fn watch(&self, since: Option<u64>, tell: &mpsc::Sender<Word>) {
        let mut happens = self.happened.subscribe();
        if tell
            .send(Word::State(Box::new(self.state())))
            .await
            .is_err()
        {
            return;
        }
        let missed: Vec<Value> = {
            let inside = self.inside();
            let records = inside.records.iter();
            let newer =
                records.filter(|r| since.is_some_and(|since| r["id"].as_u64() > Some(since)));
            newer.cloned().collect()
        };
        for record in missed {
            let _ = tell.send(Word::Event(record)).await;
        }
        loop {
            tokio::select! {
                () = tell.closed() => return,
                one = happens.recv() => match one {
                    Ok(record) => {
                        let _ = tell.send(Word::Event(record)).await;
                    }
                    Err(_) => return,
                },
            }
        }
    }

    async fn live(&self, tell: &mpsc::Sender<Word>) {
        for number in 0.. {
            let frame = self.frame(number);
            if tell.send(Word::Frame(Box::new(frame))).await.is_err() {
                return;
            }
            tokio::time::sleep(self.pace).await;
        }
    }
}

impl Inside {
    fn add(&mut self, at_ms: i64, event: Value) -> Value {
        let id = self.records.len() as u64 + 1;
        let record = json!({ "format": 1, "id": id, "at_ms": at_ms, "door": "door", "hash": "00", "event": event });
        self.records.push(record.clone());
        record
    }
}

/// The face of the picture, as the door keeps it.
fn face(picture: &[u8], format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    if let Ok(picture) = image::load_from_memory(picture) {
        let face = picture.crop_imm(110, 0, 220, 220);
        let _ = face.write_to(&mut bytes, format);
    }
    bytes.into_inner()
}

/// A grant of a recognised person.
pub fn granted(id: i64, name: &str, score: f64) -> Value {
    json!({ "kind": "granted", "reason": "recognised", "person": { "id": id, "name": name }, "score": score, "threshold": 0.44, "frames": 3 })
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The page holds this: a door is asked by whoever has a share of it.
pub struct Shared(pub Arc<FakeDoor>);

impl Door for Shared {
    fn ask_in_turn(&self, account: Option<&str>, asks: Vec<Ask>) -> mpsc::Receiver<Word> {
        let (tell, words) = mpsc::channel(16);
        let (door, account) = (self.0.clone(), account.map(str::to_owned));
        // Of all but the last only what is wrong is told.
        let last = asks.len();
        tokio::spawn(async move {
            let (inner, mut said) = mpsc::channel(16);
            let answering = tokio::spawn(door.answer(account, asks, inner));
            let mut done = 0;
            while let Some(word) = said.recv().await {
                done += usize::from(matches!(word, Word::Ok(_)));
                let is_between = matches!(word, Word::Ok(_)) && done < last;
                if !is_between && tell.send(word).await.is_err() {
                    break;
                }
            }
            answering.abort();
        });
        words
    }
}
