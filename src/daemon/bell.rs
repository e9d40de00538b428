//! Wakes the thread of the control socket, which waits for file descriptors.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The other threads' end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bell(Option<Arc<UnixStream>>);

impl Bell {
    /// A bell, and what can be read when it was rung.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn pair() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        Ok((Self(Some(Arc::new(ours))), theirs))
    }

    /// Never waits.
    pub(crate) fn ring(&self) {
        if let Some(mut bell) = self.0.as_deref() {
            // Full is rung.
            let _ = bell.write(&[0]);
        }
    }
}
