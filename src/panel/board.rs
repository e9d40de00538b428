//! What the panel's process has in hand: lines and devices, or the folder that stands for them.

use std::os::fd::BorrowedFd;

use super::core::Input;
use super::lines::Lines;
use super::simulated::Simulated;
use crate::config::{self, PanelDriver};
use crate::gpio::LineError;

/// The hardware, or what stands for it. Dropping it makes the outputs dark.
pub(crate) trait Board {
    /// What becomes readable when something happens.
    fn watched(&self) -> Vec<BorrowedFd<'_>>;

    /// Everything that has happened, in the order of each part.
    fn read(&mut self, happened: &mut Vec<Input>);

    /// Looks at what makes no noise: levels, and parts that are lost and may be back. To be
    /// called about once a second.
    fn look(&mut self, happened: &mut Vec<Input>);

    /// Lights an output, by its place among their names, or makes it dark. One that is lost
    /// is lit when it is back.
    fn light(&mut self, output: usize, lit: bool, happened: &mut Vec<Input>);
}

/// Why there is no panel.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// A line cannot be used.
    #[error("[{section}]: {source}")]
    Line {
        section: String,
        /// Why.
        source: LineError,
    },
    /// The two lines of a reader have to be told apart in time.
    #[error("panel.wiegand.d0 and panel.wiegand.d1 have to be two lines of one chip")]
    TwoChips,
    /// The folder that stands for the wires cannot be used.
    #[error(
        "the simulated panel cannot have {what}: {source}; set panel.state_dir to a folder of its own"
    )]
    Folder {
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Takes hold of everything; the outputs are dark then. `None` where there is no panel.
///
/// # Errors
/// [`BoardError`]. A keypad that is not plugged in is none: it is lost.
pub(crate) fn open(panel: &config::Panel) -> Result<Option<Box<dyn Board>>, BoardError> {
    Ok(match panel.driver {
        PanelDriver::None => None,
        PanelDriver::Gpiochip => Some(Box::new(Lines::open(panel)?)),
        PanelDriver::Simulated => Some(Box::new(Simulated::open(panel)?)),
    })
}
