//! Any text as a configuration: understood, or told what is wrong with it.
#![no_main]

use std::path::Path;

use doorward::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Config::parse(text, Path::new("doorward.toml")) {
        assert!(error.to_string().contains("doorward.toml"));
    }
});
