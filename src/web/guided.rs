//! Taking a person's photos with the door's camera, for a page that comes and goes: the door
//! guides on while the browser loads the page again.

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::app::{App, locked};
use super::door::Failure;
use super::guard::Who;
use super::happening::shown_lines;
use super::pages::person::set_groups;
use super::secret;
use crate::ipc::{Ask, Enrol, Enrolled, Guidance, Word};

/// How it goes.
#[derive(Debug, Clone)]
pub(super) enum Now {
    /// The camera is being asked.
    Waits,
    Goes(Guidance),
    Done(Enrolled),
    Failed(Failure),
}

impl Now {
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }
}

/// One at a time: there is one camera.
pub(super) struct Guided {
    /// In its address.
    pub id: String,
    pub account: String,
    pub name: String,
    pub now: watch::Receiver<Now>,
    task: JoinHandle<()>,
}

impl Drop for Guided {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins, and gives its id; nothing while another goes on.
pub(super) fn begin(app: &App, who: &Who, enrol: Enrol, groups: Vec<String>) -> Option<String> {
    let mut place = locked(&app.guided);
    if place
        .as_ref()
        .is_some_and(|one| !one.now.borrow().is_over())
    {
        return None;
    }
    let id = secret::token().ok()?;
    let (tell, now) = watch::channel(Now::Waits);
    let name = enrol.name.clone();
    let words = app.door.ask(Some(&who.account), Ask::Enrol(enrol));
    let (shared, by) = (app.clone(), who.clone());
    let task = tokio::spawn(async move {
        let over = follow(words, &tell).await;
        let over = match over {
            Now::Done(enrolled) => join(&shared, &by, enrolled, &groups).await,
            over => over,
        };
        tell.send_replace(over);
    });
    *place = Some(Guided {
        id: id.clone(),
        account: who.account.clone(),
        name,
        now,
        task,
    });
    Some(id)
}

/// Its name and how it goes, for whoever began it.
pub(super) fn find(app: &App, account: &str, id: &str) -> Option<(String, watch::Receiver<Now>)> {
    let place = locked(&app.guided);
    let one = place.as_ref()?;
    let is_it = secret::is_same(&one.id, id) && one.account == account;
    is_it.then(|| (one.name.clone(), one.now.clone()))
}

/// Stops it, if it is this account's.
pub(super) fn stop(app: &App, account: &str, id: &str) {
    if find(app, account, id).is_some() {
        *locked(&app.guided) = None;
    }
}

/// Until it is over; gives how.
async fn follow(mut words: mpsc::Receiver<Word>, tell: &watch::Sender<Now>) -> Now {
    while let Some(word) = words.recv().await {
        match word {
            Word::Guidance(guidance) => {
                tell.send_replace(Now::Goes(guidance));
            }
            Word::Ok(gave) => {
                let enrolled = serde_json::from_value(gave).map(Now::Done);
                return enrolled.unwrap_or_else(|_| Now::Failed(Failure::gone()));
            }
            Word::Error(problem) => {
                return Now::Failed(Failure {
                    code: Some(problem.code),
                    message: shown_lines(&problem.message),
                });
            }
            _ => {}
        }
    }
    Now::Failed(Failure::gone())
}

/// Puts whoever was enrolled into the groups that were asked for.
async fn join(app: &App, who: &Who, enrolled: Enrolled, groups: &[String]) -> Now {
    if groups.is_empty() {
        return Now::Done(enrolled);
    }
    match set_groups(app, who, enrolled.person_id.0, groups).await {
        Ok(()) => Now::Done(enrolled),
        Err(failure) => Now::Failed(failure),
    }
}
