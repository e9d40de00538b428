//! So many clients of a socket for so long: half of them stall in the middle of a line, the
//! others ask and never read, and whoever is dropped comes again.
//!
//! `flood SOCKET COUNT SECONDS`; prints how many connections it made.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const STALLED: &[u8] = b"{\"id\":1,\"do\":\"sta";
const ASKING: &[u8] =
    b"{\"id\":1,\"do\":\"watch\",\"since\":0}\n{\"id\":2,\"do\":\"status\"}\n{\"id\":3,\"do\":\"mode\",\"mode\":\"normal\"}\n";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, count, seconds] = &arguments[..] else {
        bail!("usage: flood SOCKET COUNT SECONDS");
    };
    let (count, seconds): (usize, u64) = (count.parse()?, seconds.parse()?);
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised)?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut clients: Vec<Option<UnixStream>> = Vec::new();
    clients.resize_with(count, || None);
    let mut made = 0u64;
    while Instant::now() < until {
        for (n, place) in clients.iter_mut().enumerate() {
            let said = if n % 2 == 0 { STALLED } else { ASKING };
            let is_alive = match place {
                Some(stream) if n % 2 == 1 => is_taken(stream.write(said)),
                Some(_) => !made.is_multiple_of(7),
                None => false,
            };
            if is_alive {
                continue;
            }
            let Ok(mut stream) = UnixStream::connect(socket) else {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            };
            stream.set_nonblocking(true)?;
            let _ = stream.write(said);
            *place = Some(stream);
            made += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{made} connections of {count} clients");
    Ok(())
}

fn is_taken(written: std::io::Result<usize>) -> bool {
    match written {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
