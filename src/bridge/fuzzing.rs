//! Any bytes as what comes from a network to a bridge: commands of a broker, and answers of a
//! receiver of webhooks.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};

use ureq::tls::RootCerts;

use super::webhook::Webhook;

pub use super::mqtt::fuzz_command;

/// Who tells, what is answered next, and that somebody was asked.
type Site = (Webhook, Sender<Vec<u8>>, Receiver<()>);

/// What a receiver says to one delivery: it is taken only where a 2xx says so, and nobody is asked
/// a second time, whatever a redirect names.
///
/// # Panics
/// If it is otherwise.
pub fn fuzz_answer(bytes: &[u8]) {
    thread_local! {
        static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
    }
    SITE.with_borrow_mut(|site| {
        if site.is_none() {
            *site = receiver();
        }
        let Some((webhook, answers, asked)) = site else {
            return;
        };
        if answers.send(bytes.to_vec()).is_err() {
            return;
        }
        let is_taken = webhook.post("front:1", BODY).is_ok();
        assert!(asked.recv().is_ok(), "the receiver was not asked");
        assert!(asked.try_recv().is_err(), "somebody was asked twice");
        let says_so = bytes.windows(2).any(|two| two == b" 2");
        assert!(!is_taken || says_so, "taken by nobody");
    });
}

const BODY: &str = "{}";

/// A receiver that answers each connection with the next bytes.
fn receiver() -> Option<Site> {
    let listener = TcpListener::bind("127.0.0.1:0").ok()?;
    let url = format!("http://{}/", listener.local_addr().ok()?);
    let (answers, next) = channel::<Vec<u8>>();
    let (asked, was_asked) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut some = [0; 4096];
            while !request.ends_with(BODY.as_bytes()) {
                match stream.read(&mut some) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => request.extend_from_slice(&some[..read]),
                }
            }
            let _ = asked.send(());
            if let Ok(answer) = next.try_recv() {
                let _ = stream.write_all(&answer);
            }
        }
    });
    let webhook = Webhook::at(&url, "secret".into(), RootCerts::WebPki, "front");
    Some((webhook, answers, was_asked))
}
