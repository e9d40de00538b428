#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::embedding::{Embedding, ModelVersion};
use crate::evidence::rates::Side;
use crate::scoring::Scoring;

fn parsed(text: &str) -> Vec<(String, String)> {
    let groups = Groups::parse(text.as_bytes()).unwrap();
    groups.of.into_iter().collect()
}

#[test]
fn groups_are_read_as_spreadsheets_write_them() {
    let expected = [("Doe, \"J\"", "a b"), ("Zoë", "c")].map(|(p, g)| (p.into(), g.into()));
    for text in [
        "\"Doe, \"\"J\"\"\",a b\nZoë,c",
        "person,group\r\n\"Doe, \"\"J\"\"\" , a b \r\n\r\nZoë,c\r\n",
        "\u{feff}Name;Group\nZoe\u{308};c\n\"Doe, \"\"J\"\"\";a b\n",
    ] {
        assert_eq!(parsed(text), expected, "{text}");
    }
    // Folders may be spelt otherwise.
    let groups = Groups::parse("Zoë,c".as_bytes()).unwrap();
    assert_eq!(groups.of("Zoe\u{308}"), Some("c"));
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let cases: [(&[u8], usize, &str); 11] = [
        (b"ada,a\nbob", 2, "it has 1 columns"),
        (b"ada,a\nDoe, Jane,b", 2, "it has 3 columns"),
        (b"person,group\n\nada,a,\n", 3, "it has 3 columns"),
        (b",a", 1, "names no person"),
        (b"ada,a\nbob,", 2, "\"bob\" has no group"),
        (
            b"ada,a\nbob,b\nada,c",
            3,
            "\"ada\" has a group already, in line 1",
        ),
        (b"ada,a\n\"bob,b", 2, "quotes do not enclose"),
        (b"ada,a\n\"bob\"s,b", 2, "quotes do not enclose"),
        (b"group,person\na,ada", 1, "write person,group"),
        (b"ada,a\ncaf\xe9,b", 2, "not UTF-8"),
        (b"ada,a\n\x1b[2J,", 2, "\\u{1b}"),
    ];
    for (text, line, words) in cases {
        let (at, mistake) = Groups::parse(text).unwrap_err();
        let said = mistake.to_string();
        assert!(at == line && said.contains(words), "line {at}: {said}");
    }
}

proptest! {
    /// Whatever is in the file, it is read or a line of it is named.
    #[test]
    fn no_bytes_break_the_reader(bytes: Vec<u8>) {
        let lines = bytes.split(|b| *b == b'\n').count();
        if let Err((line, _)) = Groups::parse(&bytes) {
            prop_assert!((1..=lines).contains(&line));
        }
    }

    /// What is written by the rules is read back, whatever the names.
    #[test]
    fn quoted_names_read_back(names in proptest::collection::btree_set("[^\\r\\n]{1,12}", 1..8)) {
        let trimmed = |name: &String| name.trim().nfc().collect::<String>();
        let names: std::collections::BTreeSet<String> =
            names.iter().map(trimmed).filter(|name| !name.is_empty()).collect();
        let mut text = String::from("person,group\n");
        for name in &names {
            text += &format!("\"{}\",g\n", name.replace('"', "\"\""));
        }
        let read: std::collections::BTreeSet<String> =
            Groups::parse(text.as_bytes()).unwrap().of.into_keys().collect();
        prop_assert_eq!(read, names);
    }
}

#[test]
fn only_pairs_within_a_group_count_and_few_are_said_to_be_few() {
    let side = |person: usize, angle: f32| {
        let values = vec![angle.cos(), angle.sin()];
        let face = Embedding::new(&ModelVersion::new("m"), values).unwrap();
        Side::new(person, &[&face], &Scoring::default()).unwrap()
    };
    // Six people who all look alike, two who do not, and one without a group.
    let mut sides: Vec<Side> = (0..6).flat_map(|p| [side(p, 0.0), side(p, 0.01)]).collect();
    sides.extend([side(6, 1.5), side(7, 3.0), side(8, 0.0)]);
    let people: Vec<String> = (0..9).map(|p| format!("p{p}")).collect();
    let list = "p0,x\np1,x\np2,x\np3,x\np4,x\np5,x\np6,y\np7,y\nelse,y\n";
    let groups = Groups::parse(list.as_bytes()).unwrap();
    let scores = Scores::of_all_pairs(&sides, &Scoring::default());
    let all: Vec<usize> = (0..9).collect();
    let told = within(&groups, &people, &all, &scores, &[("half".into(), 0.5)]);
    let [x, y] = &told.groups[..] else {
        panic!("two groups")
    };
    assert_eq!((x.people, x.pairs, x.at[0].matches), (6, 60, 60));
    assert_eq!((x.at[0].fmr, x.at[0].warning), (Some(1.0), None));
    assert_eq!((y.people, y.pairs, y.at[0].matches), (2, 1, 0));
    assert_eq!(y.at[0].warning, Some(Doubt::FewPairs));
    assert_eq!(told.without, ["p8"]);
    assert_eq!(told.unknown, ["else"]);
}
