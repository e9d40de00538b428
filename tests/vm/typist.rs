//! A keypad or a reader that types: `typist VENDOR PRODUCT LINK` makes an input device by
//! uinput, with a link to it, and types each line it is given, Enter after it; a line of `-`
//! presses Enter alone. It is unplugged when its input ends.

use std::fs::File;
use std::io::{BufRead, Write};
use std::mem::size_of;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::ioctl::{IntegerSetter, NoArg, Opcode, Setter, ioctl, opcode};

const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const KEY_ENTER: u16 = 28;
const KEY_A: u16 = 30;

/// `struct uinput_setup`: bus, vendor, product, version, name and effects.
#[repr(C)]
struct Setup {
    id: [u16; 4],
    name: [u8; 80],
    effects: u32,
}

const CREATE: Opcode = opcode::none(b'U', 1);
const SETUP: Opcode = opcode::write::<Setup>(b'U', 3);
const SET_EVENT: Opcode = opcode::write::<libc::c_int>(b'U', 100);
const SET_KEY: Opcode = opcode::write::<libc::c_int>(b'U', 101);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vendor, product, link] = &arguments[..] else {
        anyhow::bail!("usage: typist VENDOR PRODUCT LINK");
    };
    let number = |text: &str| u16::from_str_radix(text.trim_start_matches("0x"), 16);
    let mut device = File::options()
        .write(true)
        .open("/dev/uinput")
        .context("/dev/uinput")?;
    let mut setup = Setup {
        id: [3, number(vendor)?, number(product)?, 1],
        name: [0; 80],
        effects: 0,
    };
    let name = format!("typist {}", std::process::id());
    for (to, from) in setup.name.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: each call takes the kind of argument that uinput.h says.
    unsafe {
        ioctl(
            &device,
            IntegerSetter::<SET_EVENT>::new_usize(EV_KEY.into()),
        )?;
        for key in (1..=11).chain([KEY_ENTER, KEY_A]) {
            ioctl(&device, IntegerSetter::<SET_KEY>::new_usize(key.into()))?;
        }
        ioctl(&device, Setter::<SETUP, Setup>::new(setup))?;
        ioctl(&device, NoArg::<CREATE>::new())?;
    }
    let node = (0..100)
        .find_map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            node_of(&name)
        })
        .context("the device has no node")?;
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(node, link)?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let digits = line?;
        for key in digits.bytes().filter(|b| *b != b'-') {
            press(
                &mut device,
                match key {
                    b'0' => 11,
                    b'1'..=b'9' => u16::from(key - b'0') + 1,
                    _ => KEY_A,
                },
            )?;
        }
        press(&mut device, KEY_ENTER)?;
    }
    Ok(())
}

/// By its name, which is its own.
fn node_of(name: &str) -> Option<String> {
    let nodes = std::fs::read_dir("/sys/class/input").ok()?;
    let node = nodes.filter_map(|node| node.ok()).find(|node| {
        let text = std::fs::read_to_string(node.path().join("device/name"));
        node.file_name().to_string_lossy().starts_with("event")
            && text.is_ok_and(|text| text.trim() == name)
    })?;
    let path = format!("/dev/input/{}", node.file_name().to_string_lossy());
    std::path::Path::new(&path).exists().then_some(path)
}

fn press(device: &mut File, key: u16) -> anyhow::Result<()> {
    for (kind, code, value) in [
        (EV_KEY, key, 1i32),
        (EV_SYN, 0, 0),
        (EV_KEY, key, 0),
        (EV_SYN, 0, 0),
    ] {
        // The kernel puts in the time.
        let mut event = vec![0; 2 * size_of::<usize>()];
        event.extend(kind.to_ne_bytes());
        event.extend(code.to_ne_bytes());
        event.extend(value.to_ne_bytes());
        ensure!(device.write(&event)? == event.len(), "half an event");
    }
    Ok(())
}
