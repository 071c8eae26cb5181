/** The pages in a real Chromium, over the doors' twin: every one at every size, in light and dark. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { eventually } from "../conformance/eventually.ts";
import {
  accessibilityBreaches,
  launchChromium,
  type Look,
  measuredFile,
  openPage,
  pictureFolder,
  shiftMax,
  textOf,
  untilLive,
} from "./browser.ts";
import { type OpenWorld, openWorld } from "./open_world.ts";

const pages: readonly [name: string, path: string, holds: RegExp, isLive: boolean][] = [
  ["operations", "/", /manhattan/, true],
  ["pipeline", "/sre", /All 42 partitions run/, true],
  ["city", "/cities/manhattan", /cancellation rate high/, true],
  ["ride", "/rides/ride-abc-123", /redispatched/, true],
  ["driver", "/drivers/driver-17", /on trip/, true],
  ["record", "/records/dead-letters/0/0", /To the record it came from/, false],
  ["docs", "/docs", /POST/, false],
  ["unknown", "/rides/nobody", /This ride is not known/, true],
  ["nowhere", "/nowhere", /There is nothing here/, false],
];
/** A phone, a desk, a wall. What can be told apart and read depends on the scheme, hence judged in both. */
const looks: readonly (Pick<Look, "size" | "scheme"> & { isJudged: boolean })[] = [
  { size: [360, 740], scheme: "light", isJudged: true },
  { size: [360, 740], scheme: "dark", isJudged: false },
  { size: [1280, 800], scheme: "light", isJudged: true },
  { size: [1280, 800], scheme: "dark", isJudged: true },
  { size: [3840, 2160], scheme: "light", isJudged: false },
];
/** Of all that a page is made of, before any compression. */
const bytesMax = 100_000;
/** Each with nothing in its cache. */
const visits = 5;

let browser: Browser;
let world: OpenWorld;
let pictures: string;

before(async () => {
  [browser, world, pictures] = await Promise.all([launchChromium(), openWorld(), pictureFolder()]);
});
after(async () => {
  await browser.close();
  await world.close();
});

/**
 * The page after new figures have come to it. What moves by itself does so at every visit; on a busy machine a page may
 * also be painted while half of it is still being read, so one that moved is visited again.
 */
async function visited(url: string, { size, scheme, isLive, picture }: Visit) {
  for (let visit = 1;; visit++) {
    const watched = await openPage(browser, url, { size, scheme });
    if (isLive) await untilLive(watched);
    await world.go();
    await watched.page.screenshot({ path: picture, fullPage: true });
    const moved = await watched.page.evaluate("globalThis.shiftedWhat.join(' ')");
    if (visit === visitsMax || await watched.shifted() < shiftMax) return { watched, moved };
    await watched.close();
  }
}

type Visit = Pick<Look, "size" | "scheme"> & { isLive: boolean; picture: string };
const visitsMax = 3;

describe("every page", () => {
  for (const [name, path, holds, isLive] of pages) {
    it(`${name}: fills, stays still, fits, loads nothing from elsewhere, and can be read by all`, async () => {
      for (const { size, scheme, isJudged } of looks) {
        const look = `${size[0]} ${scheme}`;
        const picture = join(pictures, `${name}-${size[0]}-${scheme}.png`);
        const { watched, moved } = await visited(`${world.url}${path}`, { size, scheme, isLive, picture });
        const { page } = watched;
        assert.match(
          (await textOf(page, "main")).toLowerCase(),
          new RegExp(holds.source.toLowerCase()),
          look,
        );
        assert.ok(await watched.shifted() < shiftMax, `${look}: ${moved}`);
        const tooWide = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        assert.equal(tooWide, 0, `${look}: wider than the window`);
        if (isJudged) assert.deepEqual(await accessibilityBreaches(page), [], look);
        // The browser itself notes that a page's own address was answered 404.
        const real = watched.complaints.filter((text) => !/status of 404/.test(text));
        assert.deepEqual([...real, ...watched.strangers], [], look);
        await watched.close();
      }
    });
  }

  it("has its search where it stays, also while the rest of its header is still on the way", async () => {
    for (const width of [1280, 3840]) {
      const { page, close } = await openPage(browser, world.url, { size: [width, 800], scheme: "light" });
      const left = () => page.evaluate("document.querySelector('.top form').getBoundingClientRect().left");
      const whole = await left();
      await page.evaluate("document.getElementById('link').remove()");
      assert.equal(await left(), whole, `${width}`);
      await close();
    }
  });

  it("weighs less than 100 kB with all its files", async () => {
    for (const [name, path] of pages) {
      const seen = [];
      for (let visit = 0; visit < visits; visit++) {
        const watched = await openPage(browser, `${world.url}${path}`, {
          size: [1280, 800],
          scheme: "light",
        });
        await eventually("something is painted", async () => (await watched.cost()).firstPaintMs > 0);
        seen.push(await watched.cost());
        await watched.close();
      }
      const paints = seen.map(({ firstPaintMs }) => Math.round(firstPaintMs)).sort((a, b) => a - b);
      const { bytes, sentBytes } = seen[0]!;
      const line =
        `${name}: first paint after ${paints[visits >> 1]} ms (${paints[0]} to ${paints.at(-1)} in ` +
        `${visits} visits), ${bytes} bytes in all, ${sentBytes} sent\n`;
      await appendFile(join(pictures, measuredFile), line);
      // The description of every door is a manual, and long: it is held to what is sent of it.
      const weight = name === "docs" ? sentBytes : bytes;
      assert.ok(weight > 5_000 && weight < bytesMax, line);
    }
  });

  it("is complete without scripts", async () => {
    const look = { size: [1280, 800], scheme: "light", scripts: false } as const;
    const watched = await openPage(browser, world.url, look);
    assert.match(await textOf(watched.page, "tbody"), /manhattan/);
    assert.match(await textOf(watched.page, "footer"), /Scripts are off/);
    await watched.close();
  });
});

describe("the keyboard", () => {
  const look = { size: [1280, 800], scheme: "light" } as const;

  it("goes from line to line, opens one, and looks things up", async () => {
    const watched = await openPage(browser, world.url, look);
    const { page } = watched;
    const focused = () => page.evaluate("document.activeElement.textContent.trim()");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "To the content");
    await page.locator("a.line").first().focus();
    const first = await focused();
    await page.keyboard.press("ArrowDown");
    const second = await focused();
    assert.notEqual(second, first);
    await page.keyboard.press("k");
    assert.equal(await focused(), first);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/cities/**");
    assert.equal(new URL(page.url()).pathname, `/cities/${first}`);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("ride-abc-123");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/rides/ride-abc-123");
    await watched.close();
  });

  it("leaves single letters alone where no line has the focus", async () => {
    const watched = await openPage(browser, world.url, look);
    const before = await watched.page.evaluate("document.activeElement.tagName");
    for (const key of ["j", "k", "/", "g"]) await watched.page.keyboard.press(key);
    assert.equal(await watched.page.evaluate("document.activeElement.tagName"), before);
    await watched.close();
  });
});
