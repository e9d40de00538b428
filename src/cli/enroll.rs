//! `doorward enroll`: a person's templates, from photos or from the camera.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::origin;
use crate::camera;
use crate::config::Config;
use crate::database::Database;
use crate::enrol::live::{self, Progress};
use crate::enrol::{Consent, EnrolError, Reviewed, Session};
use crate::vision::Vision;
use crate::whitelist;

/// Whom to enroll, and from what.
#[derive(Debug, Args)]
pub(crate) struct Enroll {
    /// The person's name; photos are added to a person of that name
    name: String,

    /// Photos (JPEG or PNG) that show this person and nobody else; three or more,
    /// in different light, make recognition much surer
    #[arg(value_name = "PHOTO", required_unless_present = "camera")]
    photos: Vec<PathBuf>,

    /// Enroll although somebody on the whitelist looks the same, such as a twin: each of
    /// the two may then be taken for the other
    #[arg(long)]
    look_alike: bool,

    /// Take the pictures live with the configured camera
    #[arg(long, conflicts_with = "photos")]
    camera: bool,

    /// How many pictures to take with --camera
    #[arg(long, value_name = "N", default_value_t = 5, requires = "camera",
          value_parser = clap::value_parser!(u8).range(1..=20))]
    pictures: u8,

    /// How long to wait for them with --camera, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "camera",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

impl Enroll {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let name = whitelist::check_name(&self.name)?;
        // Whatever is wrong with the database is told before anybody poses for photos.
        let mut database = Database::open(&config.whitelist.database)?;
        let mut vision = Vision::open(&config.models, &config.vision)?;
        let session = Session::new(&mut vision, config.whitelist.keep_photos);
        let reviewed = self
            .photos(session, config, &name, &database)
            .context("nobody was enrolled")?;
        if !reviewed.were_compared() {
            eprintln!(
                "these networks came without a calibration, so the photos are not compared with each other: see that all show one person"
            );
        }
        let consent = if self.look_alike {
            Consent::TwoPeople
        } else {
            Consent::None
        };
        let person = match reviewed.commit(&mut database, consent, &origin(config)) {
            Err(EnrolError::LookAlike(found)) => anyhow::bail!(
                "nobody was enrolled: {found}; add the photos to that person, or if they are two people, repeat with --look-alike and use more photos or a second factor for both"
            ),
            other => other.context("nobody was enrolled")?,
        };
        let count = reviewed.photos().count();
        if let Some(found) = reviewed.look_alike() {
            eprintln!("{found}; enrolled all the same");
        } else if count < 3 && !reviewed.is_listed() {
            eprintln!(
                "fewer than three photos: add more, in the light of the door, to be recognised sooner and mistaken less"
            );
        }
        super::people::tell_of_photos(&database, config)?;
        tell(&reviewed);
        println!(
            "{} ({person}) is enrolled with {count} new template{}",
            reviewed.name(),
            if count == 1 { "" } else { "s" }
        );
        Ok(ExitCode::SUCCESS)
    }

    /// All photos or none: half an enrolment would look like a whole one.
    fn photos(
        &self,
        mut session: Session<'_>,
        config: &Config,
        name: &str,
        database: &Database,
    ) -> anyhow::Result<Reviewed> {
        if self.camera {
            let mut source = camera::open(&config.camera)?;
            println!("{}", source.describe());
            println!("Look at the camera and turn your head a little between pictures.");
            let wanted = usize::from(self.pictures);
            let patience = Duration::from_secs(self.timeout);
            live::take(
                &mut session,
                &mut *source,
                wanted,
                patience,
                |progress| match progress {
                    Progress::Taken(n) => println!("picture {n} of {wanted}"),
                    Progress::Waiting(why) => println!("waiting: {why}"),
                },
            )?;
        } else {
            session.add_files(&self.photos)?;
        }
        Ok(session.review(name, database, config.access.threshold_request())?)
    }
}

/// What each picture is worth as a template.
fn tell(reviewed: &Reviewed) {
    let rows = reviewed.photos().map(|photo| {
        let q = photo.quality;
        vec![
            photo.source.to_owned(),
            format!("{:.0}", q.size_px),
            format!("{:.0}", q.sharpness),
            format!("{:.0}", q.luma),
            format!("{:.2}", q.turned),
            photo
                .like_the_others
                .map_or("-".into(), |cosine| format!("{cosine:.2}")),
        ]
    });
    let columns = [
        "picture",
        "pixels",
        "sharpness",
        "brightness",
        "turned",
        "like the others",
    ];
    super::table(&columns, rows);
}
