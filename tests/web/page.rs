//! The page before a door that is none, for browsers: prints its address and serves until its
//! standard input ends. `make test-web` walks through it.

// What tests ask it afterwards.
#[path = "../support/fake_door.rs"]
#[allow(dead_code)]
mod fake_door;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorward::ipc::Role;
use doorward::web::{self, Account, Accounts, Page, Settings};

fn main() -> anyhow::Result<()> {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos/eileen-collins/01.jpg");
    let folder = std::env::temp_dir().join(format!("doorward-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let password = web::generate_password()?;
    let mut accounts = Accounts::default();
    for (name, role) in [
        ("vera", Role::Viewer),
        ("olive", Role::Operator),
        ("ada", Role::Administrator),
    ] {
        let account = Account {
            role,
            password: web::keep_password(&password)?,
            totp: None,
        };
        accounts.put(name, account)?;
    }
    accounts.save(&folder)?;
    let door = fake_door::FakeDoor::new(&std::fs::read(photo)?, Duration::from_millis(200));
    let settings = Settings {
        listen: "127.0.0.1:0".parse()?,
        title: "front-door".into(),
        names: Vec::new(),
        folder: folder.clone(),
        is_tls: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let page = Page::bind(settings, Arc::new(fake_door::Shared(door.clone()))).await?;
        println!("{} {password}", page.address()?);
        let asked = tokio::task::spawn_blocking(move || commands(&door));
        tokio::select! {
            () = page.serve() => {}
            _ = asked => {}
        }
        anyhow::Ok(())
    })?;
    std::fs::remove_dir_all(&folder)?;
    runtime.shutdown_background();
    Ok(())
}

/// What the walk has happen, a line each.
fn commands(door: &fake_door::FakeDoor) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.as_str() {
            "fault" => door.fail("camera_lost", "/dev/video0 was unplugged"),
            "granted" => {
                door.happen(fake_door::granted(5, "Katherine Johnson", 0.72));
            }
            _ => {}
        }
    }
}
