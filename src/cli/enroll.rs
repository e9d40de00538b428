//! `doorward enroll`: a person's templates, from photos or from the camera.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::clerk::Clerk;
use super::consent::Consented;
use super::enroll_many::{self, Report};
use super::hands::Hands;
use super::people_rights::AddGuest;
use super::when::When;
use super::{Exit, Format, Usage, print_json};
use crate::camera;
use crate::config::{Config, Source};
use crate::database::Database;
use crate::enrol::live::{self, Progress};
use crate::enrol::roster::{Roster, RosterError, is_called_like_a_photo};
use crate::enrol::{BadPhotos, EnrolError, LookAlikes, Reviewed, Session, enrolled};
use crate::files::Kind;
use crate::person::PersonId;
use crate::shown::Quoted;
use crate::vision::Vision;
use crate::whitelist::{self, WhitelistError, Who};

const USAGE: &str = "doorward enroll [OPTIONS] NAME PHOTO...
       doorward enroll [OPTIONS] NAME --camera
       doorward enroll [OPTIONS] --from DIR
       doorward enroll [OPTIONS] --csv FILE";

/// Whom to enroll, and from what.
#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
pub(crate) struct Enroll {
    /// The person's name; photos are added to a person who has or had that name, or number
    /// such as #3
    #[arg(required_unless_present_any = ["from", "csv"])]
    name: Option<String>,

    /// Photos (JPEG, PNG or WebP) that show this person and nobody else; three or more,
    /// in different light, make recognition much surer
    #[arg(value_name = "PHOTO")]
    photos: Vec<PathBuf>,

    /// Enroll many people: a folder that holds one folder a person, named after the person
    #[arg(long, value_name = "DIR", conflicts_with_all = ["name", "photos", "camera", "csv"])]
    from: Option<PathBuf>,

    /// Enroll many people: a CSV file with the columns person and photo, a line for each
    /// photo, named as seen from the file's folder
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "photos", "camera"])]
    csv: Option<PathBuf>,

    /// With --from or --csv, write what became of everybody to FILE, .csv or .json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "camera"])]
    report: Option<PathBuf>,

    /// Leave out photos that cannot be used, or that show somebody else than the others
    #[arg(long, conflicts_with = "camera")]
    use_good: bool,

    /// How many good photos must remain with --use-good
    #[arg(long, value_name = "N", default_value_t = 3, requires = "use_good",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    at_least: u8,

    /// NAME is a name, although it looks like a photo or a number, a file is called so, or
    /// somebody was
    #[arg(long)]
    is_a_name: bool,

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

    /// Who is to be enrolled with --from or --csv, where it had to be read early.
    #[arg(skip)]
    roster: Option<Result<Roster, RosterError>>,

    #[command(flatten)]
    format: Format,

    /// How long to wait for them with --camera, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "camera",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    #[command(flatten)]
    consented: Consented,

    /// A guest, until this moment.
    #[arg(skip)]
    guest_until: Option<When>,
}

impl Enroll {
    /// As the arguments of `people add-guest` say.
    pub(super) fn guest(guest: &AddGuest) -> Self {
        Self {
            name: Some(guest.name.clone()),
            photos: guest.photos.clone(),
            from: None,
            csv: None,
            report: None,
            use_good: false,
            at_least: 1,
            is_a_name: false,
            look_alike: guest.look_alike,
            camera: guest.camera,
            pictures: 5,
            roster: None,
            format: guest.format,
            timeout: 60,
            consented: guest.consented.clone(),
            guest_until: Some(guest.until),
        }
    }

    pub(super) fn hand_over(&mut self, hands: Hands) -> anyhow::Result<()> {
        hands.read(&self.photos, Kind::Picture)?;
        if let Some(report) = &self.report {
            hands.write(report)?;
        }
        if let Some(file) = &self.csv {
            hands.read(std::slice::from_ref(file), Kind::List)?;
        }
        let Some(place) = self.from.as_ref().or(self.csv.as_ref()) else {
            return Ok(());
        };
        if let Some(read) = hands.look(place, || self.read_roster())? {
            if let Some(Ok(roster)) = &read {
                let photos: Vec<PathBuf> = roster
                    .people
                    .iter()
                    .flat_map(|person| person.photos.iter().cloned())
                    .collect();
                hands.read(&photos, Kind::Picture)?;
            }
            self.roster = read.filter(|read| !matches!(read, Err(error) if error.is_denied()));
        }
        Ok(())
    }

    fn read_roster(&self) -> Option<Result<Roster, RosterError>> {
        match (&self.from, &self.csv) {
            (Some(folder), _) => Some(Roster::of_folder(folder)),
            (None, Some(file)) => Some(Roster::of_csv(file)),
            (None, None) => None,
        }
    }

    pub(super) fn run(mut self, config: &Config) -> anyhow::Result<ExitCode> {
        let early = self.roster.take();
        let place = self.from.as_ref().or(self.csv.as_ref());
        let roster = early.or_else(|| self.read_roster()).transpose()?;
        if let (Some(path), Some(roster)) = (place, roster) {
            let report = self.report.clone().map(|to| Report::create(to, path));
            let consent = (self.look_alikes(), self.consented.consent());
            let photos = self.bad_photos();
            let report = report.transpose()?;
            return enroll_many::run(&roster, config, photos, consent, report, self.format);
        }
        let given = self.name.as_deref().unwrap_or_default();
        self.check_arguments(given)?;
        // Whatever is wrong with the database is told before anybody poses for photos.
        let database = Database::open(&config.whitelist.database)?;
        let name = self.whose(given, &database)?;
        if config.whitelist.require_consent && self.consented.consent().is_none() {
            whitelist::demand_consent(&database, &name).context("nobody was enrolled")?;
        }
        let mut vision = Vision::open(&config.models, &config.vision)?;
        let session = Session::new(&mut vision, config.whitelist.keep_photos, self.bad_photos());
        let reviewed = self
            .photos(session, config, &name, &database)
            .context("nobody was enrolled")?;
        if !reviewed.were_compared() {
            eprintln!(
                "these networks came without a calibration, so the photos are not compared with each other: see that all show one person"
            );
        }
        for one in reviewed.left_out().iter().filter(|_| !self.format.json) {
            eprintln!("{one}");
        }
        let until = self.guest_until.map(|When(until)| until);
        let clerk = Clerk::new(config);
        let verb = reviewed.enrolment(self.look_alikes(), until);
        let agreed = self.consented.consent();
        let verb = verb.map(|verb| verb.consented(agreed));
        let person = match verb.and_then(|verb| enrolled(clerk.does(verb, None)?)) {
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
        if self.format.json {
            print_json(&as_json(&reviewed, person))?;
            return Ok(Exit::Done.into());
        }
        tell(&reviewed);
        println!(
            "{} ({person}) is enrolled with {count} new template{}",
            reviewed.name(),
            if count == 1 { "" } else { "s" }
        );
        Ok(Exit::Done.into())
    }

    /// Whether the first photo was given in the place of the name.
    fn check_arguments(&self, given: &str) -> anyhow::Result<()> {
        let path = Path::new(given);
        let is_photo = is_called_like_a_photo(path) || path.is_file();
        if is_photo && !self.is_a_name {
            let name = Quoted(given);
            anyhow::bail!(
                "whose photos are these? {name} is a file, not a name: doorward enroll \"NAME\" {} ...; for a person of that name add --is-a-name",
                shell_word(given)
            );
        }
        if self.photos.is_empty() && !self.camera {
            let usage = "no photos are given: name them after the person's name, or take them with --camera";
            return Err(Usage(format!("{usage}\n\nUsage: {USAGE}")).into());
        }
        Ok(())
    }

    /// The name, as it is kept, of the person who is meant: somebody on the whitelist, or new.
    fn whose(&self, given: &str, database: &Database) -> anyhow::Result<String> {
        let is_number = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
        let new = || Ok(whitelist::check_name(given)?);
        if self.is_a_name {
            return new();
        }
        match whitelist::resolve(database, given) {
            Ok(Who {
                listed: Some(person),
                is_old_name,
                ..
            }) => {
                if is_old_name {
                    eprintln!(
                        "{} is now called {} ({}), who gets the photos; for another person of that name add --is-a-name",
                        Quoted(given),
                        person.name,
                        person.id
                    );
                }
                Ok(person.name)
            }
            Err(WhitelistError::Unknown { .. }) if is_number => anyhow::bail!(
                "nobody has the number {given}; for a person of that name add --is-a-name"
            ),
            Err(WhitelistError::Ambiguous { people, word }) => {
                // Whoever had the name and is gone has nothing to do with it.
                let listed = |id| whitelist::find(database, &format!("{id}")).is_ok();
                match people.iter().any(|(id, _)| listed(*id)) {
                    true => Err(WhitelistError::Ambiguous { people, word }.into()),
                    false => new(),
                }
            }
            Ok(Who { id, name, .. }) if is_number || given.trim().starts_with('#') => {
                Err(WhitelistError::Gone { id, name }.into())
            }
            Err(error @ WhitelistError::Unknown { .. }) if given.trim().starts_with('#') => {
                Err(error.into())
            }
            Ok(_) | Err(WhitelistError::Unknown { .. }) => new(),
            Err(error) => Err(error.into()),
        }
    }

    fn look_alikes(&self) -> LookAlikes {
        if self.look_alike {
            LookAlikes::TwoPeople
        } else {
            LookAlikes::Refused
        }
    }

    fn bad_photos(&self) -> BadPhotos {
        if self.use_good {
            BadPhotos::LeaveOut {
                least: usize::from(self.at_least),
            }
        } else {
            BadPhotos::RefuseAll
        }
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
            // With --json, standard output is the result's alone.
            let tell = |line: &str| match self.format.json {
                true => eprintln!("{line}"),
                false => println!("{line}"),
            };
            tell(&source.describe());
            tell(match config.camera.source {
                Source::V4l2 => "Look at the camera and turn your head a little between pictures.",
                Source::Replay => {
                    "The pictures are taken from a recording, and none of them twice."
                }
            });
            let wanted = usize::from(self.pictures);
            let patience = Duration::from_secs(self.timeout);
            live::take(
                &mut session,
                &mut *source,
                wanted,
                patience,
                |progress| match progress {
                    Progress::Taken(n) => tell(&format!("picture {n} of {wanted}")),
                    Progress::Waiting(why) => tell(&format!("waiting: {why}")),
                },
            )?;
        } else {
            let added = session.add_files(&self.photos, || {});
            for one in session.take_left_out() {
                eprintln!("{one}");
            }
            added?;
        }
        Ok(session.review(name, database, config.access.threshold_request())?)
    }
}

/// As it has to be typed, where it can be.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@,".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        Quoted(word).to_string()
    }
}

fn as_json(reviewed: &Reviewed, person: PersonId) -> Value {
    let taken = reviewed.photos().map(|photo| {
        let q = photo.quality;
        json!({
            "photo": photo.source,
            "result": "taken",
            "quality": {
                "size_px": q.size_px,
                "sharpness": q.sharpness,
                "luma": q.luma,
                "turned": q.turned,
                "outside": q.outside,
            },
            "like_the_others": photo.like_the_others,
        })
    });
    let left_out = reviewed
        .left_out()
        .iter()
        .map(enroll_many::left_out_as_json);
    let photos: Vec<Value> = taken.chain(left_out).collect();
    json!({
        "person_id": person,
        "name": reviewed.name(),
        "result": if reviewed.is_listed() { "added" } else { "enrolled" },
        "templates": reviewed.photos().count(),
        "look_alike": reviewed.look_alike().map(|found| json!({
            "person_id": found.person,
            "name": found.name,
            "score": found.score,
            "threshold": found.threshold,
        })),
        "photos": photos,
    })
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
