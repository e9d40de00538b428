//! Consent of people to be recognised: noted, shown, asked for, taken back, and taken along.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use doorward::database::Database;
use doorward::embedding::{Embedding, ModelVersion};
use doorward::record::{Kind, Stamp};
use doorward::whitelist::{self, NewTemplate};
use serde_json::{Value, json};
use support::origin;
use support::site::{Site, said};

const PHOTO: &str = "grace-hopper/01.jpg";

/// With these people, by made-up faces.
fn site(people: &[&str]) -> Site {
    let site = Site::new();
    let mut database = Database::open(&site.at("doorward.db")).unwrap();
    for (n, name) in people.iter().enumerate() {
        let mut values = vec![0.25; 16];
        values[n] = 1.0 / 3.0;
        let template = NewTemplate {
            embedding: Embedding::new(&ModelVersion::new("a@1"), values).unwrap(),
            source: "camera".into(),
            photo: None,
        };
        whitelist::enroll(&mut database, name, &[template], &origin()).unwrap();
    }
    site
}

fn json_of(site: &Site, words: &[&str]) -> Value {
    let output = site.run(&[words, &["--json"]].concat());
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn without_consent(site: &Site) -> Vec<String> {
    let listed = json_of(site, &["people", "list", "--without-consent"]);
    let people = listed["people"].as_array().unwrap().iter();
    people
        .map(|person| person["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_noted_is_shown_replaced_and_on_record() {
    let site = site(&["Ada", "Grace", "Zoe"]);
    assert_eq!(without_consent(&site), ["Ada", "Grace", "Zoe"]);
    let words = ["people", "consent", "Ada", "#2", "--on", "2026-03-01"];
    let noted = json_of(
        &site,
        &[&words[..], &["--purpose", "entry by face"]].concat(),
    );
    let consent = json!({ "day": "2026-03-01", "purpose": "entry by face" });
    assert_eq!(noted["people"][1]["consent"], consent);
    assert_eq!(
        json_of(&site, &["people", "show", "#2"])["person"]["consent"],
        consent
    );
    assert_eq!(without_consent(&site), ["Zoe"]);
    let shown = said(&site.run(&["people", "show", "Ada"]));
    assert!(
        shown.contains("consented on 2026-03-01, for entry by face"),
        "{shown}"
    );

    let said = said(&site.run(&["people", "consent", "Ada", "--on", "2026-04-02"]));
    assert!(said.contains("Ada (#1) consented on 2026-04-02"), "{said}");
    assert_eq!(
        json_of(&site, &["people", "show", "Ada"])["person"]["consent"],
        json!({ "day": "2026-04-02" })
    );
    // The record keeps both.
    assert_eq!(site.count(Kind::ConsentGiven), 3);
    site.log().verify(&[]).unwrap();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let site = site(&["Ada"]);
    for (words, wrong) in [
        (&["--on", "2999-01-01"][..], "still to come"),
        (&["--on", "yesteryear"], "is no day"),
        (&["--purpose", ""], "a purpose is one line"),
        (&["--purpose", &"x".repeat(201)], "1 to 200 characters"),
        (&["--purpose", "a\nb"], "can be seen"),
        (&["Nobody"], "nobody is or was called"),
        (&["--withdraw"], "no consent of Ada is noted"),
        (&["--withdraw", "--purpose", "x"], "cannot be used with"),
    ] {
        let said = site.fails(&[&["people", "consent", "Ada"], words].concat());
        assert!(said.contains(wrong), "{words:?}: {said}");
    }
    assert_eq!(without_consent(&site), ["Ada"]);
    assert_eq!(site.count(Kind::ConsentGiven), 0);
}

#[test]
fn who_consents_no_more_is_let_in_no_more() {
    let site = site(&["Ada", "Grace"]);
    json_of(&site, &["people", "consent", "Ada", "Grace"]);
    let withdrawn = json_of(&site, &["people", "consent", "Ada", "--withdraw"]);
    assert_eq!(withdrawn["people"][0]["enabled"], false);
    assert_eq!(without_consent(&site), ["Ada"]);
    // All or none.
    site.fails(&["people", "consent", "Grace", "Ada", "--withdraw"]);
    let grace = json_of(&site, &["people", "show", "Grace"]);
    assert_eq!(grace["person"]["enabled"], true);
    assert_eq!(site.count(Kind::ConsentWithdrawn), 1);
}

#[test]
fn where_consent_is_asked_for_nobody_is_enrolled_without() {
    let site = Site::new().set("whitelist.require_consent", true);
    let photo = support::site::photo_path(PHOTO);
    let photo = photo.to_str().unwrap();
    let said = site.fails(&["enroll", "Grace", photo]);
    assert!(
        said.contains("whitelist.require_consent") && said.contains("--consent"),
        "{said}"
    );
    assert_eq!(json_of(&site, &["people", "list"])["people"], json!([]));
    let words = [
        "enroll",
        "Grace",
        photo,
        "--consent",
        "today",
        "--purpose",
        "entry by face",
    ];
    json_of(&site, &words);
    assert_eq!(
        json_of(&site, &["people", "show", "Grace"])["person"]["consent"]["purpose"],
        "entry by face"
    );
    // Nor is anybody taken over without.
    let elsewhere = self::site(&["Ada"]);
    let secret = elsewhere.at("secret");
    std::fs::write(&secret, "correct horse battery\n").unwrap();
    let (file, secret) = (elsewhere.at("people.age"), secret.to_str().unwrap());
    let file = file.to_str().unwrap();
    let with = ["--passphrase-file", secret, file];
    json_of(&elsewhere, &[&["people", "export"], &with[..]].concat());
    let said = site.fails(&[&["people", "import"], &with[..]].concat());
    assert!(said.contains("no consent of Ada is noted"), "{said}");

    json_of(
        &elsewhere,
        &["people", "consent", "Ada", "--on", "2026-03-01"],
    );
    std::fs::remove_file(file).unwrap();
    json_of(&elsewhere, &[&["people", "export"], &with[..]].concat());
    json_of(&site, &[&["people", "import"], &with[..]].concat());
    assert_eq!(
        json_of(&site, &["people", "show", "Ada"])["person"]["consent"],
        json!({ "day": "2026-03-01" })
    );
}

#[test]
fn a_backup_brings_consents_back() {
    let site = site(&["Ada"]);
    json_of(&site, &["people", "consent", "Ada", "--on", "2026-03-01"]);
    let backup = site.at("backup.db");
    json_of(&site, &["backup", backup.to_str().unwrap()]);
    json_of(&site, &["people", "consent", "Ada", "--withdraw"]);
    json_of(&site, &["restore", backup.to_str().unwrap()]);
    assert!(without_consent(&site).is_empty());
}

#[test]
fn a_consent_that_no_event_knows_ends_guarding() {
    let site = Site::new()
        .set("camera.replay.repeat", true)
        .frames(PHOTO, 1)
        .enrolled("Grace", &[PHOTO]);
    let daemon = site.start();
    site.await_events(Kind::Started, 1);
    rusqlite::Connection::open(site.at("doorward.db"))
        .unwrap()
        .execute(
            "INSERT INTO consents (person, day) VALUES (1, '2026-03-01')",
            [],
        )
        .unwrap();
    let (code, log) = daemon.end();
    assert_ne!(code, Some(0));
    assert!(log.contains("no event says who did it"), "{log}");
}

const DAY_MS: i64 = 86_400_000;

/// As the daemon does each hour, so many days from now.
fn tend(site: &Site, days_from_now: i64) -> usize {
    let mut database = Database::open(&site.at("doorward.db")).unwrap();
    let mut stamp = Stamp::now();
    stamp.at_ms += days_from_now * DAY_MS;
    whitelist::tend_the_unused(&mut database, &stamp, 30, &Default::default()).unwrap()
}

#[test]
fn who_does_not_come_for_long_is_told_of_and_then_disabled() {
    let site = site(&["Ada", "Grace"]);
    let state = |name: &str| json_of(&site, &["people", "show", name])["person"]["enabled"].clone();
    assert_eq!(tend(&site, 0), 0);
    assert_eq!(tend(&site, 22), 0);
    assert_eq!(tend(&site, 24), 2);
    assert_eq!(site.count(Kind::UnusedSoon), 2);
    // Who is enabled by hand meanwhile was seen then.
    json_of(&site, &["people", "disable", "Grace"]);
    assert_eq!(tend(&site, 25), 0);
    json_of(&site, &["people", "enable", "Grace"]);
    assert_eq!(tend(&site, 26), 0);
    assert_eq!(tend(&site, 30), 0);
    assert_eq!((state("Ada"), state("Grace")), (true.into(), true.into()));
    assert_eq!(tend(&site, 32), 1);
    assert_eq!((state("Ada"), state("Grace")), (false.into(), true.into()));
    assert_eq!(site.count(Kind::UnusedDisabled), 1);
    assert_eq!(tend(&site, 33), 0);
    let told = said(&site.run(&["events", "--kind", "unused_disabled"]));
    assert!(
        told.contains("Ada (#1)") && told.contains("longer than 30 days"),
        "{told}"
    );
    site.log().verify(&[]).unwrap();
}
