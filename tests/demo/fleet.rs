//! `make fleet-demo`: a hub and three doors on this machine, told scene by scene. The doors have
//! what a door has of a fleet, disk and connection, and no camera.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use doorward::fleet::store::{Sqlite, Store as _};
use doorward::fleet::{
    Change, Client, DoorKeys, FounderKeys, Gateway, HubKeys, Kind, Limits, Right, RowId, Session,
    Standing, fetch, found,
};
use tokio::task::JoinHandle;

type Told<T> = Result<T, Box<dyn Error>>;

const ADA: RowId = RowId([0xad; 16]);
const GRACE: RowId = RowId([0x6c; 16]);

struct Door {
    name: &'static str,
    keys: DoorKeys,
    session: Session,
}

impl Door {
    /// Speaks with the hub, and says what somebody has to hear of.
    async fn turn(&mut self) -> Told<()> {
        for told in self.session.turn(Duration::ZERO).await? {
            println!("    {}: {told}", self.name);
        }
        Ok(())
    }

    fn change(&mut self, id: RowId, standing: Standing) -> Told<()> {
        Ok(self.session.change(Change {
            id,
            kind: Kind::Person,
            standing,
            // A door seals it; the demo has nothing to seal.
            body: match standing {
                Standing::Removed => Vec::new(),
                _ => b"sealed at a door".to_vec(),
            },
        })?)
    }
}

fn show(doors: &[Door], who: &str, id: RowId, expected: bool) -> Told<()> {
    for door in doors {
        let passes = door.session.door().is_enabled(id);
        println!(
            "    {}: {who} {}",
            door.name,
            if passes { "passes" } else { "is refused" }
        );
        if passes != expected {
            return Err(format!("{} was to say otherwise", door.name).into());
        }
    }
    Ok(())
}

async fn serve(store: &Sqlite, hub: &HubKeys, address: &str) -> Told<(String, JoinHandle<()>)> {
    let gateway = Gateway::bind(
        store.clone(),
        hub.root()?,
        &hub.identity(),
        address.parse()?,
        Limits::default(),
    )
    .await?;
    let address = gateway.address()?.to_string();
    Ok((address, tokio::spawn(gateway.serve())))
}

async fn invite(founder: &FounderKeys, folder: &Path, name: &'static str) -> Told<Door> {
    let mut client = Client::new(&founder.door.hub, &founder.door.identity())?;
    let list = fetch(&mut client, founder.door.root()?).await?;
    let (keys, put) = founder.invite(&list, name, Right::Enrol)?;
    client.put(put).await?;
    let session = Session::open(&keys, &folder.join(format!("{name}.db")))?;
    Ok(Door {
        name,
        keys,
        session,
    })
}

async fn all_turn(doors: &mut [Door]) -> Told<()> {
    for _ in 0..2 {
        for door in &mut *doors {
            door.turn().await?;
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Told<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("hub.db");
    println!("1. A fleet is founded, and three doors join");
    let (mut founder, hub) = found("127.0.0.1:7443")?;
    let store = Sqlite::open(&file)?;
    store.put(hub.founding()?).await?;
    let (address, serving) = serve(&store, &hub, "127.0.0.1:0").await?;
    founder.door.hub.clone_from(&address);
    let mut doors = Vec::new();
    for name in ["front", "back", "gate"] {
        doors.push(invite(&founder, folder.path(), name).await?);
    }

    println!("2. Ada and Grace are enrolled at the front door");
    doors[0].change(ADA, Standing::Enabled)?;
    doors[0].change(GRACE, Standing::Enabled)?;
    all_turn(&mut doors).await?;
    show(&doors, "Ada", ADA, true)?;

    println!("3. Ada is disabled at the back door");
    doors[1].change(ADA, Standing::Disabled)?;
    all_turn(&mut doors).await?;
    show(&doors, "Ada", ADA, false)?;
    let copy = folder.path().join("copy.db");
    let held = store.copy(&copy)?;
    store.note_backup(held).await?;

    println!("4. The hub is cut off; Grace is disabled at the gate, and refused there at once");
    serving.abort();
    let _ = serving.await;
    doors[2].change(GRACE, Standing::Disabled)?;
    if let Err(error) = doors[2].turn().await {
        println!("    gate: {error}");
    }
    show(&doors[2..], "Grace", GRACE, false)?;
    show(&doors[..2], "Grace", GRACE, true)?;

    println!("5. The hub is back, and every door hears of it");
    let (_, serving) = serve(&store, &hub, &address).await?;
    all_turn(&mut doors).await?;
    show(&doors, "Grace", GRACE, false)?;

    println!("6. The hub is restored from a backup of before: nobody is let in again by it");
    serving.abort();
    let _ = serving.await;
    let from = rusqlite::Connection::open(&copy)?;
    let mut to = rusqlite::Connection::open(&file)?;
    rusqlite::backup::Backup::new(&from, &mut to)?.run_to_completion(
        1_000,
        Duration::ZERO,
        None,
    )?;
    let (_, serving) = serve(&store, &hub, &address).await?;
    all_turn(&mut doors).await?;
    show(&doors, "Grace", GRACE, false)?;

    println!("7. The gate is stolen, and revoked");
    let mut client = Client::new(&address, &founder.door.identity())?;
    let list = fetch(&mut client, founder.door.root()?).await?;
    client
        .put(founder.revoke(&list, doors[2].keys.id()?)?)
        .await?;
    match doors[2].turn().await {
        Ok(()) => return Err("the stolen gate was served".into()),
        Err(error) => println!("    gate: {error}"),
    }
    doors.truncate(2);
    all_turn(&mut doors).await?;
    show(&doors, "Grace", GRACE, false)?;
    serving.abort();
    println!("The doors that are left have the hub's list.");
    Ok(())
}
