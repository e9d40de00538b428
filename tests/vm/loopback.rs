//! Feeds a v4l2loopback camera at 15 frames a second.
//!
//! - `loopback play DEVICE FOLDER [bare]`: the folder's JPEG files as MJPG, again and
//!   again; with `bare` without their Huffman tables, as UVC cameras send them.
//! - `loopback pipe DEVICE`: what comes on standard input, YU12 of 640x480, until it ends.
//! - `loopback latency DEVICE LINE TIMES NOBODY LISTED`: raw YUYV files of 640x480. Shows
//!   nobody, then the listed person until the GPIO line's value file LINE reads 1, and
//!   prints how long each took from the first frame that was fed, and the distribution.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use v4l::video::Output;
use v4l::{Device, Format, FourCC};

const EVERY: Duration = Duration::from_millis(67);
const YUYV_FRAME: usize = 640 * 480 * 2;
const YU12_FRAME: usize = 640 * 480 * 3 / 2;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["play", device, folder] => play(device, folder, false),
        ["play", device, folder, "bare"] => play(device, folder, true),
        ["pipe", device] => pipe(device),
        ["latency", device, line, times, nobody, listed] => latency(
            device,
            Path::new(line),
            times.parse()?,
            &std::fs::read(nobody)?,
            &std::fs::read(listed)?,
        ),
        _ => bail!("usage: see the top of this file"),
    }
}

/// The feeding end of the camera.
struct Feed {
    device: Device,
    next: Instant,
}

impl Feed {
    fn open(device: &str, fourcc: &[u8; 4]) -> anyhow::Result<Self> {
        let device = Device::with_path(device).context(device.to_owned())?;
        let asked = Format::new(640, 480, FourCC::new(fourcc));
        let got = Output::set_format(&device, &asked)?;
        ensure!(&got.fourcc.repr == fourcc, "the device insists on {got}");
        Ok(Self {
            device,
            next: Instant::now(),
        })
    }

    /// Waits for the frame's time and gives it to the camera.
    fn show(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        self.next = (self.next + EVERY).max(Instant::now());
        // SAFETY: the descriptor is open for as long as the device, and not closed here.
        let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(self.device.handle().fd()) });
        Ok(file.write_all(frame)?)
    }
}

fn play(device: &str, folder: &str, bare: bool) -> anyhow::Result<()> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    paths.sort();
    let mut frames = Vec::new();
    for path in paths {
        let frame = std::fs::read(&path)?;
        frames.push(if bare {
            without_tables(&frame).with_context(|| path.display().to_string())?
        } else {
            frame
        });
    }
    let mut feed = Feed::open(device, b"MJPG")?;
    loop {
        for frame in &frames {
            feed.show(frame)?;
        }
    }
}

fn pipe(device: &str) -> anyhow::Result<()> {
    let mut feed = Feed::open(device, b"YU12")?;
    let mut frame = vec![0; YU12_FRAME];
    let mut frames = std::io::stdin().lock();
    loop {
        match frames.read_exact(&mut frame) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        feed.show(&frame)?;
    }
}

/// A JPEG without its DHT segments; the encoder uses the standard's tables.
fn without_tables(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = bytes.get(..2).context("not a JPEG")?.to_vec();
    let mut at = 2;
    loop {
        let [_, marker, high, low] = *bytes.get(at..at + 4).context("cut off")? else {
            bail!("cut off");
        };
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        match marker {
            0xda => {
                out.extend(&bytes[at..]);
                return Ok(out);
            }
            0xc4 => {}
            _ => out.extend(bytes.get(at..end).context("cut off")?),
        }
        at = end;
    }
}

fn latency(
    device: &str,
    line: &Path,
    times: usize,
    nobody: &[u8],
    listed: &[u8],
) -> anyhow::Result<()> {
    let is_high = || -> anyhow::Result<bool> { Ok(std::fs::read_to_string(line)?.trim() == "1") };
    let mut feed = Feed::open(device, b"YUYV")?;
    // The end of the approach: a face near enough, so that recognition alone is timed.
    let frames: Vec<&[u8]> = listed.chunks_exact(YUYV_FRAME).collect();
    let near = &frames[frames.len() / 2..];
    let mut took_ms = Vec::new();
    for visit in 0..times {
        let mut calm = 0;
        for frame in nobody.chunks_exact(YUYV_FRAME).cycle() {
            feed.show(frame)?;
            calm = if is_high()? { 0 } else { calm + 1 };
            if calm == 10 {
                break;
            }
        }
        let start = Instant::now();
        for frame in near.iter().cycle() {
            feed.show(frame)?;
            // Looks more often than it feeds.
            while feed.next.saturating_duration_since(Instant::now()) > Duration::from_millis(4)
                && !is_high()?
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            if is_high()? {
                break;
            }
            ensure!(
                start.elapsed() < Duration::from_secs(30),
                "visit {visit}: the line does not go high"
            );
        }
        took_ms.push(start.elapsed().as_millis());
    }
    took_ms.sort_unstable();
    let at = |percent: usize| took_ms[(took_ms.len() - 1) * percent / 100];
    println!(
        "unlock latency in ms, first frame fed to line high, {} visits: min {} p25 {} p50 {} p75 {} p95 {} max {}",
        took_ms.len(),
        at(0),
        at(25),
        at(50),
        at(75),
        at(95),
        at(100)
    );
    Ok(())
}
