#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| doorward_fuzz::configure(text));
