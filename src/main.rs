//! The `doorward` program; see the library for everything.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Newer ONNX Runtimes send usage data unless told not to before they are loaded.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    doorward::cli::main()
}
