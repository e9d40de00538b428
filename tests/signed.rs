//! Heads of the record are signed: whoever has the public key sees whether the record is the
//! door's, also where the database and the journal could be written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use doorward::record::Kind;
use rusqlite::Connection;
use serde_json::Value;
use support::site::{Site, said};

const PHOTO: &str = "grace-hopper/01.jpg";

/// A door that was guarded once, and the heads that it told the journal.
fn guarded() -> (Site, Vec<String>) {
    let site = Site::new().enrolled("Grace", &[PHOTO]).frames(PHOTO, 2);
    let heads = guard(&site);
    assert_eq!(heads.len(), 2);
    (site, heads)
}

fn guard(site: &Site) -> Vec<String> {
    let (code, log) = site.start().end();
    assert_eq!(code, Some(0), "{log}");
    let heads = log
        .lines()
        .filter_map(|line| line.find("record head ").map(|at| line[at..].to_owned()));
    heads.collect()
}

fn public_key(site: &Site) -> String {
    let output = site.run(&["events", "--public-key"]);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// With other letters in its middle.
fn another(text: &str) -> String {
    let turned = |(at, c): (usize, char)| match (20..30).contains(&at) {
        true if c == 'A' => 'B',
        true => 'A',
        false => c,
    };
    text.chars().enumerate().map(turned).collect()
}

#[test]
fn heads_are_signed_and_the_public_key_tells() {
    let (site, heads) = guarded();
    let key = public_key(&site);
    assert!(
        heads.iter().all(|head| head.contains(" signed ")),
        "{heads:?}"
    );
    assert_eq!(site.count(Kind::HeadKey), 1);
    let verified = site.run(&["events", "--verify", "--key", &key, "--json"]);
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["signed_heads"], 2);
    assert_eq!(verified["signed_up_to"], verified["last"]);
    // From a file as well, and what the journal has.
    std::fs::write(site.at("key"), format!("{key}\n")).unwrap();
    site.journal(&heads);
    let file = site.at("key");
    let output = site.by_journal(&["--key", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("4 heads are signed"),
        "{}",
        said(&output)
    );
    // Of an earlier doorward, whose heads had no signature.
    let first = site.records()[0].to_json();
    let place = heads[0].split_once(" of ").unwrap().1;
    let old = format!(
        "record head 1:{} of {place}",
        first["hash"].as_str().unwrap()
    );
    site.journal(&[old, heads[1].clone()]);
    let output = site.by_journal(&["--key", &key]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("1 noted head is from before"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_head_with_a_wrong_signature_or_none_is_told_by_its_number() {
    let (site, heads) = guarded();
    let key = public_key(&site);
    let newest = site.log().head().unwrap().id;
    let told = |lines: &[String]| {
        site.journal(lines);
        let output = site.by_journal(&["--key", &key]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        said(&output)
    };
    let (head, rest) = heads[1].split_once(" signed ").unwrap();
    let (signature, place) = rest.split_once(" of ").unwrap();
    let without = told(&[format!("{head} of {place}")]);
    assert!(
        without.contains(&format!("record {newest} has no signature")),
        "{without}"
    );
    let forged = told(&[format!("{head} signed {} of {place}", another(signature))]);
    assert!(
        forged.contains(&format!(
            "record {newest} has a signature that is of no key"
        )),
        "{forged}"
    );

    let other = Site::new().enrolled("Grace", &[PHOTO]).frames(PHOTO, 2);
    guard(&other);
    let other_key = public_key(&other);
    assert_ne!(other_key, key);
    let output = site.run(&["events", "--verify", "--key", &other_key]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let said = site.fails(&["events", "--verify", "--key", "doorward-heads-1:AAAA"]);
    assert!(said.contains("no public key of heads"), "{said}");
}

#[test]
fn a_record_made_anew_without_the_key_is_found_out_by_the_database_alone() {
    let (site, _) = guarded();
    let key = public_key(&site);
    let raw = Connection::open(site.at("doorward.db")).unwrap();
    // Whoever can write it takes the signatures away, or puts others there.
    raw.execute("UPDATE signed_heads SET signature = zeroblob(64)", [])
        .unwrap();
    let output = site.run(&["events", "--verify", "--key", &key]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    raw.execute("DELETE FROM signed_heads", []).unwrap();
    let output = site.run(&["events", "--verify", "--key", &key]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("are in no head that is signed"),
        "{}",
        said(&output)
    );
    assert!(site.run(&["events", "--verify"]).status.success());
}

#[test]
fn a_change_of_keys_leaves_the_old_public_key_good() {
    let (site, mut heads) = guarded();
    let old = public_key(&site);
    site.run(&["rekey"]);
    let new = public_key(&site);
    assert_ne!(old, new);
    heads.extend(guard(&site));
    site.journal(&heads);
    for key in [&old, &new] {
        let output = site.by_journal(&["--key", key]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(
            said(&output).contains("8 heads are signed"),
            "{}",
            said(&output)
        );
    }
    // Whoever has no key hands nothing over.
    let raw = Connection::open(site.at("doorward.db")).unwrap();
    raw.execute(
        "UPDATE head_keys SET by_before = zeroblob(64) WHERE before NOT NULL",
        [],
    )
    .unwrap();
    let output = site.by_journal(&["--key", &old]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}
