#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn keys(byte: u8) -> Keys {
    let text = format!("doorward-key-1:{}", format!("{byte:02x}").repeat(32));
    Keys::new(MasterKey::parse(&text).unwrap())
}

fn place() -> impl Strategy<Value = Place> {
    let part = prop_oneof![
        any::<i64>().prop_map(|number| Place::new("").number(number)),
        "[a-z]{0,3}".prop_map(|text| Place::new("").text(&text)),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(|bytes| Place::new("").blob(&bytes)),
        Just(Place::new("").nothing()),
    ];
    ("[a-z.]{0,4}", prop::collection::vec(part, 0..4)).prop_map(|(what, parts)| {
        let joined = parts.iter().fold(Vec::new(), |mut all, part| {
            all.extend_from_slice(part.bytes());
            all
        });
        Place::new(&what).blob(&joined)
    })
}

proptest! {
    #[test]
    fn what_is_sealed_opens_in_its_place_with_its_key_and_nowhere_else(
        plain in prop::collection::vec(any::<u8>(), 0..200),
        here in place(),
        there in place(),
        (at, bit) in (any::<prop::sample::Index>(), 0..8u32),
    ) {
        let sealed = keys(1).seal(&here, &plain).unwrap();
        prop_assert_eq!(sealed.len(), plain.len() + SEAL_BYTES);
        let opened = keys(1).open(&here, &sealed).unwrap();
        prop_assert_eq!(&*opened, &plain);
        prop_assert!(keys(2).open(&here, &sealed).is_none());
        if here != there {
            prop_assert!(keys(1).open(&there, &sealed).is_none());
            prop_assert_ne!(keys(1).look_up(&here, &plain), keys(1).look_up(&there, &plain));
        }
        let mut changed = sealed.clone();
        *at.get_mut(&mut changed) ^= 1 << bit;
        prop_assert!(keys(1).open(&here, &changed).is_none());
        prop_assert!(keys(1).open(&here, &sealed[..at.index(sealed.len())]).is_none());
        // A nonce is never used again.
        prop_assert_ne!(keys(1).seal(&here, &plain).unwrap(), sealed);
    }

    #[test]
    fn a_name_opens_for_its_person_with_its_key_and_nothing_else_does(
        name in "\\PC{0,40}",
        (person, other) in (any::<i64>(), any::<i64>()),
    ) {
        let (one, two) = (NameKey::generate().unwrap(), NameKey::generate().unwrap());
        let text = one.seal(person, &name).unwrap();
        prop_assert!(NameKey::is_sealed(&text));
        let again = NameKey::from_bytes(one.bytes()).unwrap();
        prop_assert_eq!(again.open(person, &text), Some(name.clone()));
        prop_assert_eq!(again.seal(person, &name).unwrap(), text.clone());
        prop_assert_eq!(two.open(person, &text), None);
        prop_assert!(person == other || one.open(other, &text).is_none());
        prop_assert_eq!(one.open(person, &name), None);
        prop_assert!(!NameKey::is_sealed(&name) || name.starts_with('#'));
    }

    #[test]
    fn no_text_but_a_key_is_one(text in "(doorward-key-1:)?\\PC{0,70}") {
        if let Ok(key) = MasterKey::parse(&text) {
            let again = key.to_text();
            prop_assert_eq!(again.trim_end(), text.trim_end().to_lowercase());
        }
    }
}

/// RFC 5869 and draft-irtf-cfrg-xchacha are the crates' business; that what lies on a card can
/// be opened by every later doorward is ours.
#[test]
fn what_an_earlier_doorward_sealed_opens() {
    let keys = keys(7);
    assert_eq!(keys.id().to_string(), KEY_7_ID);
    let sealed: Vec<u8> = (0..SEALED_BY_KEY_7.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&SEALED_BY_KEY_7[at..at + 2], 16).unwrap())
        .collect();
    let place = Place::new("templates.vector")
        .number(12)
        .number(3)
        .text("m");
    assert_eq!(keys.open(&place, &sealed).unwrap().as_slice(), b"a vector");
}

const KEY_7_ID: &str = "44a8f41c3b8f3af3";
const SEALED_BY_KEY_7: &str = "01d16089ccd085267c14b4dde291e5dcc32042cfd75bb5fd38fa70bcf899e97c74cff0b234353afa17ca76c8036eaec47d";

fn written(folder: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn each_thing_that_is_wrong_with_a_key_is_told_in_a_sentence_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("doorward.db");
    let sources = Sources::with(None, &database);
    let wanted = keys(1).id();
    let told = || match sources.find(wanted) {
        Ok((keys, place)) => panic!("{keys:?} {place:?}"),
        Err(error) => error.to_string(),
    };
    assert!(told().contains("is missing"), "{}", told());
    let good = keys(1).master().to_text();
    let file = "doorward.db-key";
    for (text, mode, what) in [
        (
            good.as_str(),
            0o640,
            "others than its owner can use (mode 640)",
        ),
        (
            keys(2).master().to_text().as_str(),
            0o600,
            "and the database is sealed with key",
        ),
        ("", 0o600, "is no key: it does not begin with"),
        ("doorward-key-1:0011", 0o600, "it has 4 characters"),
        (
            &good.replace('0', "x"),
            0o600,
            "something else than hexadecimal digits",
        ),
    ] {
        let path = written(folder.path(), file, text, mode);
        let told = told();
        assert!(
            told.contains(what) && told.contains(path.to_str().unwrap()),
            "{told}"
        );
        assert!(!told.contains("0101"), "{told}");
    }
    std::fs::remove_file(folder.path().join(file)).unwrap();
    let elsewhere = written(folder.path(), "elsewhere", &good, 0o600);
    std::os::unix::fs::symlink(elsewhere, folder.path().join(file)).unwrap();
    assert!(told().contains("cannot be read"), "{}", told());
}

#[test]
fn a_key_is_made_once_and_the_one_that_fits_is_taken_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("doorward.db");
    let sources = Sources::with(None, &database);
    let (made, place) = sources.find_or_make().unwrap();
    assert_eq!(place, KeyPlace::File);
    let mode = std::fs::metadata(beside(&database))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(sources.find_or_make().unwrap().0.id(), made.id());
    assert_eq!(sources.find(made.id()).unwrap().1, KeyPlace::File);
    // A change of keys that was committed, and whose file was not renamed any more.
    write_next(&database, &keys(3));
    assert_eq!(sources.find(keys(3).id()).unwrap().1, KeyPlace::Next);
    assert_eq!(sources.find(made.id()).unwrap().1, KeyPlace::File);
    // systemd's comes first; one that is not the database's stands in nobody's way.
    let credentials = tempfile::tempdir().unwrap();
    written(
        credentials.path(),
        CREDENTIAL,
        &made.master().to_text(),
        0o440,
    );
    let sources = Sources::with(Some(credentials.path()), &database);
    assert!(sources.has_credential());
    assert_eq!(sources.find(made.id()).unwrap().1, KeyPlace::Credential);
    assert_eq!(sources.find(keys(3).id()).unwrap().1, KeyPlace::Next);
    assert!(!format!("{made:?}").contains(made.master().to_text().trim_end()));
}

fn write_next(database: &Path, keys: &Keys) {
    source::write_new(&next_beside(database), keys.master()).unwrap();
}
