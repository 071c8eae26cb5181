/** Open pages in a real Chromium: what changes shows, what is broken is named, and a lost connection is said. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { alertOf, partitionView, windowOf } from "../unit/http/twin.ts";
import { launchChromium, openPage, shiftMax, textOf, untilLive, type Watched } from "./browser.ts";
import { type OpenWorld, openWorld } from "./open_world.ts";

const look = { size: [1280, 800], scheme: "light" } as const;
let browser: Browser;
let world: OpenWorld;

before(async () => void ([browser, world] = await Promise.all([launchChromium(), openWorld()])));
after(async () => {
  await browser.close();
  await world.close();
});

const shows = (watched: Watched, selector: string, said: RegExp) =>
  eventually(`${selector} shows ${said}`, async () => said.test(await textOf(watched.page, selector)));

async function withPage(path: string, work: (watched: Watched) => Promise<void>): Promise<void> {
  // Figures that have grown old are a fault on the pipeline's page.
  await world.go();
  const watched = await openPage(browser, `${world.url}${path}`, look);
  try {
    await untilLive(watched);
    await work(watched);
  } finally {
    await watched.close();
  }
}

const minuteNow = () => Math.floor(systemClock.nowMs() / minuteMs) * minuteMs;

describe("an open page", () => {
  it("shows new figures in the line they belong to, and a new city in a line of its own", async () => {
    await withPage("/", async (watched) => {
      const { page } = watched;
      await page.evaluate(`globalThis.line = document.querySelector('[data-key="bratislava"]')`);
      // A version of the open window that the line shows: what is complete stays, and with it the order of the lines.
      const { live } = world.twin.board.current("bratislava");
      const endMs = Date.parse(live!.window_end);
      await world.twin.publish(
        windowOf({ city: "bratislava", endMs, phase: 0, positions: 9e12, rides: [1, 999, 0, 0] }),
      );
      await shows(watched, '[data-key="bratislava"] .c-cancelled', /99\.9 %/);
      assert.ok(await watched.shifted() < shiftMax, await page.evaluate("globalThis.shiftedWhat.join(' ')"));
      await world.twin.publish(windowOf({ city: "zilina", endMs: minuteNow() }));
      await shows(watched, '[data-key="zilina"] .c-completion', /90\.0 %/);
      const same = await page.evaluate(
        `globalThis.line === document.querySelector('[data-key="bratislava"]')`,
      );
      assert.equal(same, true, "the line is the one that was there");
    });
  });

  it("shows an alert at once: in the line, in the tab's title, first in the table, and aloud", async () => {
    await withPage("/", async (watched) => {
      const sinceMs = minuteNow() - 90 * minuteMs;
      await world.twin.publishAlert(alertOf({ city: "queens", state: "firing", sinceMs, atMs: sinceMs }));
      await shows(watched, '[data-key="queens"] .c-state', /firing since/);
      await shows(watched, "tbody tr:first-child .c-city", /queens/);
      assert.match(await watched.page.title(), /^\(2 firing\)/);
      assert.match(await textOf(watched.page, "#announce"), /queens: firing since/);
    });
  });

  it("says aloud what happens at the same moment, one line each", async () => {
    await withPage("/", async (watched) => {
      const sinceMs = minuteNow() - 80 * minuteMs;
      const alerts = ["bratislava", "san francisco"].map((city) =>
        alertOf({ city, state: "firing", sinceMs, atMs: sinceMs })
      );
      await world.twin.publishAlert(...alerts);
      await shows(watched, "#announce", /bratislava: firing since/);
      await shows(watched, "#announce", /san francisco: firing since/);
    });
  });

  it("does not move lines away from under somebody who reads them", async () => {
    await withPage("/", async (watched) => {
      const order = () =>
        watched.page.evaluate(
          `[...document.querySelectorAll("tbody tr")].map((line) => line.dataset.key).join()`,
        );
      await watched.page.locator('[data-key="bronx"]').hover();
      const before = await order();
      const sinceMs = minuteNow() - 180 * minuteMs;
      await world.twin.publishAlert(alertOf({ city: "bronx", state: "firing", sinceMs, atMs: sinceMs }));
      await shows(watched, '[data-key="bronx"] .c-state', /firing/);
      assert.equal(await order(), before);
      await watched.page.mouse.move(5, 5);
      await shows(watched, "tbody tr:first-child .c-city", /bronx/);
    });
  });

  it("names the partition that stands still, on the pipeline's page and on the desk", async () => {
    await withPage("/sre", async (watched) => {
      await shows(watched, ".verdict", /All 42 partitions run/);
      world.twin.state.partitions = [
        partitionView("ride-events", 0),
        partitionView("ride-events", 7, { lag_seconds: 95, lag_records: 12_034 }),
      ];
      await shows(watched, ".verdict.is-fault", /ride-events\/7 on node-1 is 95 s and 12034 records behind/);
      await shows(watched, ".t-partitions tbody tr:first-child", /ride-events\/7/);
      assert.match(await watched.page.title(), /^\(fault\)/);
    });
    await withPage("/", async (watched) => {
      const error = { code: "handler_failing", message: "the handler threw" };
      world.twin.state.partitions = [partitionView("ride-events", 7, { state: "stopped", error })];
      await shows(watched, "#trouble", /ride-events\/7 has stopped \(handler_failing\)/);
      await world.go();
    });
  });

  it("names the sink that fails", async () => {
    await withPage("/sre", async (watched) => {
      const { sink } = world.twin.state;
      world.twin.state.sink = { ...sink, state: "failing", error: "connection refused" };
      await shows(watched, ".verdict.is-fault", /ClickHouse does not take rows: connection refused/);
      world.twin.state.sink = sink;
      await shows(watched, ".verdict.is-well", /All/);
    });
  });

  it("follows a ride, and becomes its page when the ride turns up", async () => {
    await withPage("/rides/ride-later", async (watched) => {
      assert.match(await textOf(watched.page, "h1"), /This ride is not known/);
      const { rides } = world.twin.state;
      const ride = { ...rides.get("ride-abc-123")!, ride_id: "ride-later" };
      rides.set("ride-later", ride);
      await shows(watched, "h1", /Ride\s+ride-later/);
      await untilLive(watched);
      rides.set("ride-later", {
        ...ride,
        state: "completed",
        ended_at: isoTime(systemClock.nowMs()),
        fare: 21.5,
      });
      await shows(watched, ".figures", /completed[\s\S]*21\.50/);
    });
  });
});

describe("a page whose server goes away", () => {
  it("says that the connection is lost and how old its figures are, and goes on when the server is back", async () => {
    await withPage("/", async (watched) => {
      const { page } = watched;
      await page.evaluate("globalThis.sameDocument = true");
      await world.leave();
      await shows(
        watched,
        "#lost",
        /Connection lost, trying again\. Figures are as of \d\d:\d\d:\d\d UTC, \d+ s ago\./,
      );
      const age = await textOf(page, "#lost [data-age]");
      await eventually("the age goes on", async () => await textOf(page, "#lost [data-age]") !== age);
      await world.comeBack();
      await untilLive(watched);
      assert.equal(await page.locator("#lost").isVisible(), false);
      await world.twin.publish(windowOf({ city: "kosice", endMs: minuteNow() }));
      await shows(watched, '[data-key="kosice"]', /90\.0 %/);
      assert.equal(await page.evaluate("globalThis.sameDocument"), true, "without loading anew");
    });
  });
});

describe("names from outside", () => {
  it("are text in every place, also when they come to a page that is open", async () => {
    const hostile = `"><img src=x onerror="globalThis.harmed=1"><script>globalThis.harmed=1</script>'&`;
    await withPage("/", async (watched) => {
      await world.twin.publish(windowOf({ city: hostile.slice(0, 64), endMs: minuteNow() }));
      await eventually(
        "the city is there",
        async () => await watched.page.locator("a.line", { hasText: "><img" }).count() === 1,
      );
      assert.equal(await watched.page.evaluate("globalThis.harmed"), undefined);
      assert.equal(await watched.page.locator("img").count(), 0);
      await watched.page.locator("a.line", { hasText: "><img" }).click();
      await shows(watched, "h1", /"><img src=x/);
      assert.equal(await watched.page.evaluate("globalThis.harmed"), undefined);
      assert.deepEqual([...watched.complaints, ...watched.strangers], []);
    });
  });

  it("could do nothing even as markup: the page's policy holds what is inline back", async () => {
    const watched = await openPage(browser, world.url, look);
    await watched.page.evaluate(`{
      const holder = document.createElement("div");
      holder.innerHTML = '<img src=x onerror="globalThis.harmed=1"><p id="red" style="color: rgb(255, 0, 0)">x</p>';
      document.body.append(holder);
    }`);
    await eventually(
      "the policy has refused",
      () => watched.complaints.filter((text) => text.includes("Content Security Policy")).length >= 2,
    );
    assert.equal(await watched.page.evaluate("globalThis.harmed"), undefined);
    const colour = await watched.page.evaluate(`getComputedStyle(document.getElementById("red")).color`);
    assert.notEqual(colour, "rgb(255, 0, 0)");
    await watched.close();
  });
});
