//! The configuration as people meet it: files, snippets, mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use doorward::config::{Config, ConfigError};

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("test.toml")).map_err(|e: ConfigError| e.to_string())
}

#[test]
fn the_shipped_file_shows_every_default() {
    let text = std::fs::read_to_string(support::project().join("config/doorward.toml")).unwrap();
    assert_eq!(parse(&text).unwrap(), Config::default());

    // And every key: what a default is written as must be in the file, key for key.
    let written: toml::Table =
        toml::from_str(&toml::to_string(&Config::default()).unwrap()).unwrap();
    let shown: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(keys(&written), keys(&shown));
}

fn keys(table: &toml::Table) -> Vec<String> {
    let mut all: Vec<String> = table
        .iter()
        .flat_map(|(key, value)| match value {
            toml::Value::Table(inner) => keys(inner)
                .into_iter()
                .map(|k| format!("{key}.{k}"))
                .collect(),
            _ => vec![key.clone()],
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_snippet_in_the_docs_is_a_valid_configuration() {
    let mut snippets = 0;
    for name in ["README.md", "ARCHITECTURE.md", "models/README.md"] {
        let text = std::fs::read_to_string(support::project().join(name)).unwrap();
        for block in text.split("```toml").skip(1) {
            let snippet = block.split("```").next().unwrap();
            parse(snippet).unwrap_or_else(|e| panic!("{name}: {e}\n{snippet}"));
            snippets += 1;
        }
    }
    assert!(snippets >= 3, "only {snippets} snippets found");
    let demo = support::project().join("config/demo.toml");
    Config::load(&demo).unwrap();
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in [
        ("[camera\n", "test.toml:1:8"),
        (
            "[access]\nframes = 3\nthreshhold = 0.8\n",
            "test.toml:3:1: unknown field `threshhold`",
        ),
        ("[access]\nthreshold = 75\n", "test.toml:2:13: "),
        (
            "[access]\nthreshold = 0.1\n",
            "test.toml:2:13: threshold: 0.1 is out of range: a score",
        ),
        (
            "[access]\nthreshold = nan\n",
            "test.toml:2:13: threshold: NaN is out of range",
        ),
        (
            "[door]\npulse_ms = 0\n",
            "test.toml:2:12: pulse_ms: 0 is out of range: milliseconds, from 100 to 30000",
        ),
        ("[door]\npulse_ms = -1\n", "test.toml:2:12: "),
        (
            "[relay]\ndriver = \"magic\"\n",
            "test.toml:2:10: driver: unknown variant `magic`",
        ),
        (
            "[vision]\nthresholds = [0.6, 0.7, 1.7]\n",
            "test.toml:2:14: thresholds: 1.7 is out of range",
        ),
        (
            "[camera]\nfps = 1\n[access]\nframes = 5\n",
            "test.toml:3:1: access.frames = 5 frames at camera.fps = 1 take 4000 ms",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            error.starts_with(expected),
            "{text:?}\n  gave     {error}\n  expected {expected}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn the_relay_can_be_read_past_mistakes_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("doorward.toml");
    std::fs::write(
        &file,
        "[access]\nthreshhold = 2\n[relay]\nline = \"GPIO4\"\nstate_file = \"r\"\n",
    )
    .unwrap();
    assert!(Config::load(&file).is_err());
    let relay = Config::load_relay(&file).unwrap();
    assert_eq!(relay.state_file, dir.path().join("r"));
    assert_eq!(relay.line, doorward::config::Line::Name("GPIO4".into()));

    let missing = Config::load(&dir.path().join("none.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("none.toml") && missing.contains("--config"),
        "{missing}"
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
