// A walk through the page in headless Chromium, on a phone and on a desktop, light and dark,
// and without scripts: screenshots in target/screenshots, axe-core on every page.
//   node walk.mjs PROGRAM CHROMIUM PHOTO FOLDER
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { PATIENCE, SIZES, click, consent, expect, look, open, submit, text, walked } from "./browser.mjs";

const [program, chromium, photo, folder] = process.argv.slice(2);

// Those of the README, which has them in docs/.
const README = { "phone-light-02-today": "today", "phone-light-06-person": "person", "desktop-light-11-camera": "camera" };

const serve = async () => {
  const served = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: served.stdout });
  const [line] = await new Promise((done) => lines.once("line", (text) => done([text])));
  const [address, password] = line.split(" ");
  return { served, address, password, tell: (word) => served.stdin.write(`${word}\n`) };
};

const walk = async (browser, size, dark) => {
  const { served, address, password, tell } = await serve();
  const base = `http://${address}`;
  const opened = await open(browser, folder, size, dark);
  const { context, page } = opened;
  const seen = async (name) => {
    const shown = README[await opened.seen(name)];
    if (shown) await page.screenshot({ path: `${folder}/page-${shown}.jpg`, type: "jpeg", quality: 72 });
  };

  await page.goto(base);
  await seen("log-in");
  await page.type("#account", "ada");
  await page.type("#password", "wrong password");
  await submit(page, "button[type=submit]");
  expect((await text(page)).includes("is wrong"), `${size}: a wrong password is told`);
  await page.type("#password", password);
  // By keyboard alone.
  await Promise.all([page.waitForNavigation(PATIENCE), page.keyboard.press("Enter")]);
  await page.waitForFunction(() => document.body.innerText.includes("Locked"), PATIENCE);
  await page.waitForFunction(() => [...document.querySelectorAll("#happenings .face img")].filter((img) => img.naturalWidth === 160).length === 2, PATIENCE);
  await seen("today");

  await page.type("#reason", "a parcel for the office");
  await submit(page, "form[action='/open'] button");
  expect((await text(page)).includes("The door is unlocked for a moment"), `${size}: opened`);
  expect((await text(page)).includes("a parcel for the office"), `${size}: seen in the list`);
  await page.waitForFunction(() => document.querySelector(".state strong").textContent === "Unlocked", PATIENCE);
  const before = await page.$$eval("#happenings li", (all) => all.length);
  tell("granted");
  await page.waitForFunction((n) => document.querySelectorAll("#happenings li").length > n, PATIENCE, before);
  expect((await page.$eval("#happenings li", (li) => li.innerText)).includes("Katherine Johnson"), `${size}: comes by itself`);
  await seen("opened");

  await page.goto(`${base}/people`);
  await page.waitForFunction(() => [...document.querySelectorAll(".face img")].some((img) => img.naturalWidth === 160), PATIENCE);
  await seen("people");
  await page.goto(`${base}/people/add?guest=1`);
  await page.type("#name", "Mary Jackson");
  await page.type("#groups", "visitors");
  const input = await page.$("#photos");
  await input.uploadFile(photo, photo, photo);
  await page.waitForFunction(() => !document.querySelector("button[type=submit]").disabled, PATIENCE);
  await seen("guest");
  await submit(page, "form[action='/people/add'] .columns .card:first-child button");
  expect((await text(page)).includes("The person is listed now"), `${size}: enrolled by photos`);
  await seen("person");

  // Consent is noted, and taken back.
  await consent(page, (what) => expect(false, `${size}: ${what}`), seen);

  await page.goto(`${base}/people/add`);
  await page.type("#name", "Dorothy Vaughan");
  await submit(page, "button[formaction='/people/camera']");
  await page.waitForFunction(() => /of 5 photos/.test(document.body.innerText) && !/asked/.test(document.querySelector('#said').innerText) && document.querySelector(".view rect"), PATIENCE);
  await seen("guided");
  await page.waitForFunction(() => document.body.innerText.includes("Done: the person is listed"), PATIENCE);
  await seen("guided-done");

  await page.goto(`${base}/camera`);
  await page.waitForFunction(() => document.querySelector(".view rect"), PATIENCE);
  await seen("camera");
  await page.goto(`${base}/rules?person=1&at=2026-11-28T08:00`);
  await seen("rules");
  await page.goto(`${base}/reports?what=all`);
  await seen("reports");
  tell("fault");
  await page.goto(base);
  await page.waitForFunction(() => !document.querySelector("#faults").hidden, PATIENCE);
  await page.goto(`${base}/faults`);
  await seen("faults");
  await page.goto(`${base}/more`);
  await seen("more");

  // Gone again.
  await page.goto(`${base}/people?q=mary`);
  await submit(page, ".list a");
  await click(page, "#remove summary");
  await click(page, "#remove input[name=name]");
  await click(page, "#remove input[name=sure]");
  await seen("remove");
  await submit(page, "button.danger");
  expect((await text(page)).includes("The person is gone"), `${size}: erased`);
  await page.goto(`${base}/account`);
  await submit(page, "form[action='/log-out'] button");
  await page.goto(`${base}/people`);
  expect(page.url().endsWith("/log-in"), `${size}: logged out`);
  await context.close();
  served.kill();
};

// What a page holds that loads itself anew, whenever that is.
const content = async (page) => {
  for (;;) {
    try {
      return await page.content();
    } catch (error) {
      if (!/context was destroyed/.test(error)) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
};

// The same without scripts: lists and forms.
const plain = async (browser) => {
  const { served, address, password } = await serve();
  const base = `http://${address}`;
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setJavaScriptEnabled(false);
  await page.setViewport(SIZES.phone);
  await page.goto(base);
  await page.type("#account", "ada");
  await page.type("#password", password);
  await submit(page, "button[type=submit]");
  await page.type("#reason", "without scripts");
  await submit(page, "form[action='/open'] button");
  const opened = await content(page);
  expect(opened.includes("without scripts") && opened.includes("is unlocked for a moment"), "plain: opened and listed");
  await look(page, folder, "plain-today");
  await page.goto(`${base}/people/2`);
  await click(page, "#consent summary");
  await page.$eval("#day", (day) => day.value = "2026-09-01");
  await submit(page, "#consent button[value=note]");
  expect((await content(page)).includes("2026-09-01"), "plain: consent is noted");
  await click(page, "#remove summary");
  await click(page, "#remove input[name=sure]");
  await submit(page, "button.danger");
  expect((await content(page)).includes("The person is gone"), "plain: erased");
  await page.goto(`${base}/people/add`);
  await page.type("#name", "Mary Jackson");
  const input = await page.$("#photos");
  await input.uploadFile(photo);
  await submit(page, "form[action='/people/add'] .columns .card:first-child button");
  expect((await content(page)).includes("The person is listed now"), "plain: enrolled");
  await page.goto(`${base}/people/add`);
  await page.type("#name", "Dorothy Vaughan");
  await submit(page, "button[formaction='/people/camera']");
  await look(page, folder, "plain-guided");
  for (let tries = 0; tries < 60 && !(await content(page)).includes("Done: the person"); tries += 1) {
    await new Promise((done) => setTimeout(done, 500));
  }
  expect((await content(page)).includes("Done: the person is listed"), "plain: enrolled by camera");
  await context.close();
  served.kill();
};

await walked(chromium, folder, async (browser) => {
  await walk(browser, "phone", false);
  await walk(browser, "desktop", false);
  await walk(browser, "phone", true);
  await walk(browser, "desktop", true);
  await plain(browser);
});
