//! The map of ARCHITECTURE.md holds: which room imports which, how long a file may be, and
//! that what people see and what is stored is spelt out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Lines a file of `src/` may have.
const MAX_LINES: usize = 450;

/// Files that are longer still. Nothing is added here.
const TOO_LONG: &[&str] = &[];

/// How often a file still writes a value by `{:?}`. Nothing is added here, and a number only
/// becomes smaller.
const DEBUG_WRITTEN: &[(&str, usize)] = &[];

/// Rooms that have rows already and are being built.
const COMING: &[&str] = &[];

/// Source text in parts: code without comments and with empty strings, and the strings.
struct Source {
    code: String,
    strings: Vec<String>,
}

impl Source {
    fn new(text: &str) -> Self {
        let (mut code, mut strings) = (String::new(), Vec::new());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let comment = rest.starts_with("//").then(|| rest.find('\n'));
            let after = if let Some(end) = comment {
                end.unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else if let Some((length, string)) = raw_string(rest) {
                code.push_str("\"\"");
                strings.push(string);
                length
            } else if next == '"' {
                let length = string_length(rest);
                code.push_str("\"\"");
                strings.push(rest[1..length - 1].to_owned());
                length
            } else if let Some(length) = character(rest) {
                code.push_str("' '");
                length
            } else {
                code.push(next);
                next.len_utf8()
            };
            rest = &rest[after..];
        }
        Self { code, strings }
    }
}

/// The length of `r"…"` or `r#"…"#` at the start, and what is in it.
fn raw_string(text: &str) -> Option<(usize, String)> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)?;
    Some((1 + hashes + 1 + end + close.len(), body[..end].to_owned()))
}

fn string_length(text: &str) -> usize {
    let mut escaped = true;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    panic!("a string without end: {text:.60}");
}

/// The length of a character such as `'"'`, but not of a lifetime.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let length = match body.strip_prefix('\\') {
        Some(escape) => 2 + escape.char_indices().skip(1).find(|(_, c)| *c == '\'')?.0,
        None => 1 + body.chars().next()?.len_utf8(),
    };
    (text[length..].starts_with('\'') && length < 12).then_some(length + 1)
}

/// A file of `src/` and its text.
struct File {
    /// Below `src/`.
    path: String,
    text: String,
}

impl File {
    /// The folder or file at the top that it belongs to.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.trim_end_matches(".rs")
    }

    /// How many modules deep it is: `super::` so often leads to the top.
    fn depth(&self) -> usize {
        let steps = self.path.split('/').count();
        steps - usize::from(self.path.ends_with("/mod.rs"))
    }

    /// What it imports from the top of the crate, by `crate::` or by climbing out.
    fn imports(&self) -> BTreeSet<String> {
        let code = Source::new(&self.text).code;
        let tight: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
        let tight = tight.replace(" ::", "::").replace(":: ", "::");
        let out = "super::".repeat(self.depth());
        let mut found = BTreeSet::new();
        for top in ["crate::", &out] {
            for (at, _) in tight.match_indices(top) {
                let joined = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                if tight[..at].ends_with(joined) {
                    continue;
                }
                let names = first_names(&tight[at + top.len()..]);
                // Inside a module in a file `super::` does not lead as far.
                found.extend(names.filter(|n| top == "crate::" || is_room(n)));
            }
        }
        found
    }
}

/// `a` of `a::b`; `a` and `b` of `{a::x, b::{c, d}}`
fn first_names(path: &str) -> impl Iterator<Item = String> {
    let mut names = Vec::new();
    let word = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '*'))
            .collect()
    };
    if path.starts_with('{') {
        let mut deep = 0;
        for (at, c) in path.char_indices() {
            match c {
                '{' => deep += 1,
                '}' => deep -= 1,
                _ => {}
            }
            if deep == 0 {
                break;
            }
            if deep == 1 && matches!(c, '{' | ',') {
                names.push(word(&path[at + 1..]));
            }
        }
    } else {
        names.push(word(path));
    }
    names.into_iter().filter(|name| !name.is_empty())
}

fn is_room(name: &str) -> bool {
    let src = support::project().join("src");
    src.join(name).is_dir() || src.join(format!("{name}.rs")).is_file()
}

fn files() -> Vec<File> {
    let src = support::project().join("src");
    let mut files = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(&src).unwrap();
                files.push(File {
                    path: below.to_str().unwrap().to_owned(),
                    text: std::fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    assert!(files.len() > 60, "only {} files were found", files.len());
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The table of ARCHITECTURE.md: room and what it may import.
fn allowed() -> Arrows {
    let text = std::fs::read_to_string(support::project().join("ARCHITECTURE.md")).unwrap();
    let table = text.split("| room | may import |").nth(1).unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let mut arrows = Arrows::new();
    for row in rows.filter(|row| !row.starts_with("|---")) {
        // Names are in back quotes; what else a cell says is for people.
        let mut cells = row.trim_matches('|').splitn(2, '|');
        let names = |cell: &str| -> BTreeSet<String> {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        let rooms = names(cells.next().unwrap());
        let targets = names(cells.next().unwrap());
        assert!(!rooms.is_empty(), "a row without a room: {row}");
        for room in rooms {
            let twice = arrows.insert(room, targets.clone());
            assert!(twice.is_none(), "a room has two rows: {row}");
        }
    }
    assert!(arrows.len() > 10, "the table has only {arrows:?}");
    arrows
}

/// The arrows that files draw, each with a file that does.
fn drawn(files: &[File]) -> BTreeMap<(String, String), String> {
    let mut arrows = BTreeMap::new();
    for file in files {
        // They join the rooms, and are none.
        if matches!(file.path.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        for target in file.imports() {
            if target != file.room() {
                arrows.insert((file.room().to_owned(), target), file.path.clone());
            }
        }
    }
    arrows
}

/// What a set of files does against the table.
fn violations(files: &[File], allowed: &Arrows) -> Vec<String> {
    let mut wrong: Vec<String> = drawn(files)
        .iter()
        .filter(|((from, to), _)| !allowed.get(from).is_some_and(|targets| targets.contains(to)))
        .map(|((from, to), file)| {
            format!("src/{file} imports crate::{to}, and ARCHITECTURE.md's table has no arrow from {from} to {to}")
        })
        .collect();
    let rooms: BTreeSet<&str> = files.iter().map(File::room).collect();
    wrong.extend(
        rooms
            .iter()
            .filter(|room| !matches!(**room, "lib" | "main") && !allowed.contains_key(**room))
            .map(|room| format!("src/{room} has no row in ARCHITECTURE.md's table")),
    );
    wrong
}

#[test]
fn rooms_import_only_what_the_map_allows() {
    let (files, allowed) = (files(), allowed());
    let drawn = drawn(&files);
    assert!(drawn.len() > 40, "only these imports were seen: {drawn:?}");
    // What stands in the code for certain was seen, of both kinds.
    for (from, to) in [
        ("access", "config"),
        ("vision", "embedding"),
        ("cli", "daemon"),
    ] {
        let arrow = (from.to_owned(), to.to_owned());
        assert!(drawn.contains_key(&arrow), "{from} -> {to} was overlooked");
    }
    let wrong = violations(&files, &allowed);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_the_map_does_not_allow_is_found_in_every_spelling() {
    let allowed = allowed();
    for (path, text) in [
        ("door/mod.rs", "use crate::whitelist::Match;"),
        (
            "door/mod.rs",
            "use crate::{config, whitelist::{self, Match}};",
        ),
        ("door/mod.rs", "fn f() { crate::whitelist::people(); }"),
        ("door/mod.rs", "use super::whitelist;"),
        ("door/relay/mod.rs", "use super::super::whitelist::Match;"),
        (
            "door/relay/file.rs",
            "use super::super::super::{whitelist};",
        ),
        (
            "door/mod.rs",
            "const A: &str = \"// {\"; use crate :: whitelist;",
        ),
        (
            "door/mod.rs",
            "fn f(c: char) { c == '\"' } use crate::whitelist;",
        ),
        (
            "door/mod.rs",
            "const A: &str = r#\"a \" b\"#; use crate::whitelist;",
        ),
        ("door/mod.rs", "impl<'a> A<'a> {} use crate::whitelist;"),
    ] {
        let file = File {
            path: path.into(),
            text: text.into(),
        };
        let wrong = violations(&[file], &allowed).join("\n");
        assert!(wrong.contains("from door to whitelist"), "{text}: {wrong}");
    }
    for text in [
        "// use crate::whitelist;",
        "/* use crate::whitelist; */",
        "const A: &str = \"use crate::whitelist;\";",
        "use super::Door; use mycrate::whitelist; use crate::config;",
    ] {
        let file = File {
            path: "door/relay/file.rs".into(),
            text: text.into(),
        };
        assert_eq!(violations(&[file], &allowed), [""; 0], "{text}");
    }
}

/// Rooms may be built one after the other because none knows what is built on it.
#[test]
fn the_map_has_no_circle() {
    let mut left = allowed();
    while !left.is_empty() {
        let rooms: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, targets| targets.iter().any(|target| rooms.contains(target)));
        assert!(left.len() < before, "a circle among {left:?}");
    }
}

#[test]
fn the_map_shows_no_arrow_that_nobody_needs() {
    let drawn = drawn(&files());
    for (from, targets) in allowed() {
        let known = is_room(&from) || COMING.contains(&&*from);
        assert!(
            known,
            "there is no src/{from}: take it out of ARCHITECTURE.md's table"
        );
        for to in targets {
            let both = is_room(&from) && is_room(&to);
            let arrow = (from.clone(), to);
            assert!(
                !both || drawn.contains_key(&arrow),
                "nothing in src/{} imports crate::{}: take it out of ARCHITECTURE.md's table",
                arrow.0,
                arrow.1
            );
        }
    }
}

#[test]
fn no_file_is_longer_than_one_can_hold_in_mind() {
    for File { path, text } in files() {
        let lines = text.lines().count();
        let listed = TOO_LONG.contains(&path.as_str());
        assert!(
            lines <= MAX_LINES || listed,
            "src/{path} has {lines} lines, more than {MAX_LINES}: split it by purpose"
        );
        assert!(
            lines > MAX_LINES || !listed,
            "src/{path} is short enough now: take it out of TOO_LONG"
        );
    }
    for path in TOO_LONG {
        assert!(
            support::project().join("src").join(path).exists(),
            "src/{path} is gone: take it out of TOO_LONG"
        );
    }
}

/// How often a text writes a value as `{:?}` does, tests left out: they stand at a file's end.
fn written_by_debug(text: &str) -> usize {
    let shown = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let debug = |string: &String| string.matches(":?}").count() + string.matches(":#?}").count();
    Source::new(shown).strings.iter().map(debug).sum()
}

/// What `{:?}` writes changes with a name in the code, escapes names of people, and is no
/// language of the people who read it.
#[test]
fn nothing_is_shown_or_stored_by_its_name_in_the_code() {
    assert_eq!(written_by_debug("f(\"{a:?} {:?} {:#?}\"); // {:?}"), 3);
    assert_eq!(
        written_by_debug("#[cfg(test)]\nmod tests { f(\"{:?}\") }"),
        0
    );
    let expected: BTreeMap<&str, usize> = DEBUG_WRITTEN.iter().copied().collect();
    let mut wrong = Vec::new();
    for File { path, text } in files() {
        let found = if path.ends_with("tests.rs") {
            0
        } else {
            written_by_debug(&text)
        };
        let allowed = expected.get(path.as_str()).copied().unwrap_or(0);
        if found != allowed {
            wrong.push(format!("(\"{path}\", {found}), not {allowed}"));
        }
    }
    for (path, _) in DEBUG_WRITTEN {
        let there = support::project().join("src").join(path).exists();
        assert!(there, "src/{path} is gone: take it out of DEBUG_WRITTEN");
    }
    assert!(
        wrong.is_empty(),
        "values written by {{:?}}; spell them out, or lower the number in DEBUG_WRITTEN:\n{}",
        wrong.join("\n")
    );
}

/// Names of tests in a document: what stands after `::` in backquotes.
fn named_tests(text: &str) -> BTreeSet<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.rsplit_once("::"))
        .map(|(_, name)| name)
        .filter(|name| {
            name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        })
        .collect()
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let mut code: String = files().into_iter().map(|file| file.text).collect();
    for entry in std::fs::read_dir(support::project().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "rs") {
            code += &std::fs::read_to_string(path).unwrap();
        }
    }
    for document in ["ARCHITECTURE.md", "SECURITY.md"] {
        let text = std::fs::read_to_string(support::project().join(document)).unwrap();
        let names = named_tests(&text);
        assert!(names.len() >= 8, "{document} names {} tests", names.len());
        for name in names {
            assert!(
                code.contains(&format!("fn {name}(")),
                "{document}: there is no test {name}"
            );
        }
    }
}
