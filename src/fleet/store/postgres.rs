//! PostgreSQL, where a site has more doors, or wants its backups, replicas and several gateways.
//!
//! The gateway is its only client, on the same machine: over a Unix socket or loopback. Doors
//! never speak SQL.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::Host;
use tokio_postgres::{Config, GenericClient, IsolationLevel, NoTls, Row as Found};

use super::{
    MAX_PAGE_ROWS, MAX_PUSH_EVENTS, Page, Push, Store, StoreError, commit_of, encoded, life_of,
    signed, unsigned,
};
use crate::fleet::outbox::{Held, Life, Pushed, judge};
use crate::fleet::put::Put;
use crate::fleet::row::{Commit, Position, Revision, RowId};
use crate::fleet::wire::Frame;

const VERSION: i32 = 1;
const MAX_CONNECTIONS_COUNT: usize = 8;
const MAX_CONNECT_WAIT: Duration = Duration::from_secs(5);
/// What one transaction may take; the server ends it then.
const STATEMENT_OPTIONS: &str =
    "-c statement_timeout=20s -c idle_in_transaction_session_timeout=20s -c lock_timeout=10s";

/// A database of a server.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = error.as_db_error().map(ToString::to_string);
        Self::Postgres(said.unwrap_or_else(|| error.to_string()))
    }
}

fn is_here(config: &Config) -> bool {
    let hosts = config.get_hosts();
    let all_here = hosts.iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => matches!(&**name, "localhost" | "127.0.0.1" | "::1"),
    });
    all_here && !hosts.is_empty()
}

impl Postgres {
    /// Makes the tables where there are none. `url`: `postgresql://USER@%2Frun%2Fpostgresql/NAME`
    /// or `host=/run/postgresql user=USER dbname=NAME`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let mut config: Config = url.parse()?;
        if !is_here(&config) {
            return Err(StoreError::Postgres(
                "the server has to be on this machine, at a Unix socket or loopback: nothing that goes there is encrypted; name another host, or run the gateway beside the server".into(),
            ));
        }
        config.connect_timeout(MAX_CONNECT_WAIT);
        config.application_name("doorward");
        config.options(STATEMENT_OPTIONS);
        let manager = Manager::from_config(
            config,
            NoTls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS_COUNT)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(MAX_CONNECT_WAIT))
            .create_timeout(Some(MAX_CONNECT_WAIT))
            .build()
            .map_err(|error| StoreError::Postgres(error.to_string()))?;
        let store = Self { pool };
        let client = store.client().await?;
        // Two gateways may start at once.
        client
            .batch_execute(&format!(
                "BEGIN; SELECT pg_advisory_xact_lock(7234); {} COMMIT;",
                include_str!("postgres.sql")
            ))
            .await?;
        let version: i32 = client
            .query_one("SELECT version FROM doorward.head", &[])
            .await?
            .get(0);
        if version != VERSION {
            return Err(StoreError::FutureVersion {
                place: "the database in PostgreSQL".into(),
                found: version.into(),
            });
        }
        Ok(store)
    }

    async fn client(&self) -> Result<Object, StoreError> {
        let got = self.pool.get().await;
        got.map_err(|error| StoreError::Postgres(error.to_string()))
    }
}

async fn covering(
    client: &impl GenericClient,
    revision: Option<Revision>,
) -> Result<Option<Commit>, StoreError> {
    let found = match revision {
        Some(revision) => {
            let sql =
                "SELECT frame FROM doorward.commits WHERE revision >= $1 ORDER BY revision LIMIT 1";
            client.query_opt(sql, &[&signed(revision.0)]).await?
        }
        None => {
            let sql = "SELECT frame FROM doorward.commits ORDER BY revision DESC LIMIT 1";
            client.query_opt(sql, &[]).await?
        }
    };
    found.map(|row| commit_of(row.get(0))).transpose()
}

fn id_of(row: &Found, column: usize) -> Result<RowId, StoreError> {
    let id: &[u8] = row.get(column);
    let id = id
        .try_into()
        .map_err(|_| StoreError::Broken("the table of doors"))?;
    Ok(RowId(id))
}

fn held_of(row: &Found, from: usize) -> Held {
    Held {
        life: life_of(row.get(from)),
        last: unsigned(row.get(from + 1)),
        backed_up: unsigned(row.get(from + 2)),
    }
}

impl Store for Postgres {
    async fn head(&self) -> Result<Option<Commit>, StoreError> {
        covering(&**self.client().await?, None).await
    }

    async fn page(&self, since: Position) -> Result<Page, StoreError> {
        let mut client = self.client().await?;
        let view = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        // Before the page, which may be large.
        if since != Position::START {
            let commit = covering(&*view, Some(since.revision)).await?;
            if commit.is_none_or(|commit| commit.position.mark != since.mark) {
                return Ok(Page::Differs);
            }
        }
        let sql = "SELECT revision, frame FROM doorward.list WHERE revision > $1 ORDER BY revision LIMIT $2";
        let most = signed(MAX_PAGE_ROWS as u64);
        let found = view.query(sql, &[&signed(since.revision.0), &most]).await?;
        let mut frames = Vec::new();
        for row in &found {
            frames.extend_from_slice(row.get(1));
        }
        let rows = found.len();
        let Some(head) = covering(&*view, None).await? else {
            let position = Position::START;
            return Ok(Page::Rows {
                frames,
                rows,
                position,
                end: None,
            });
        };
        if rows < MAX_PAGE_ROWS {
            let position = head.position;
            return Ok(Page::Rows {
                frames,
                rows,
                position,
                end: Some(head),
            });
        }
        let last = found.last().map_or(0, |row| unsigned(row.get(0)));
        let mark = covering(&*view, Some(Revision(last))).await?;
        let mark = mark.ok_or(StoreError::Broken("the table of commits"))?;
        let position = Position {
            revision: Revision(last),
            mark: mark.position.mark,
        };
        Ok(Page::Rows {
            frames,
            rows,
            position,
            end: None,
        })
    }

    async fn put(&self, put: Put) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let work = client.transaction().await?;
        // The lock makes the order of commits the order of revisions.
        let head = work
            .query_one("SELECT revision, mark FROM doorward.head FOR UPDATE", &[])
            .await?;
        let (revision, mark): (i64, &[u8]) = (head.get(0), head.get(1));
        let base = put.commit.base;
        if unsigned(revision) != base.revision.0 || mark != base.mark.0 {
            return Ok(false);
        }
        let ids: Vec<&[u8]> = put.rows.iter().map(|row| &row.id.0[..]).collect();
        let revisions: Vec<i64> = put.rows.iter().map(|row| signed(row.revision.0)).collect();
        let frames: Vec<Vec<u8>> = put
            .rows
            .iter()
            .map(|row| encoded(&Frame::Row(row.clone())))
            .collect();
        // Of an id that comes twice in a commit the newer row counts.
        work.execute(
            "INSERT INTO doorward.list(id, revision, frame)
             SELECT DISTINCT ON (i) i, r, f FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS u(i, r, f) ORDER BY i, r DESC
             ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, frame = excluded.frame",
            &[&ids, &revisions, &frames],
        )
        .await?;
        let position = put.commit.position;
        let (revision, mark) = (signed(position.revision.0), &position.mark.0[..]);
        work.execute(
            "INSERT INTO doorward.commits(revision, mark, frame) VALUES ($1, $2, $3)",
            &[
                &revision,
                &mark,
                &encoded(&Frame::Commit(put.commit.clone())),
            ],
        )
        .await?;
        work.execute(
            "UPDATE doorward.head SET revision = $1, mark = $2",
            &[&revision, &mark],
        )
        .await?;
        work.commit().await?;
        Ok(true)
    }

    async fn push(&self, push: Push) -> Result<Pushed, StoreError> {
        let mut client = self.client().await?;
        let work = client.transaction().await?;
        let door = &push.door.0[..];
        // Two connections of one door wait for each other.
        work.execute(
            "SELECT pg_advisory_xact_lock(('x' || encode(substr($1::bytea, 1, 8), 'hex'))::bit(64)::bigint)",
            &[&door],
        )
        .await?;
        let newest = work
            .query_opt(
                "SELECT life, last, backed_up, day, today FROM doorward.lives WHERE door = $1 ORDER BY life DESC LIMIT 1",
                &[&door],
            )
            .await?;
        let newest =
            newest.map(|row| (held_of(&row, 0), row.get::<_, i64>(3), unsigned(row.get(4))));
        let held = newest.map(|(held, ..)| held);
        let count = push.bodies.len() as u64;
        let repeated = match judge(held, push.life, push.first, count) {
            Ok(repeated) => repeated,
            Err(said) => return Ok(said),
        };
        let same = usize::try_from(repeated).unwrap_or(usize::MAX);
        let life = i64::from(push.life.0);
        let (first, known) = (signed(push.first), signed(push.first + repeated));
        let kept = work
            .query(
                "SELECT number, body FROM doorward.events WHERE door = $1 AND life = $2 AND number >= $3 AND number < $4 ORDER BY number",
                &[&door, &life, &first, &known],
            )
            .await?;
        let mut kept = kept.iter();
        for (number, body) in (push.first..).zip(push.bodies.iter().take(same)) {
            let is_same = kept
                .next()
                .is_some_and(|row| row.get::<_, &[u8]>(1) == body);
            if !is_same {
                return Ok(Pushed::OtherBody { number });
            }
        }
        let new = count - repeated;
        let today = newest.map_or(0, |(_, day, today)| if day == push.day { today } else { 0 });
        if today + new > push.quota {
            return Ok(Pushed::Enough);
        }
        let held = held.filter(|held| held.life == push.life);
        let last = held.map_or(0, |held| held.last) + new;
        work.execute(
            "INSERT INTO doorward.lives(door, life, last, day, today) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (door, life) DO UPDATE SET last = excluded.last, day = excluded.day, today = excluded.today",
            &[&door, &life, &signed(last), &push.day, &signed(today + new)],
        )
        .await?;
        let bodies: Vec<&[u8]> = push.bodies.iter().skip(same).map(Vec::as_slice).collect();
        work.execute(
            "INSERT INTO doorward.events(door, life, number, body)
             SELECT $1, $2, $3 + o - 1, b FROM unnest($4::bytea[]) WITH ORDINALITY AS u(b, o)",
            &[&door, &life, &known, &bodies],
        )
        .await?;
        work.commit().await?;
        Ok(Pushed::Taken {
            life: push.life,
            last,
            backed_up: held.map_or(0, |held| held.backed_up),
        })
    }

    async fn events(
        &self,
        door: RowId,
        life: Life,
        after: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let sql = "SELECT number, body FROM doorward.events WHERE door = $1 AND life = $2 AND number > $3 ORDER BY number LIMIT $4";
        let client = self.client().await?;
        let most = signed(MAX_PUSH_EVENTS as u64);
        let found = client
            .query(
                sql,
                &[&&door.0[..], &i64::from(life.0), &signed(after), &most],
            )
            .await?;
        Ok(found
            .iter()
            .map(|row| (unsigned(row.get(0)), row.get(1)))
            .collect())
    }

    async fn held(&self) -> Result<Vec<(RowId, Held)>, StoreError> {
        let sql = "SELECT door, life, last, backed_up FROM doorward.lives ORDER BY door, life";
        let found = self.client().await?.query(sql, &[]).await?;
        let each = found
            .iter()
            .map(|row| Ok((id_of(row, 0)?, held_of(row, 1))));
        each.collect()
    }

    async fn note_backup(&self, all: Vec<(RowId, Held)>) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let work = client.transaction().await?;
        for (door, held) in all {
            work.execute(
                "UPDATE doorward.lives SET backed_up = greatest(backed_up, least(last, $3)) WHERE door = $1 AND life = $2",
                &[&&door.0[..], &i64::from(held.life.0), &signed(held.last)],
            )
            .await?;
        }
        Ok(work.commit().await?)
    }
}
