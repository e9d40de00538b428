//! What the machine around the daemon is like: disk, clock, service.

use std::path::Path;
use std::process::{Command, Output};

use super::{Report, Verdict};
use crate::files;

/// Under this the record of a busy door is soon cut short, in bytes.
const MIN_FREE_DISK_BYTES: u64 = 100 << 20;
/// As sd_booted(3) has it.
const BOOTED_BY_SYSTEMD: &str = "/run/systemd/system";
/// A unit of the package, and what it has as shipped and systemd reports when it is in force.
struct Unit {
    part: &'static str,
    name: &'static str,
    file: &'static str,
    wanted: &'static [(&'static str, &'static str)],
    watchdog: &'static str,
    /// What it runs after its end, whatever ended it.
    after_the_end: Option<&'static str>,
}

const DAEMON: Unit = Unit {
    part: "service",
    name: "doorward.service",
    file: "systemd/doorward.service",
    wanted: &[
        ("DevicePolicy", "closed"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("PrivateNetwork", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("LimitCORE", "0"),
    ],
    watchdog: "WatchdogSec=10",
    after_the_end: None,
};
const GUARDIAN: Unit = Unit {
    part: "guardian",
    name: "doorward-relay.service",
    file: "systemd/doorward-relay.service",
    wanted: &[
        ("DevicePolicy", "closed"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("PrivateNetwork", "yes"),
        ("Restart", "always"),
    ],
    watchdog: "WatchdogSec=2",
    after_the_end: Some("relay lock"),
};

pub(super) fn check_disk(database: &Path, report: &mut Report) {
    let folder = files::folder(database);
    let result = rustix::fs::statvfs(folder)
        .map_err(|error| {
            let error = std::io::Error::from(error);
            anyhow::anyhow!("cannot look at the disk of {}: {error}; make the folder, or set whitelist.database", folder.display())
        })
        .and_then(|disk| {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = if disk.f_blocks == 0 {
                format!("{} is in memory, and has no size of its own", folder.display())
            } else {
                format!("{} MiB free in {}", free >> 20, folder.display())
            };
            anyhow::ensure!(
                !disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
                "{} is read-only: a grant that cannot be put on record does not open the door; remount it, or replace the card", folder.display()
            );
            // Filesystems in memory have no size of their own.
            anyhow::ensure!(
                free >= MIN_FREE_DISK_BYTES || disk.f_blocks == 0,
                "{text}: a full disk keeps the door locked; make room, or lower audit.keep_days"
            );
            Ok(text)
        });
    report.result("disk", result);
}

pub(super) fn check_clock(report: &mut Report) {
    let part = "clock";
    let now = jiff::Timestamp::now().strftime("%F %T UTC");
    match property(Command::new("timedatectl").args(["show", "-p", "NTPSynchronized", "--value"])) {
        Some(said) if said == "yes" => {
            report.add(part, Verdict::Ok, format!("{now}, synchronised"));
        }
        Some(said) if said == "no" => report.add(
            part,
            Verdict::Wrong,
            format!("{now}, not synchronised: the record will have wrong times; `sudo timedatectl set-ntp true`, or fit a clock chip"),
        ),
        _ => report.add(
            part,
            Verdict::Unknown,
            format!("{now}; whether it is synchronised cannot be told here (no timedatectl)"),
        ),
    }
}

pub(super) fn check_service(report: &mut Report) {
    for unit in [DAEMON, GUARDIAN] {
        check_unit(&unit, report);
    }
    check_lock_at_boot(report);
}

fn check_unit(unit: &Unit, report: &mut Report) {
    let part = unit.part;
    let mut names: Vec<&str> = unit.wanted.iter().map(|(name, _)| *name).collect();
    names.extend(["LoadState", "ActiveState", "WatchdogUSec", "ExecStopPost"]);
    let said =
        property(Command::new("systemctl").args(["show", unit.name, "-p", &names.join(",")]));
    let Some(said) = said else {
        report.add(part, Verdict::Unknown, "systemd does not answer here");
        return;
    };
    let value = |name: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    if value("LoadState") != "loaded" {
        let text = format!(
            "not installed: install the package, or put {} in place",
            unit.file
        );
        report.add(part, Verdict::Unknown, text);
        return;
    }
    let wanted = unit.wanted.iter();
    let mut missing: Vec<String> = wanted
        .filter(|(name, wanted)| value(name) != *wanted)
        .map(|(name, wanted)| format!("{name}={wanted}"))
        .collect();
    // Only known while it runs.
    if value("ActiveState") == "active" && matches!(value("WatchdogUSec"), "" | "0" | "infinity") {
        missing.push(unit.watchdog.into());
    }
    if let Some(command) = unit.after_the_end
        && !value("ExecStopPost").contains(command)
    {
        missing.push(format!("ExecStopPost=/usr/bin/doorward {command}"));
    }
    if missing.is_empty() {
        let text = format!("{}, as it was shipped", value("ActiveState"));
        report.add(part, Verdict::Ok, text);
    } else {
        report.add(
            part,
            Verdict::Wrong,
            format!(
                "the unit lacks {}: see `systemctl cat {}` for what was overridden",
                missing.join(", "),
                unit.name
            ),
        );
    }
}

fn check_lock_at_boot(report: &mut Report) {
    let asked = Command::new("systemctl")
        .args(["is-enabled", "doorward-lock.service"])
        .output();
    let part = "lock at boot";
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let is_booted = Path::new(BOOTED_BY_SYSTEMD).is_dir();
    match asked.as_ref().map(said).as_deref() {
        Ok("enabled") => {}
        // In a container systemctl is there, and nothing that answers it.
        Ok(said) if is_booted || !matches!(said, "" | "not-found") => report.add(
            part,
            Verdict::Wrong,
            "off: the relay keeps what firmware and wiring left until the daemon starts; `sudo systemctl enable doorward-lock`",
        ),
        _ => report.add(part, Verdict::Unknown, "not checked: no systemd"),
    }
}

/// What a command printed; `None` if it is not there or failed.
fn property(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .filter(|said| !said.is_empty())
}
