//! In whose hands the files are that decide who is let in, and whether they are those that
//! doorward came with.

use std::path::Path;

use super::{Report, Verdict};
use crate::config::{Config, Models};
use crate::daemon::strict;
use crate::vision::library::{self, Known};
use crate::vision::manifest::Manifest;

pub(super) fn check_hands(path: &Path, config: &Config, report: &mut Report) {
    let part = "ownership";
    let configuration = strict::configuration(path, config);
    let others = config.daemon.strict_modes.then(|| {
        [
            strict::models(&config.models),
            strict::database(&config.whitelist.database),
        ]
    });
    let all = std::iter::once(configuration).chain(others.into_iter().flatten());
    let mut lines: Vec<String> = Vec::new();
    for line in all.filter_map(Result::err).flat_map(|e| e.lines()) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let is_well = lines.is_empty();
    for line in lines {
        report.add(part, Verdict::Wrong, line);
    }
    if !config.daemon.strict_modes {
        let text = "daemon.strict_modes is false: who else could change models, runtime and database was not looked at";
        report.add(part, Verdict::Unknown, text);
    } else if is_well {
        let text = "configuration, models, runtime and database can be changed by nobody but root and this user";
        report.add(part, Verdict::Ok, text);
    }
}

pub(super) fn check_set(models: &Models, report: &mut Report) {
    let Ok(manifest) = Manifest::load(&models.dir) else {
        return;
    };
    if !manifest.is_shipped() {
        let text = format!(
            "its manifest is not the one this doorward came with, so its hashes say nothing of who wrote it; if networks or calibration are your own, note its SHA-256: {}",
            manifest.sha256()
        );
        report.add("model set", Verdict::Unknown, text);
    }
    let runtime = models.runtime.display();
    match library::known(&manifest, models) {
        Ok(Known::Listed(version)) => report.add(
            "runtime",
            Verdict::Ok,
            format!("{runtime}, ONNX Runtime {version} as the manifest has it"),
        ),
        Ok(Known::Pinned) => report.add(
            "runtime",
            Verdict::Ok,
            format!("{runtime}, as models.runtime_sha256 says"),
        ),
        Ok(Known::Unknown(sha256)) => report.add(
            "runtime",
            Verdict::Unknown,
            format!("{runtime}: the manifest knows none for this machine; if it is the right one, set models.runtime_sha256 = \"{sha256}\""),
        ),
        Err(error) => report.add("runtime", Verdict::Wrong, error.to_string()),
    }
}
