//! Made-up input: what is right, changed a little at random, the same in every run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// Each of the seeds as it is, and then `count` changed ones, each to `taste`.
pub fn feed(seeds: &[Vec<u8>], count: usize, mut taste: impl FnMut(&[u8])) {
    assert!(!seeds.is_empty(), "nothing to change");
    for seed in seeds {
        taste(seed);
    }
    let mut random = fastrand::Rng::with_seed(seeds.len() as u64);
    for _ in 0..count {
        let mut bytes = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(1..8) {
            change(&mut bytes, seeds, &mut random);
        }
        taste(&bytes);
    }
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
    const STRANGE: [&[u8]; 8] = [
        b"18446744073709551616",
        b"-1",
        b"nan",
        b"\0",
        b"\xff\xfe",
        b"\n",
        b"\"",
        "\u{202e}".as_bytes(),
    ];
    let at = random.usize(..=bytes.len());
    let end = random.usize(at..=bytes.len().min(at + 64));
    match random.u8(..6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
        0 | 1 => bytes.insert(at, random.u8(..)),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        4 => {
            bytes.splice(
                at..end,
                STRANGE[random.usize(..STRANGE.len())].iter().copied(),
            );
        }
        _ => {
            let other = &seeds[random.usize(..seeds.len())];
            let from = random.usize(..=other.len());
            let to = random.usize(from..=other.len().min(from + 64));
            bytes.splice(at..at, other[from..to].iter().copied());
        }
    }
}
