//! Has anything changed in front of the camera? Asked of every frame, so that the
//! networks run only when somebody may be there.
//!
//! Each cell of a coarse picture is compared with its own running mean. Light that
//! changes everywhere alike is taken out first; what stays is absorbed within seconds.
//! A person who stands still is absorbed too: whoever asks has to remember faces.

/// Fixed point: brightness in 1/256.
const ONE: i32 = 256;
/// A cell's mean moves towards what is seen by 1/16 of the difference a frame.
const ADAPT: i32 = 16;
/// Difference from the mean at which a cell has changed, in grey levels: four times what
/// sensor noise of 10 levels leaves of the mean of 16 pixels.
const MIN_CHANGE: i32 = 10 * ONE;
/// Cells that must have changed: a face of 40 pixels in a picture of 640x480 covers 25.
const MIN_CHANGED_CELLS: usize = 12;

/// The running means.
#[derive(Debug, Default)]
pub struct Motion {
    means: Vec<i32>,
}

impl Motion {
    /// Takes a frame's cells (0..=255 each) and says whether something moved. The first
    /// frame, and one with another number of cells, always counts as moved.
    pub fn step(&mut self, cells: &[u8]) -> bool {
        let seen = |cell: u8| i32::from(cell) * ONE;
        if self.means.len() != cells.len() {
            self.means.clear();
            self.means.extend(cells.iter().map(|c| seen(*c)));
            return true;
        }
        // The mean of what hardly changed: light that falls on all. A person who fills
        // half of the picture must not count as light.
        let (mut sum, mut quiet) = (0i64, 0i64);
        for (mean, cell) in self.means.iter().zip(cells) {
            let difference = seen(*cell) - mean;
            if difference.abs() < 2 * MIN_CHANGE {
                sum += i64::from(difference);
                quiet += 1;
            }
        }
        // Within i32: a mean of values below 2 * MIN_CHANGE.
        let light = (sum / quiet.max(1)) as i32;
        let mut changed = 0;
        for (mean, cell) in self.means.iter_mut().zip(cells) {
            let difference = seen(*cell) - *mean;
            changed += usize::from((difference - light).abs() > MIN_CHANGE);
            *mean += difference / ADAPT;
        }
        changed >= MIN_CHANGED_CELLS
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const CELLS: usize = 4800;

    /// A scene in 80 x 60 cells with light, noise and a square of other brightness in it.
    fn scene(
        light: f32,
        noise: u8,
        square: Option<(usize, usize)>,
        random: &mut fastrand::Rng,
    ) -> Vec<u8> {
        (0..CELLS)
            .map(|i| {
                let (x, y) = (i % 80, i / 80);
                let mut value = 60.0 + (x + y) as f32 * 0.6;
                if let Some((at, size)) = square
                    && (at..at + size).contains(&x)
                    && (20..20 + size).contains(&y)
                {
                    value = 160.0;
                }
                let noise = random.u8(0..=2 * noise) as f32 - f32::from(noise);
                (value * light + noise).clamp(0.0, 255.0) as u8
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

        #[test]
        fn noise_and_slow_light_are_no_motion_and_a_face_is(seed: u64, period in 200usize..2000) {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut motion = Motion::default();
            for frame in 0..300 {
                let light = 1.0 + 0.3 * (frame as f32 * std::f32::consts::TAU / period as f32).sin();
                let moved = motion.step(&scene(light, 4, None, &mut random));
                prop_assert_eq!(moved, frame == 0, "frame {}", frame);
            }
            prop_assert!(motion.step(&scene(1.0, 4, Some((30, 6)), &mut random)));
        }

        #[test]
        fn any_cells_are_safe(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut motion = Motion::default();
            for frame in frames {
                motion.step(&frame);
            }
        }
    }

    #[test]
    fn what_stays_is_absorbed_and_what_goes_is_motion_again() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut motion = Motion::default();
        for _ in 0..50 {
            motion.step(&scene(1.0, 2, None, &mut random));
        }
        let with = |motion: &mut Motion, random: &mut fastrand::Rng| {
            motion.step(&scene(1.0, 2, Some((10, 12)), random))
        };
        assert!(with(&mut motion, &mut random));
        for _ in 0..150 {
            with(&mut motion, &mut random);
        }
        assert!(!with(&mut motion, &mut random));
        assert!(motion.step(&scene(1.0, 2, None, &mut random)));
    }
}
