// The same walk with a real door: the demo's scenes before the daemon's camera, and its page.
//   node real.mjs PROGRAM CHROMIUM PHOTO FOLDER
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { click, consent, expect, open, submit, text, walked } from "./browser.mjs";

const [program, chromium, photo, folder] = process.argv.slice(2);
// The scenes come round in half a minute, and machines may be busy with other things as well.
const LONG = { timeout: 180_000 };

const until = (page, what, ...given) => page.waitForFunction(what, LONG, ...given);
const says = (page, words) => until(page, (text) => document.body.innerText.includes(text), words);

// The demo prints where it is, and with which account.
const serve = async () => {
  const served = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  const told = {};
  for await (const line of createInterface({ input: served.stdout })) {
    const [, what, value] = /^ {2}(http:|account|password)(?:\s+|(?=\/))(\S+)$/.exec(line) ?? [];
    if (what) told[what] = value;
    if (told.password) break;
  }
  // What it says later is for nobody, and must not wait.
  served.stdout.resume();
  return { served, base: `http:${told["http:"]}`, account: told.account, password: told.password };
};

const walk = async (browser, door, size) => {
  const { context, page, seen } = await open(browser, folder, size, false);
  const { base, account, password } = door;
  const guest = `Joe Biden (${size})`;
  await page.goto(base);
  await page.type("#account", account);
  await page.type("#password", password);
  await submit(page, "button[type=submit]");
  // The daemon may not be there yet: the page shows the door once it is.
  await until(page, () => /^(Locked|Unlocked)$/.test(document.querySelector(".state strong")?.textContent));
  await seen("today");

  // A guest until tomorrow, by photos of a phone; another picture is refused, with its name.
  await page.goto(`${base}/people/add?guest=1`);
  await page.type("#name", guest);
  const send = async (...files) => {
    await (await page.$("#photos")).uploadFile(...files);
    await until(page, () => !document.querySelector("button[type=submit]").disabled);
    await Promise.all([
      page.waitForNavigation(LONG),
      click(page, "form[action='/people/add'] .columns .card:first-child button"),
    ]);
  };
  await send(photo, photo.replace("joe-biden/01.jpg", "scenes-free/coffee.jpg"));
  expect(/coffee\.jpg: it shows no face/.test(await text(page)), `${size}: a photo that cannot be used is named`);
  await seen("photo-refused");
  await send(photo);
  expect((await text(page)).includes("The person is listed now"), `${size}: enrolled by photos`);
  await page.waitForNetworkIdle(LONG).catch(() => {});
  await seen("guest");
  const person = new URL(page.url()).pathname;

  // With the door's own camera, before which the listed person comes again and again.
  await page.goto(`${base}/people/add`);
  await page.type("#name", "Barack Obama");
  await submit(page, "button[formaction='/people/camera']");
  await until(page, () => document.querySelector(".view rect") && !/asked/.test(document.querySelector("#said").innerText));
  await seen("guided");
  await says(page, "Done: the person is listed");
  await seen("guided-done");

  // Opened once, and what the door does on its own is seen as it happens.
  await page.goto(base);
  await page.type("#reason", "a parcel for the office");
  await submit(page, "form[action='/open'] button");
  expect((await text(page)).includes("The door is unlocked for a moment"), `${size}: opened`);
  await until(page, () => /a parcel for the office/.test(document.querySelector("#happenings").innerText));
  const before = await page.$$eval("#happenings li", (all) => all.length);
  await until(page, (n) => {
    const all = document.querySelectorAll("#happenings li");
    return all.length > n && /Barack Obama/.test(all[0].innerText);
  }, before);
  await seen("granted");

  await page.goto(`${base}/people`);
  await page.waitForNetworkIdle(LONG).catch(() => {});
  expect(await page.$$eval(".face img", (all) => all.length > 0 && all.every((img) => img.naturalWidth === 160)), `${size}: faces are shown`);
  await seen("people");
  await page.goto(`${base}/people/1`);
  await page.waitForNetworkIdle(LONG).catch(() => {});
  await seen("person");
  await page.goto(`${base}/camera`);
  await until(page, () => document.querySelector(".view rect"));
  await seen("camera");
  await page.goto(`${base}/rules?person=1`);
  await seen("rules");
  await page.goto(`${base}/faults`);
  await seen("faults");
  await page.goto(`${base}/account`);
  await seen("account");

  await page.goto(`${base}${person}`);
  await consent(page, (what) => expect(false, `${size}: ${what}`), seen);
  await click(page, "#remove summary");
  await click(page, "#remove input[name=name]");
  await click(page, "#remove input[name=sure]");
  await Promise.all([page.waitForNavigation(LONG), click(page, "button.danger")]);
  expect((await text(page)).includes("The person is gone"), `${size}: erased`);
  expect((await page.goto(`${base}${person}`)).status() === 404, `${size}: not there any more`);
  await page.goto(`${base}/reports?what=all`);
  const report = await text(page);
  expect(report.includes("Barack Obama") && report.includes(account), `${size}: reported`);
  expect(!report.includes(guest), `${size}: the name is nowhere any more`);
  await seen("reports");
  await context.close();
};

await walked(chromium, folder, async (browser) => {
  const door = await serve();
  try {
    await walk(browser, door, "phone");
    await walk(browser, door, "desktop");
  } finally {
    door.served.kill("SIGINT");
  }
});
