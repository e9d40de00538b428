//! The local page, asked as browsers and as others ask.
#![cfg(feature = "web")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/fake_door.rs"]
mod fake_door;
#[path = "support/page.rs"]
mod page;
mod support;

use std::io::{Read as _, Write as _};

use doorward::ipc::Role;
use doorward::web::{Accounts, TotpKey, step_at};
use page::{Browser, PASSWORD, Served, account, token_in};
use serde_json::json;

/// Every page, with the least role that may see it.
const PAGES: [(&str, Role); 16] = [
    ("/", Role::Viewer),
    ("/people", Role::Viewer),
    ("/people/1", Role::Viewer),
    ("/rules", Role::Viewer),
    ("/rules?person=1&at=2026-11-28T08:00", Role::Viewer),
    ("/faults", Role::Viewer),
    ("/reports", Role::Viewer),
    ("/reports.csv", Role::Viewer),
    ("/account", Role::Viewer),
    ("/more", Role::Viewer),
    ("/people/3/face", Role::Operator),
    ("/happened/5/picture", Role::Operator),
    ("/camera", Role::Operator),
    ("/camera/picture", Role::Operator),
    ("/people/add", Role::Administrator),
    ("/people/add?guest=1", Role::Administrator),
];

/// What fills a form: its fields.
type Filled = &'static [(&'static str, &'static str)];
type Form = (&'static str, Role, Filled, bool);

/// Every form, with the least role that may send it, what fills it, and whether it has files.
const FORMS: [Form; 10] = [
    ("/open", Role::Operator, &[("reason", "a parcel")], false),
    ("/lock", Role::Operator, &[], false),
    (
        "/people/1/enabled",
        Role::Administrator,
        &[("enabled", "no")],
        false,
    ),
    (
        "/people/1/groups",
        Role::Administrator,
        &[("groups", "staff, cellar")],
        false,
    ),
    (
        "/people/1/validity",
        Role::Administrator,
        &[("until", "2030-01-01T08:00")],
        false,
    ),
    (
        "/people/1/consent",
        Role::Administrator,
        &[("do", "note"), ("day", "2026-09-01")],
        false,
    ),
    (
        "/people/2/remove",
        Role::Administrator,
        &[("sure", "yes")],
        false,
    ),
    ("/people/1/photos", Role::Administrator, &[], true),
    (
        "/people/add",
        Role::Administrator,
        &[("name", "Mary Jackson")],
        true,
    ),
    (
        "/people/camera",
        Role::Administrator,
        &[("name", "Dorothy Vaughan")],
        true,
    ),
];

const ACCOUNTS: [(&str, Role); 3] = [
    ("vera", Role::Viewer),
    ("olive", Role::Operator),
    ("ada", Role::Administrator),
];

fn photo() -> Vec<u8> {
    std::fs::read(support::project().join("tests/photos/eileen-collins/01.jpg")).unwrap()
}

/// Sends a form with this token first.
fn send(browser: &mut Browser, form: usize, token: Option<&str>) -> page::Reply {
    let (path, _, fields, has_files) = FORMS[form];
    let mut all: Vec<(&str, &str)> = token.map(|token| ("token", token)).into_iter().collect();
    all.extend(fields);
    match has_files {
        true => browser.upload(path, &all, &[("a.jpg", &photo())]),
        false => browser.post(path, &all),
    }
}

#[test]
fn without_an_account_there_is_the_log_in_and_nothing_else() {
    let served = Served::new();
    let mut browser = Browser::new(served.address);
    for (path, _) in PAGES {
        let reply = browser.get(path);
        assert_eq!(
            (reply.status, reply.header("location")),
            (303, Some("/log-in")),
            "{path}"
        );
        assert!(!reply.text().contains("Lovelace"), "{path}");
    }
    for path in ["/stream", "/camera/stream", "/people/camera/x/stream"] {
        let reply = browser.send("GET", path, &[("Accept", "text/event-stream")], b"");
        assert_eq!(reply.status, 401, "{path}");
    }
    for (form, (path, ..)) in FORMS.iter().enumerate() {
        let token = browser.token("/log-in");
        let status = send(&mut browser, form, Some(&token)).status;
        assert!(matches!(status, 401 | 403), "{path}: {status}");
    }
    assert_eq!(served.door.asked(), []);
}

#[test]
fn each_role_sees_and_does_what_it_may_and_no_more() {
    for (name, role) in ACCOUNTS {
        let served = Served::new();
        let mut browser = served.browser(name);
        for (path, needed) in PAGES {
            let expected = if role >= needed { 200 } else { 403 };
            assert_eq!(browser.get(path).status, expected, "{name}: {path}");
        }
        let token = browser.token("/account");
        for (form, (path, needed, ..)) in FORMS.iter().enumerate() {
            let before = served.door.asked().len();
            let reply = send(&mut browser, form, Some(&token));
            let expected = if role >= *needed { 303 } else { 403 };
            assert_eq!(reply.status, expected, "{name}: {path}: {}", reply.text());
            // The camera is asked behind the answer.
            let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
            let is_asked = || served.door.asked().len() > before;
            while role >= *needed && !is_asked() && std::time::Instant::now() < patience {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            assert_eq!(is_asked(), role >= *needed, "{name}: {path}");
        }
        // What is done is done in the account's name.
        let asked = served.door.asked();
        assert!(
            asked.iter().all(|(by, _)| by.as_deref() == Some(name)),
            "{asked:?}"
        );
        // Nobody is offered what is not allowed.
        let today = browser.get("/").text();
        assert_eq!(today.contains("action=\"/open\""), role >= Role::Operator);
        assert_eq!(today.contains("href=\"/camera\""), role >= Role::Operator);
    }
}

#[test]
fn a_form_that_was_not_made_here_changes_nothing() {
    let served = Served::new();
    let (mut ada, mut other) = (served.browser("ada"), served.browser("ada"));
    let (own, foreign) = (ada.token("/account"), other.token("/account"));
    let twice = format!("{own}{own}");
    for (form, (path, ..)) in FORMS.iter().enumerate() {
        for token in [
            None,
            Some(""),
            Some("x"),
            Some(foreign.as_str()),
            Some(twice.as_str()),
        ] {
            let status = send(&mut ada, form, token).status;
            assert_eq!(status, 403, "{path} {token:?}");
        }
        for (name, value) in [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
        ] {
            ada.headers = vec![(name.into(), value.into())];
            let status = send(&mut ada, form, Some(&own)).status;
            assert_eq!(status, 403, "{path} {name}: {value}");
        }
        ada.headers.clear();
    }
    // The token has to come before the photos.
    let reply = ada.upload("/people/add", &[("name", "Mary"), ("token", &own)], &[]);
    assert_eq!(reply.status, 403);
    // Another kind of body is none, whatever it holds.
    let body = format!("token={own}&reason=x");
    let reply = ada.send(
        "POST",
        "/open",
        &[("Content-Type", "text/plain")],
        body.as_bytes(),
    );
    assert_eq!(reply.status, 415);
    // Nothing changes by GET.
    for (path, ..) in FORMS {
        let reply = ada.get(&format!("{path}?token={own}"));
        assert!(matches!(reply.status, 200 | 404), "{path}");
    }
    assert_eq!(served.door.asked(), []);
}

#[test]
fn a_session_begins_with_the_password_and_ends_with_it() {
    let served = Served::new();
    let mut browser = Browser::new(served.address);
    // A session that somebody else chose is none.
    browser
        .cookies
        .insert("doorward".into(), "chosen-by-somebody-else".into());
    let reply = browser.log_in("ada", PASSWORD);
    assert_eq!(reply.status, 303);
    let cookie = reply
        .headers
        .iter()
        .find(|(n, v)| n == "set-cookie" && v.starts_with("doorward="));
    let cookie = &cookie.unwrap().1;
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_ne!(browser.cookies["doorward"], "chosen-by-somebody-else");
    let mut chosen = Browser::new(served.address);
    chosen
        .cookies
        .insert("doorward".into(), "chosen-by-somebody-else".into());
    assert_eq!(chosen.get("/").status, 303);
    // Logging in again makes another session.
    let before = browser.clone();
    let mut again = before.clone();
    again.cookies.remove("doorward");
    again.log_in("ada", PASSWORD);
    assert_ne!(again.cookies["doorward"], before.cookies["doorward"]);
    // Logged out is logged out, also for whoever copied the cookie.
    let token = browser.token("/account");
    assert_eq!(browser.post("/log-out", &[("token", &token)]).status, 303);
    assert!(!browser.cookies.contains_key("doorward"));
    assert_eq!(before.clone().get("/").status, 303);
    assert_eq!(again.get("/").status, 200);
    // The form that logs in is bound to the browser that was shown it.
    let mut thief = Browser::new(served.address);
    let foreign = again.clone().token("/account");
    let fields = [
        ("token", foreign.as_str()),
        ("account", "ada"),
        ("password", PASSWORD),
    ];
    assert_eq!(thief.post("/log-in", &fields).status, 403);
}

#[test]
fn what_is_changed_about_an_account_counts_at_once() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    let mut olive = served.browser("olive");
    let save = |change: &dyn Fn(&mut Accounts)| {
        let mut accounts = Accounts::load(served.folder.path()).unwrap();
        change(&mut accounts);
        accounts.save(served.folder.path()).unwrap();
    };
    save(&|all| all.put("ada", account(Role::Viewer)).unwrap());
    assert_eq!(ada.get("/").status, 303, "a lesser role logs out");
    assert_eq!(olive.get("/").status, 200);
    save(&|all| assert!(all.remove("olive")));
    assert_eq!(olive.get("/").status, 303);
    // A file that is wrong lets nobody in, and says so.
    let mut vera = served.browser("vera");
    std::fs::write(Accounts::path(served.folder.path()), "account = 3").unwrap();
    assert_eq!(vera.get("/").status, 303);
    assert_eq!(
        Browser::new(served.address).log_in("vera", PASSWORD).status,
        503
    );
}

#[test]
fn passwords_are_not_tried_one_after_another() {
    let served = Served::new();
    for name in ["ada", "nobody-at-all"] {
        let mut browser = Browser::new(served.address);
        for _ in 0..5 {
            let reply = browser.log_in(name, "wrong password");
            assert_eq!(reply.status, 401);
            assert!(reply.text().contains("Account, password or code is wrong."));
        }
        let reply = browser.log_in(name, PASSWORD);
        assert_eq!(reply.status, 429, "also the right one has to wait");
        assert!(reply.header("retry-after").is_some());
    }
    // Others are not kept out by that.
    served.browser("vera");
}

#[test]
fn a_code_is_asked_for_where_the_account_has_one_and_counts_once() {
    let key = TotpKey::make().unwrap();
    let served = Served::at("127.0.0.1:0", |folder| {
        let mut accounts = Accounts::load(folder).unwrap();
        let mut one = account(Role::Operator);
        one.totp = Some(key.base32());
        accounts.put("olive", one).unwrap();
        accounts.save(folder).unwrap();
    });
    let now = jiff::Timestamp::now().as_second() as u64;
    let code = key.code(step_at(now));
    let mut browser = Browser::new(served.address);
    assert_eq!(browser.log_in("olive", PASSWORD).status, 401);
    assert_eq!(
        browser.log_in_with("olive", "wrong password", &code).status,
        401
    );
    assert_eq!(browser.log_in_with("olive", PASSWORD, &code).status, 303);
    let mut second = Browser::new(served.address);
    assert_eq!(
        second.log_in_with("olive", PASSWORD, &code).status,
        401,
        "used before"
    );
}

#[test]
fn no_path_leads_out_of_the_page() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    for path in [
        "/static/../accounts.toml",
        "/static/%2e%2e/accounts.toml",
        "/static/..%2faccounts.toml",
        "/static//etc/passwd",
        "/accounts.toml",
        "/key.pem",
        "/people/..%2f..%2faccounts.toml",
        "/people/%23",
        "/people/-1",
        "/people/99999999999999999999",
        "/camera/picture/..%2f..%2fkey.pem",
        "/people/camera/..%2fx",
        "//evil.example/",
        "/%00",
        "/people/1%0d%0aSet-Cookie:x=y",
    ] {
        let reply = ada.get(path);
        let text = reply.text();
        assert!(
            (400..500).contains(&reply.status),
            "{path}: {}",
            reply.status
        );
        assert!(
            !text.contains("argon2id") && !text.contains("root:"),
            "{path}: {text}"
        );
        assert!(reply.header("set-cookie").is_none(), "{path}");
    }
    // What the address says was done is one of the page's own sentences, or nothing.
    let page = ada.get("/?done=%3Cscript%3Ealert(1)%3C/script%3E").text();
    assert!(!page.contains("alert(1)"));
}

#[test]
fn a_face_is_shown_where_a_photo_is_kept_and_the_role_may_see_it() {
    let served = Served::new();
    let shows = |page: &str, id: u32| page.contains(&format!("src=\"/people/{id}/face\""));
    for (name, role) in ACCOUNTS {
        let mut browser = served.browser(name);
        for path in ["/people", "/people/3"] {
            let page = browser.get(path).text();
            assert_eq!(shows(&page, 3), role >= Role::Operator, "{name}: {path}");
            // The letters are there all the same.
            assert!(page.contains("EC"), "{name}: {path}");
            assert!(!shows(&page, 1), "{name}: {path}");
        }
    }
    let mut olive = served.browser("olive");
    let face = olive.get("/people/3/face");
    assert_eq!(face.header("content-type"), Some("image/jpeg"));
    // Nobody on the way keeps it, nor the browser.
    assert_eq!(face.header("cache-control"), Some("no-store"));
    let read = image::load_from_memory(&face.body).unwrap();
    assert_eq!((read.width(), read.height()), (160, 160));
    assert_eq!(olive.get("/people/1/face").status, 404);
    assert_eq!(olive.get("/people/99/face").status, 404);
}

#[test]
fn names_from_outside_are_text_and_nothing_else() {
    let served = Served::new();
    let wild = "<script>alert(1)</script>\"'&\u{202e}\u{1b}[2J";
    let id = served.door.list(wild, &["<b>"], None, None);
    served.door.happen(fake_door::granted(id, wild, 0.9));
    served
        .door
        .happen(json!({ "kind": wild, "message": wild, "purpose": wild }));
    let mut ada = served.browser("ada");
    let person = format!("/people/{id}");
    for path in [
        "/",
        "/people",
        &person,
        "/rules",
        "/reports?what=all",
        "/reports.csv?what=all",
        "/faults",
    ] {
        let text = ada.get(path).text();
        assert!(
            path.ends_with("csv?what=all") || !text.contains("<script>alert"),
            "{path}"
        );
        assert!(!text.contains(['\u{202e}', '\u{1b}']), "{path}");
        assert!(!text.contains("<b>") || path.contains("csv"), "{path}");
    }
}

#[test]
fn every_answer_carries_what_binds_the_browser() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    let mut nobody = Browser::new(served.address);
    let replies = [
        ada.get("/"),
        ada.get("/nowhere"),
        ada.get("/reports.csv"),
        ada.get("/camera/picture"),
        ada.get("/static/page.js"),
        ada.post("/open", &[]),
        nobody.get("/log-in"),
        nobody.get("/"),
        nobody.send("GET", "/", &[("Host", "evil.example")], b""),
        nobody.send("DELETE", "/", &[], b""),
    ];
    for reply in replies {
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("x-frame-options"), Some("DENY"));
        assert!(reply.header("cache-control").is_some());
        // Nothing inline, which the policy would not run.
        let text = reply.text();
        for inline in [
            " style=\"",
            " onclick",
            " onload",
            "<style",
            "javascript:",
            "http://",
            "https://",
        ] {
            let is_fine = inline.starts_with("http") && text.contains("xmlns")
                || reply
                    .header("content-type")
                    .is_some_and(|kind| kind.contains("javascript"));
            assert!(is_fine || !text.contains(inline), "{inline} in {text}");
        }
    }
}

#[test]
fn another_name_that_leads_here_is_not_answered() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    for (host, status) in [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("door.lan", 200),
        ("DOOR.lan:8443", 200),
        ("localhost:1", 200),
        ("[::1]:8443", 200),
    ] {
        let reply = ada.send("GET", "/", &[("Host", host)], b"");
        assert_eq!(reply.status, status, "{host}");
    }
}

#[test]
fn what_is_too_large_is_refused_and_the_page_goes_on() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    let token = ada.token("/account");
    let fields = [("token", token.as_str()), ("name", "Mary")];
    let big = vec![0xff; (8 << 20) + 1];
    assert_eq!(
        ada.upload("/people/add", &fields, &[("a.jpg", &big)])
            .status,
        413
    );
    let small = photo();
    let nine: Vec<(&str, &[u8])> = (0..9).map(|_| ("a.jpg", small.as_slice())).collect();
    assert_eq!(ada.upload("/people/add", &fields, &nine).status, 413);
    let long = "x".repeat(40_000);
    assert_eq!(
        ada.post("/open", &[("token", &token), ("reason", &long)])
            .status,
        413
    );
    let cookie = "y".repeat(40_000);
    let mut heavy = ada.clone();
    heavy.headers.push(("X-Heavy".into(), cookie));
    assert_eq!(heavy.get("/").status, 431);
    let reply = ada.upload("/people/add", &fields, &[("a.txt", b"no photo at all")]);
    assert_eq!(reply.status, 422);
    assert!(reply.text().contains("a.txt: is neither a JPEG nor a PNG"));
    // What the door says is wrong with each comes as it says it, a line each.
    let before = served.door.names();
    let two = [("blurred1.jpg", &small[..]), ("blurred2.jpg", &small)];
    let reply = ada.upload("/people/add", &fields, &two);
    assert_eq!(reply.status, 422);
    for line in [
        "<p>  blurred1.jpg: the face is blurred</p>",
        "<p>  blurred2",
    ] {
        assert!(reply.text().contains(line), "{}", reply.text());
    }
    assert_eq!(served.door.names(), before);
    // Nonsense, and many who say nothing.
    let silent: Vec<_> = (0..100).map(|_| ada.connect()).collect();
    for nonsense in [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"\0\0\0\0"] {
        let mut stream = ada.connect();
        stream.write_all(nonsense).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
    }
    assert_eq!(ada.get("/").status, 200);
    drop(silent);
}

#[test]
fn lists_and_forms_work_without_scripts() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    let today = ada.get("/").text();
    for shown in [
        "Ada Lovelace",
        "Somebody unknown",
        "Opened by order",
        "by olive",
        "Locked",
    ] {
        assert!(today.contains(shown), "{shown}: {today}");
    }
    let token = token_in(&today).unwrap();
    assert_eq!(
        ada.post("/open", &[("token", &token), ("reason", " ")])
            .status,
        422
    );
    let reply = ada.post("/open", &[("token", &token), ("reason", "the <plumber>")]);
    assert_eq!(reply.header("location"), Some("/?done=opened"));
    let today = ada.get("/?done=opened").text();
    assert!(today.contains("The door is unlocked for a moment."));
    assert!(today.contains("the &lt;plumber&gt; · by ada"), "{today}");

    // A guest until tomorrow, by photos.
    let form = ada.get("/people/add?guest=1").text();
    let until = form.split("name=\"until\"").nth(1).unwrap();
    let until = until
        .split("value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let fields = [
        ("token", token.as_str()),
        ("name", "Mary Jackson"),
        ("groups", "visitors, Staff"),
        ("until", until),
    ];
    let one = photo();
    let reply = ada.upload("/people/add", &fields, &[("1.jpg", &one), ("2.jpg", &one)]);
    assert_eq!(reply.status, 303, "{}", reply.text());
    let person = reply.header("location").unwrap().to_owned();
    let shown = ada.get(&person).text();
    for word in [
        "Mary Jackson",
        "guest until",
        "staff, visitors",
        "The person is listed now.",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let found = ada.get("/people?q=mary&group=%2Bguests").text();
    assert!(found.contains("Mary Jackson") && !found.contains("Turing"));

    // With the camera.
    let reply = ada.upload(
        "/people/camera",
        &[("token", &token), ("name", "Dorothy Vaughan")],
        &[],
    );
    let guided = reply.header("location").unwrap().to_owned();
    assert!(ada.get(&guided).text().contains("http-equiv=\"refresh\""));
    assert_eq!(
        served.browser("ada").get(&guided).status,
        200,
        "of the account"
    );
    let mut shown = String::new();
    for _ in 0..1000 {
        shown = ada.get(&guided).text();
        if shown.contains("To this person") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(shown.contains("Done: the person is listed."), "{shown}");
    assert!(served.door.names().contains(&"Dorothy Vaughan".to_owned()));

    // Rules, reports, and gone again.
    let told = ada.get("/rules?person=1&at=2026-11-28T08:00").text();
    assert!(told.contains("no, Ada Lovelace may not pass."), "{told}");
    assert!(told.contains("not at this time, by the rules"));
    let csv = ada.get("/reports.csv?what=all").text();
    assert!(
        csv.starts_with("id,at,kind,reason,person_id,name,what\r\n"),
        "{csv}"
    );
    assert!(csv.contains(",granted,recognised,1,Ada Lovelace,"));
    let path = person.split('?').next().unwrap();
    let remove = format!("{path}/remove");
    assert_eq!(
        ada.post(&remove, &[("token", &token)]).status,
        422,
        "not without the tick"
    );
    let reply = ada.post(&remove, &[("token", &token), ("sure", "yes")]);
    assert_eq!(reply.header("location"), Some("/people?done=removed"));
    assert!(!served.door.names().contains(&"Mary Jackson".to_owned()));
    assert_eq!(ada.get(path).status, 404);
}

/// What was asked last about people.
fn last_verb(served: &Served) -> serde_json::Value {
    let asked = served.door.asked();
    let mut verbs = asked.into_iter().filter_map(|(_, ask)| match ask {
        doorward::ipc::Ask::People { verb } if verb["verb"] != "erase" => Some(verb),
        _ => None,
    });
    verbs.next_back().unwrap()
}

#[test]
fn consent_is_noted_replaced_and_taken_back() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    let page = ada.get("/people/1").text();
    let token = token_in(&page).unwrap();
    // There is nothing to take back yet.
    assert!(page.contains("none noted") && !page.contains("value=\"withdraw\""));
    let mut post = |what: &str, day: &str, purpose: &str| {
        let fields = [
            ("token", token.as_str()),
            ("do", what),
            ("day", day),
            ("purpose", purpose),
        ];
        let reply = ada.post("/people/1/consent", &fields);
        (reply.status, reply.text(), ada.get("/people/1").text())
    };
    let (status, _, page) = post("note", "2026-09-01", "entry by <face>");
    assert_eq!(status, 303);
    assert_eq!(
        last_verb(&served),
        json!({ "verb": "note_consent", "people": ["#1"],
            "consent": { "day": "2026-09-01", "purpose": "entry by <face>" } })
    );
    assert!(page.contains("2026-09-01, entry by &lt;face&gt;"), "{page}");
    assert!(page.contains("value=\"2026-09-01\""), "to be corrected");
    // Without a purpose none is asked for.
    let (_, _, page) = post("note", "2026-10-01", "");
    assert_eq!(
        last_verb(&served)["consent"],
        json!({ "day": "2026-10-01" })
    );
    assert!(page.contains("2026-10-01") && !page.contains("&lt;face&gt;"));
    // What the door refuses is told, and changes nothing.
    let (status, told, page) = post("note", "2999-01-01", "");
    assert_eq!(status, 422);
    assert!(told.contains("still to come"), "{told}");
    assert!(page.contains("2026-10-01"));
    for (what, day) in [("note", ""), ("note", "yesterday"), ("", "2026-10-01")] {
        let before = served.door.asked().len();
        let (status, told, _) = post(what, day, "");
        assert_eq!(status, 422, "{what} {day}: {told}");
        assert_eq!(served.door.asked().len(), before, "{what} {day}");
    }

    let (status, _, page) = post("withdraw", "", "");
    assert_eq!(status, 303);
    assert_eq!(
        last_verb(&served),
        json!({ "verb": "withdraw_consent", "people": ["#1"] })
    );
    assert!(
        page.contains("none noted") && page.contains("Disabled"),
        "{page}"
    );
}

#[test]
fn a_name_is_erased_only_where_that_is_ticked() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    let token = ada.token("/people/1");
    for (id, name, verb) in [("1", "", "remove"), ("2", "erase", "erase_people")] {
        let path = format!("/people/{id}/remove");
        let fields = [("token", token.as_str()), ("name", name)];
        // Not without the other tick.
        assert_eq!(ada.post(&path, &fields).status, 422);
        let fields = [&fields[..], &[("sure", "yes")]].concat();
        let reply = ada.post(&path, &fields);
        assert_eq!(reply.header("location"), Some("/people?done=removed"));
        assert_eq!(
            last_verb(&served),
            json!({ "verb": verb, "people": [format!("#{id}")] })
        );
        assert_eq!(ada.get(&format!("/people/{id}")).status, 404);
        // It is asked for that the files have nothing left.
        let asked = served.door.asked();
        let erase = doorward::ipc::Ask::People {
            verb: json!({ "verb": "erase" }),
        };
        assert_eq!(asked.last(), Some(&(Some("ada".into()), erase)));
    }
}

#[test]
fn today_has_the_face_of_an_event_where_it_is_kept_and_the_role_may_see_it() {
    let served = Served::new();
    let shows =
        |page: &str, event: u64| page.contains(&format!("src=\"/happened/{event}/picture\""));
    for (name, role) in ACCOUNTS {
        let mut browser = served.browser(name);
        let today = browser.get("/").text();
        let shown = (1..=10).filter(|event| shows(&today, *event));
        let may: Vec<u64> = match role >= Role::Operator {
            true => fake_door::PICTURED.to_vec(),
            false => Vec::new(),
        };
        assert_eq!(shown.collect::<Vec<u64>>(), may, "{name}: {today}");
    }
    let mut olive = served.browser("olive");
    let picture = olive.get("/happened/5/picture");
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    assert_eq!(picture.header("cache-control"), Some("no-store"));
    let read = image::load_from_memory(&picture.body).unwrap();
    assert_eq!((read.width(), read.height()), (160, 160));
    for event in ["4", "99", "x"] {
        let reply = olive.get(&format!("/happened/{event}/picture"));
        assert!(matches!(reply.status, 400 | 404), "{event}");
    }
}

#[test]
fn what_happens_comes_by_itself_and_nothing_twice() {
    let served = Served::new();
    let vera = served.browser("vera");
    let last = served
        .door
        .happen(fake_door::granted(1, "Ada Lovelace", 0.7));
    let mut stream = vera.connect();
    let accept = [("Accept", "text/event-stream")];
    let path = format!("/stream?after={}", last - 1);
    stream
        .write_all(&vera.request("GET", &path, &accept, b""))
        .unwrap();
    let mut heard = String::new();
    let mut wait_for = |heard: &mut String, what: &str| {
        let mut bytes = [0; 4096];
        while !heard.contains(what) {
            let read = stream.read(&mut bytes).unwrap();
            assert!(read > 0, "{heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    // What was missed, how things are, and what happens then.
    wait_for(&mut heard, &format!("\"id\":{last}"));
    wait_for(&mut heard, "event: state");
    served
        .door
        .happen(json!({ "kind": "denied", "reason": "not_listed" }));
    wait_for(&mut heard, "resembles nobody on the list");
    assert_eq!(
        heard.matches(&format!("\"id\":{last},")).count(),
        1,
        "{heard}"
    );
    served
        .door
        .happen(json!({ "kind": "locked", "reason": "pulse_ended" }));
    served.door.happen(json!({ "kind": "tamper" }));
    wait_for(&mut heard, "Cover open or cable cut");
    assert!(
        !heard.contains("pulse"),
        "what is of no interest today is not told"
    );
}

#[test]
fn a_door_that_does_not_answer_is_said_to() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    served.door.fail("camera_lost", "it was unplugged");
    let faults = ada.get("/faults").text();
    assert!(faults.contains("Camera lost"), "{faults}");
    served.door.go();
    let reply = ada.get("/");
    assert_eq!(reply.status, 502);
    assert!(reply.text().contains("No word from the door"));
    assert_eq!(ada.get("/account").status, 200);
}

#[test]
fn the_first_view_is_light() {
    let served = Served::new();
    let mut ada = served.browser("ada");
    let paths = [
        "/",
        "/static/style.css",
        "/static/page.js",
        "/static/icon.svg",
    ];
    let bytes: usize = paths.map(|path| ada.get(path).body.len()).iter().sum();
    assert!(bytes <= 100 * 1024, "{bytes} bytes");
}

/// What a client that trusts the page's certificate hears; nothing if there is no TLS.
fn over_tls(served: &Served, request: &[u8]) -> Option<page::Reply> {
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    let file = doorward::web::certificate_path(served.folder.path());
    let pem = std::fs::read(file).unwrap();
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap())
        .unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "127.0.0.1".try_into().unwrap();
    let client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let browser = Browser::new(([127, 0, 0, 1], served.address.port()).into());
    let mut stream = rustls::StreamOwned::new(client, browser.connect());
    stream.write_all(request).ok()?;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    page::Reply::parse(&bytes)
}

#[test]
fn on_another_address_there_is_tls_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = page::settings(folder.path(), "0.0.0.0:0");
    let photo = photo();
    let door = fake_door::FakeDoor::new(&photo, std::time::Duration::from_secs(1));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let door = std::sync::Arc::new(fake_door::Shared(door));
    let refused = runtime.block_on(doorward::web::Page::bind(settings, door));
    let said = refused.err().unwrap().to_string();
    assert!(said.contains("doorward web certificate"), "{said}");

    let served = Served::at("0.0.0.0:0", |folder| {
        let addresses = ["127.0.0.1".parse().unwrap()];
        doorward::web::make_certificate(folder, &["localhost".into()], &addresses).unwrap();
    });
    let mut browser = Browser::new(([127, 0, 0, 1], served.address.port()).into());
    // Without TLS there is no page, and no password is read.
    let mut plain = browser.connect();
    plain
        .write_all(&browser.request("GET", "/log-in", &[], b""))
        .unwrap();
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes);
    assert!(!bytes.starts_with(b"HTTP"), "{bytes:?}");
    let reply = over_tls(&served, &browser.request("GET", "/log-in", &[], b"")).unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.header("strict-transport-security").is_some());
    browser.keep_cookies(&reply);
    let token = token_in(&reply.text()).unwrap();
    let body = format!(
        "token={token}&account=ada&password={}",
        PASSWORD.replace(' ', "+")
    );
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let request = browser.request("POST", "/log-in", &kind, body.as_bytes());
    let reply = over_tls(&served, &request).unwrap();
    assert_eq!(reply.status, 303);
    let cookies: Vec<&String> = reply
        .headers
        .iter()
        .filter(|(n, _)| n == "set-cookie")
        .map(|(_, v)| v)
        .collect();
    assert!(
        cookies.iter().all(|cookie| cookie.contains("; Secure")),
        "{cookies:?}"
    );
    browser.keep_cookies(&reply);
    assert!(
        browser.cookies.contains_key("__Host-doorward"),
        "{cookies:?}"
    );
    let reply = over_tls(&served, &browser.request("GET", "/people", &[], b"")).unwrap();
    assert!(reply.text().contains("Ada Lovelace"));
    let fingerprint = doorward::web::fingerprint(served.folder.path()).unwrap();
    assert_eq!(fingerprint.len(), 32 * 3 - 1);
}

/// Two network namespaces with a cable between them; gone when this is dropped.
struct Cable {
    inside: String,
    outside: String,
}

impl Cable {
    /// Nothing where this user may not make any.
    fn lay() -> Option<Self> {
        let number = std::process::id();
        let cable = Self {
            inside: format!("doorward-in-{number}"),
            outside: format!("doorward-out-{number}"),
        };
        let (a, b) = (format!("dwa{number}"), format!("dwb{number}"));
        let laid = [
            format!("netns add {}", cable.inside),
            format!("netns add {}", cable.outside),
            format!(
                "link add {a} netns {} type veth peer name {b} netns {}",
                cable.inside, cable.outside
            ),
            format!("-n {} addr add 10.77.0.1/24 dev {a}", cable.inside),
            format!("-n {} addr add 10.77.0.2/24 dev {b}", cable.outside),
            format!("-n {} link set {a} up", cable.inside),
            format!("-n {} link set {b} up", cable.outside),
            format!("-n {} link set lo up", cable.inside),
        ];
        let is_laid = laid.iter().all(|words| ip(words));
        is_laid.then_some(cable)
    }

    /// The status of a page, by curl from one of the two; nothing if it is not reached.
    fn curl(&self, from: &str, arguments: &[&str]) -> Option<String> {
        let output = std::process::Command::new("ip")
            .args([
                "netns",
                "exec",
                from,
                "curl",
                "--silent",
                "--max-time",
                "20",
            ])
            .args(arguments)
            .output()
            .unwrap();
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.inside));
        ip(&format!("netns del {}", self.outside));
    }
}

fn ip(words: &str) -> bool {
    let done = std::process::Command::new("ip")
        .args(words.split(' '))
        .output();
    done.is_ok_and(|output| output.status.success())
}

/// A page by the program itself, inside; it says where it is when it is ready.
fn start(cable: &Cable, config: &std::path::Path) -> (std::process::Child, String) {
    use std::io::BufRead as _;
    let mut page = std::process::Command::new("ip")
        .args([
            "netns",
            "exec",
            &cable.inside,
            env!("CARGO_BIN_EXE_doorward"),
            "--config",
        ])
        .arg(config)
        .arg("web")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(page.stderr.take().unwrap()).lines();
    let mut said = String::new();
    for line in lines.map_while(Result::ok) {
        said += &line;
        if line.contains("the page is at") {
            break;
        }
    }
    (page, said)
}

#[test]
fn from_outside_it_is_reached_by_tls_alone_and_seen_with_an_account_alone() {
    let has_curl = std::process::Command::new("curl")
        .arg("--version")
        .output()
        .is_ok();
    let Some(cable) = Cable::lay().filter(|_| has_curl) else {
        support::lacks(
            support::Need::Namespace,
            "ip netns and curl are needed for two networks",
        );
        return;
    };
    let site = tempfile::tempdir().unwrap();
    let config = site.path().join("doorward.toml");
    let folder = site.path().join("web");
    let write = |listen: &str| {
        let strict = "[daemon]\nstrict_modes = false\n";
        std::fs::write(
            &config,
            format!("{strict}[web]\nfolder = \"web\"\n{listen}"),
        )
        .unwrap();
    };
    std::fs::create_dir(&folder).unwrap();
    page::accounts().save(&folder).unwrap();

    // By default this machine alone.
    write("");
    let (mut page, said) = start(&cable, &config);
    assert!(said.contains("http://127.0.0.1:8443"), "{said}");
    let status = ["-o", "/dev/null", "-w", "%{http_code}"];
    let inside = cable.curl(
        &cable.inside,
        &[&status[..], &["http://127.0.0.1:8443/log-in"]].concat(),
    );
    assert_eq!(inside.as_deref(), Some("200"));
    for address in ["http://10.77.0.1:8443/", "https://10.77.0.1:8443/"] {
        assert_eq!(
            cable.curl(&cable.outside, &["-k", address]),
            None,
            "{address}"
        );
    }
    page.kill().unwrap();
    page.wait().unwrap();

    // On another address not without a certificate, and then by TLS alone.
    write("listen = \"10.77.0.1:8443\"\n");
    let (mut page, said) = start(&cable, &config);
    assert!(said.contains("doorward web certificate"), "{said}");
    assert!(!page.wait().unwrap().success());
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["web", "certificate", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let (mut page, said) = start(&cable, &config);
    assert!(said.contains("https://10.77.0.1:8443"), "{said}");
    assert_eq!(
        cable.curl(&cable.outside, &["http://10.77.0.1:8443/log-in"]),
        None
    );
    let base = "https://10.77.0.1:8443";
    let own = folder.join("certificate.pem");
    let jar = site.path().join("jar");
    let (own, jar) = (own.to_str().unwrap(), jar.to_str().unwrap());
    let asked = |more: &[&str]| {
        let all = [&["--cacert", own, "-b", jar, "-c", jar][..], more].concat();
        cable.curl(&cable.outside, &all).unwrap()
    };
    let people = format!("{base}/people");
    let code = |path: &str| asked(&[&status[..], &[path]].concat());
    assert_eq!(code(&people), "401");
    let form = asked(&[&format!("{base}/log-in")]);
    let token = format!("token={}", token_in(&form).unwrap());
    let password = format!("password={PASSWORD}");
    let fields = [
        "--data-urlencode",
        &token,
        "-d",
        "account=ada",
        "--data-urlencode",
        &password,
    ];
    let log_in = format!("{base}/log-in");
    assert_eq!(
        asked(&[&status[..], &fields[..], &[&log_in]].concat()),
        "303"
    );
    // No door is behind it here, which is said to whoever has an account.
    assert_eq!(code(&people), "502");
    assert_eq!(code(&format!("{base}/account")), "200");
    page.kill().unwrap();
    page.wait().unwrap();
}
