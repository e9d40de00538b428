//! Holds one thread of a process still, as a driver that never returns would:
//! `freeze PID THREAD`, until it is killed. Prints `held` once the thread stands.

use anyhow::{Context, ensure};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [process, name] = &arguments[..] else {
        anyhow::bail!("usage: freeze PID THREAD");
    };
    let tasks = format!("/proc/{process}/task");
    let thread = std::fs::read_dir(&tasks)
        .with_context(|| tasks.clone())?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|id| {
            std::fs::read_to_string(format!("{tasks}/{id}/comm")).is_ok_and(|c| c.trim() == name)
        })
        .with_context(|| format!("process {process} has no thread {name}"))?;
    let id: libc::pid_t = thread.parse()?;
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: with null addresses ptrace touches no memory of this process.
    unsafe {
        ensure!(
            libc::ptrace(libc::PTRACE_SEIZE, id, none, none) == 0,
            "cannot seize: {}",
            std::io::Error::last_os_error()
        );
        ensure!(
            libc::ptrace(libc::PTRACE_INTERRUPT, id, none, none) == 0,
            "cannot hold: {}",
            std::io::Error::last_os_error()
        );
        let mut status = 0;
        libc::waitpid(id, &mut status, libc::__WALL);
        println!("held");
        // Until it dies of a signal that cannot wait; who holds it has to bury it.
        while libc::waitpid(id, &mut status, libc::__WALL) == id && libc::WIFSTOPPED(status) {}
    }
    Ok(())
}
