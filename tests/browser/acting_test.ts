/** What people do about alerts on the pages, in a real Chromium: with and without keys, and asked by a foreign page. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { eventually } from "../conformance/eventually.ts";
import {
  accessibilityBreaches,
  launchChromium,
  openPage,
  pictureFolder,
  textOf,
  untilLive,
  type Watched,
} from "./browser.ts";
import { type OpenWorld, openWorld } from "./open_world.ts";

const size = [1280, 800] as const;
const keys = {
  ingestKeys: ["ingest-key-000001"],
  readKeys: ["read-key-00000001"],
  adminKeys: ["lead=admin-key-0000001"],
};
let browser: Browser;
let open: OpenWorld;
let keyed: OpenWorld;
let pictures: string;

before(async () => {
  [browser, open, keyed, pictures] = await Promise.all([
    launchChromium(),
    openWorld(),
    openWorld(keys),
    pictureFolder(),
  ]);
});
after(async () => {
  await browser.close();
  await Promise.all([open.close(), keyed.close()]);
});

const brooklyn = '.t-alerts [data-key^="cancellation_rate_high/brooklyn"]';
const shows = ({ page }: Watched, selector: string, said: RegExp) =>
  eventually(`${selector} shows ${said}`, async () => said.test(await textOf(page, selector)));

async function fill({ page }: Watched, given: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(given)) await page.locator(`#act [name=${name}]`).fill(value);
}

describe("an alert on a page", () => {
  it("is taken over and silenced with the keyboard alone, and the silence is ended", async () => {
    for (const scheme of ["light", "dark"] as const) {
      const world = await openWorld();
      const watched = await openPage(browser, `${world.url}/sre`, { size, scheme });
      const { page } = watched;
      await untilLive(watched);
      await page.locator(`${brooklyn} [data-act=acknowledge]`).focus();
      await page.keyboard.press("Enter");
      await page.locator("#act[open]").waitFor();
      await page.screenshot({ path: join(pictures, `acting-1280-${scheme}.png`) });
      assert.deepEqual(await accessibilityBreaches(page), []);
      await page.keyboard.type("ada");
      await page.keyboard.press("Tab");
      await page.keyboard.type("calling the depot");
      await page.keyboard.press("Enter");
      await shows(watched, `${brooklyn} .c-state`, /taken over by ada: calling the depot/);
      assert.equal(await page.locator(`${brooklyn} [data-act=acknowledge]`).count(), 0);
      assert.match(await textOf(page, "#announce"), /Taken over: cancellation rate high in brooklyn/);

      await page.locator(`${brooklyn} [data-act=silence]`).focus();
      await page.keyboard.press("Space");
      await page.locator("#act[open]").waitFor();
      assert.equal(await page.inputValue("#act [name=by]"), "ada", "the name is remembered");
      await page.keyboard.type("road works");
      await page.locator("#act [name=minutes]").selectOption("240");
      await page.keyboard.press("Enter");
      await shows(watched, `${brooklyn} .c-state`, /silenced until \d\d:\d\d by ada: road works/);
      await shows(watched, ".t-silences tbody", /brooklyn[\s\S]*cancellation rate high[\s\S]*road works/);
      const [silence] = world.twin.handles.board.silences(world.twin.handles.nowMs());
      const hours = (Date.parse(silence!.until) - Date.parse(silence!.at)) / 3_600_000;
      assert.ok(Math.abs(hours - 4) < 0.1, `${hours} hours`);

      await page.locator(`${brooklyn} [data-act=unsilence]`).click();
      await page.locator("#act .main").click();
      await shows(watched, ".t-silences", /none|Why\s*$/);
      await shows(watched, `${brooklyn} .c-state`, /taken over by ada/);
      await page.locator(`${brooklyn} [data-act=silence]`).click();
      await page.keyboard.press("Escape");
      assert.equal(await page.locator("#act[open]").count(), 0);
      assert.deepEqual([...watched.complaints, ...watched.strangers], []);
      await watched.close();
      await world.close();
    }
  });

  it("is silenced on the city's page too, for all rules of the city", async () => {
    const watched = await openPage(browser, `${open.url}/cities/manhattan`, {
      size: [360, 740],
      scheme: "light",
    });
    const { page } = watched;
    await untilLive(watched);
    await page.locator(".t-alerts [data-act=silence]").click();
    await fill(watched, { by: "kim", why: "a parade" });
    await page.locator("#act [name=scope]").selectOption("city");
    await page.screenshot({ path: join(pictures, "acting-360-light.png") });
    await page.locator("#act .main").click();
    await shows(watched, ".t-alerts tbody .c-state", /silenced until/);
    const [silence] = open.twin.handles.board.silences(open.twin.handles.nowMs());
    assert.deepEqual([silence?.rule, silence?.city], ["*", "manhattan"]);
    await watched.close();
  });

  it("says what a refusal says, and keeps what was typed", async () => {
    const watched = await openPage(browser, `${open.url}/sre`, { size, scheme: "light" });
    const { page } = watched;
    await untilLive(watched);
    await page.locator(`${brooklyn} [data-act=acknowledge]`).click();
    await fill(watched, { by: "kim", why: "x" });
    await page.evaluate(`document.querySelector('[name=why]').removeAttribute("maxlength")`);
    await fill(watched, { why: "x".repeat(600) });
    await page.locator("#act .main").click();
    await shows(watched, "#act-trouble", /the body is something else; allowed/);
    assert.equal((await page.inputValue("#act [name=why]")).length, 600);
    await watched.close();
  });
});

describe("with keys", () => {
  it("a reader is told what it takes and offered no button; an admin key may", async () => {
    const reader = await openPage(browser, `${keyed.url}/sre`, {
      size,
      scheme: "light",
      key: "read-key-00000001",
    });
    await untilLive(reader);
    assert.match(await textOf(reader.page, "main"), /need an admin key\. Sign in with one/);
    assert.equal(await reader.page.locator("[data-act]").count(), 0);
    const link = await reader.page.locator("a[href^='/signin']").getAttribute("href");
    await reader.close();

    const admin = await openPage(browser, `${keyed.url}${link}`, {
      size,
      scheme: "light",
      key: "admin-key-0000001",
    });
    assert.equal(new URL(admin.page.url()).pathname, "/sre");
    await untilLive(admin);
    await admin.page.locator(`${brooklyn} [data-act=acknowledge]`).click();
    await fill(admin, { by: "ada", why: "looking" });
    await admin.page.locator("#act .main").click();
    await shows(admin, `${brooklyn} .c-state`, /taken over by ada/);
    await admin.close();
  });

  it("a page of another host can do nothing with the key that the browser knows", async () => {
    const watched = await openPage(browser, `${keyed.url}/sre`, {
      size,
      scheme: "light",
      key: "admin-key-0000001",
    });
    const { page } = watched;
    await untilLive(watched);
    const foreign = createServer((_, answer) => {
      answer.setHeader("content-type", "text/html");
      answer.end("<!doctype html><title>elsewhere</title>");
    });
    await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
    try {
      await page.goto(`http://127.0.0.1:${(foreign.address() as { port: number }).port}/`);
      const path = `${keyed.url}/v1/alerts/silences`;
      const body = { rule: "*", city: "*", by: "x", why: "y", until: "2099-01-01T00:00:00Z" };
      // As a simple request, which needs nobody's leave, with the password; as JSON; and as a form.
      await page.evaluate(`(async () => {
        const body = ${JSON.stringify(JSON.stringify(body))};
        for (const type of ["text/plain", "application/json"]) {
          await fetch(${JSON.stringify(path)}, {
            method: "POST", body, credentials: "include", mode: type === "text/plain" ? "no-cors" : "cors",
            headers: { "content-type": type },
          }).catch(() => undefined);
        }
      })()`);
      const refused = page.waitForResponse((response) => response.url() === path);
      await page.evaluate(`{
        const form = document.createElement("form");
        form.method = "post";
        form.action = ${JSON.stringify(path)};
        document.body.append(form);
        form.submit();
      }`);
      assert.equal((await refused).status(), 403);
    } finally {
      foreign.close();
    }
    assert.deepEqual(keyed.twin.handles.board.silences(keyed.twin.handles.nowMs()), []);
    await watched.close();
  });
});
