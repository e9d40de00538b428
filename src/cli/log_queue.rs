//! A log that nobody has to wait for: with a journal that nobody reads, or a full pipe,
//! guarding goes on and lines are lost, which is said later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, Log, Metadata, Record};

use crate::shown::{counted, in_words};

/// Lines that wait, at most; further ones are lost.
const MAX_WAITING_LINES: usize = 512;
/// How long the end of the program waits for lines that are not told yet.
const MAX_FLUSH_WAIT: Duration = Duration::from_secs(1);

struct Line {
    level: Level,
    target: String,
    text: String,
    fields: Fields,
}

/// What a line has beside its text, such as the journal's `MESSAGE_ID`.
#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        self.0.push((key.to_string(), value.to_string()));
        Ok(())
    }
}

/// Hands lines to a thread that tells them.
pub(super) struct LogQueue {
    sender: Sender<Line>,
    filter: Arc<dyn Log>,
    lost: Arc<AtomicU64>,
    waiting: Arc<AtomicUsize>,
}

impl LogQueue {
    /// Starts the thread that tells lines to `log`.
    ///
    /// # Errors
    /// What the system said when it gave no thread.
    pub(super) fn new(log: impl Log + 'static) -> std::io::Result<Self> {
        let (sender, lines) = bounded(MAX_WAITING_LINES);
        let queue = Self {
            sender,
            filter: Arc::new(log),
            lost: Arc::default(),
            waiting: Arc::default(),
        };
        let (log, lost) = (Arc::clone(&queue.filter), Arc::clone(&queue.lost));
        let waiting = Arc::clone(&queue.waiting);
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || tell(&*log, &lines, &lost, &waiting))?;
        Ok(queue)
    }
}

fn tell(log: &dyn Log, lines: &Receiver<Line>, lost: &AtomicU64, waiting: &AtomicUsize) {
    for line in lines {
        write(log, line.level, &line.target, &line.text, &line.fields);
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let lost = counted(lost, "line of the log was", "lines of the log were");
            let text = format!("{lost} lost: nobody read it");
            write(log, Level::Warn, module_path!(), &text, &Fields::default());
        }
        waiting.fetch_sub(1, Ordering::Release);
    }
}

fn write(log: &dyn Log, level: Level, target: &str, text: &str, fields: &Fields) {
    let fields: Vec<(&str, &str)> = fields.0.iter().map(|(k, v)| (&**k, &**v)).collect();
    log.log(
        &Record::builder()
            .level(level)
            .target(target)
            .key_values(&fields.as_slice())
            .args(format_args!("{text}"))
            .build(),
    );
}

impl Log for LogQueue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut fields = Fields::default();
        // Such a visitor never fails.
        let _ = record.key_values().visit(&mut fields);
        let line = Line {
            level: record.level(),
            target: record.target().to_owned(),
            text: in_words(&record.args().to_string()).into_owned(),
            fields,
        };
        self.waiting.fetch_add(1, Ordering::Acquire);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.sender.try_send(line)
        {
            self.waiting.fetch_sub(1, Ordering::Release);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits a moment for lines that are not told yet.
    fn flush(&self) {
        let until = Instant::now() + MAX_FLUSH_WAIT;
        while self.waiting.load(Ordering::Acquire) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use super::*;

    /// A journal that takes lines once somebody reads it.
    #[derive(Clone, Default)]
    struct Journal {
        read: Arc<Mutex<()>>,
        lines: Arc<Mutex<Vec<String>>>,
    }

    impl Log for Journal {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            let _read = self.read.lock().unwrap();
            let mut fields = Fields::default();
            record.key_values().visit(&mut fields).unwrap();
            let fields = fields.0.iter().map(|(k, v)| format!(" {k}={v}"));
            let line = std::iter::once(record.args().to_string()).chain(fields);
            self.lines.lock().unwrap().push(line.collect());
        }
        fn flush(&self) {}
    }

    #[test]
    fn nobody_waits_for_a_journal_that_nobody_reads() {
        let journal = Journal::default();
        let unread = journal.read.lock().unwrap();
        let queue = LogQueue::new(journal.clone()).unwrap();
        let lines = MAX_WAITING_LINES + 100;
        for n in 0..lines {
            write(
                &queue,
                Level::Info,
                "test",
                &n.to_string(),
                &Fields::default(),
            );
        }
        assert!(journal.lines.lock().unwrap().is_empty());
        drop(unread);
        queue.flush();
        let told = journal.lines.lock().unwrap();
        let lost = told.iter().find(|l| l.contains("were lost")).unwrap();
        let lost: usize = lost.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(told.len() - 1 + lost, lines);
        assert_eq!(told[0], "0");
    }

    #[test]
    fn a_line_keeps_its_fields() {
        let journal = Journal::default();
        let queue = LogQueue::new(journal.clone()).unwrap();
        let fields = Fields(vec![("MESSAGE_ID".into(), "5d1c".into())]);
        write(&queue, Level::Info, "test", "head", &fields);
        queue.flush();
        assert_eq!(*journal.lines.lock().unwrap(), ["head MESSAGE_ID=5d1c"]);
    }
}
