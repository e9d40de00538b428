// What both walks need: a browser of some size, what is expected of each page, and axe-core.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const SIZES = {
  phone: { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { width: 1280, height: 860, deviceScaleFactor: 1 },
};
export const PATIENCE = { timeout: 30_000 };
const problems = [];

export const expect = (holds, what) => {
  if (!holds) {
    problems.push(what);
    console.log(`FAILED ${what}`);
  }
};

// Keeps a screenshot of what is in the window.
export const look = async (page, folder, name) => {
  // What scrolls sideways does not fit.
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wide <= 0, `${name}: ${wide} pixels too wide`);
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: false });
};

export const check = async (page, name) => {
  // Past the page's own policy, which lets no script in from elsewhere.
  const client = await page.createCDPSession();
  const run = async (expression, awaitPromise = false) => {
    const { result, exceptionDetails } = await client.send("Runtime.evaluate", {
      expression, awaitPromise, returnByValue: true, allowUnsafeEvalBlockedByCSP: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  await run(axe);
  const found = await run(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })" +
      ".then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')))",
    true,
  );
  for (const one of found) expect(false, `${name}: axe ${one}`);
  await client.detach();
};

export const text = (page) => page.evaluate(() => document.body.innerText);
// In the middle of the window, where nothing lies over it.
export const click = async (page, selector) => {
  await page.$eval(selector, (element) => element.scrollIntoView({ block: "center" }));
  await page.click(selector);
};
export const submit = async (page, selector) => {
  await Promise.all([page.waitForNavigation(PATIENCE), click(page, selector)]);
};

// On a person's page: consent is noted, shown, and taken back, by which nobody is let in any more.
export const consent = async (page, wrong, seen) => {
  const facts = () => page.$eval(".facts", (list) => list.innerText);
  await click(page, "#consent summary");
  await page.$eval("#day", (day) => { day.value = "2026-09-01"; });
  await page.type("#purpose", "entry by face");
  // Not half under the bar at the bottom of a phone.
  await page.$eval("#consent button", (button) => button.scrollIntoView({ block: "center" }));
  await seen("consent");
  await submit(page, "#consent button[value=note]");
  if (!/2026-09-01, entry by face/.test(await facts())) wrong(`consent is not shown: ${await facts()}`);
  await click(page, "#consent summary");
  await submit(page, "#consent button[value=withdraw]");
  if (!/none noted/.test(await facts())) wrong(`consent is not taken back: ${await facts()}`);
  if (!/Disabled/.test(await text(page))) wrong("who takes consent back is let in");
  await seen("consent-withdrawn");
};

// A page of its own, whose mistakes are told, and what each picture of it is called.
export const open = async (browser, folder, size, dark) => {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport(SIZES[size]);
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  page.on("console", (said) => {
    // What is refused, and that there is no word from the door, the page says itself.
    if (said.type() === "error" && !/status of (4\d\d|502)/.test(said.text())) expect(false, `${size}: ${said.text()}`);
  });
  page.on("pageerror", (error) => expect(false, `${size}: ${error}`));
  page.on("dialog", (dialog) => dialog.accept());
  let step = 0;
  const seen = async (name) => {
    step += 1;
    const file = `${size}-${dark ? "dark" : "light"}-${String(step).padStart(2, "0")}-${name}`;
    await look(page, folder, file);
    await check(page, file);
    return file;
  };
  return { context, page, seen };
};

// Has a walk done in a browser, and ends with how it went.
export const walked = async (chromium, folder, walk) => {
  mkdirSync(folder, { recursive: true });
  const browser = await puppeteer.launch({
    executablePath: chromium,
    headless: true,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--lang=en-GB", "--hide-scrollbars"],
  });
  try {
    await walk(browser);
  } finally {
    await browser.close();
  }
  console.log(problems.length === 0 ? "the walk went well" : `${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
};
