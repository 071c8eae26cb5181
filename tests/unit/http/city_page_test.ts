import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AlertRuleWire } from "../../../schemas/alert_rule.ts";
import { niceTop } from "../../../src/http/charts/line_chart.ts";
import { isoTime } from "../../../src/time.ts";
import { type Doors, errorOf, minutesAfterNoon as at, openDoors } from "./doors.ts";
import { alertOf, windowOf } from "./twin.ts";
import { settle } from "../../../src/time.ts";

const html = { accept: "text/html" };
const hostile = `<img src=x onerror="alert(1)">'&`;
const textOf = (page: string) =>
  page.replaceAll("\u202f", " ").replace(/<[^>]*>/g, "|").replace(/[|\s]*\|[|\s]*/g, "|");

async function write(doors: Doors, topic: string, ...values: unknown[]): Promise<void> {
  for (const value of values) await doors.twin.write(topic, value);
  await settle();
  await settle();
}

const ended = (ride_id: string, minute: number, more: Record<string, unknown> = {}) => ({
  ride_id,
  city: "a",
  outcome: "cancelled",
  cancelled_by: "driver",
  reason: "no_show",
  driver_id: "d",
  user_id: "user-456",
  ended_at: isoTime(at(minute)),
  requested_at: isoTime(at(minute - 2)),
  attempts: 1,
  ...more,
});

const cellsAt = (minute: number, more: Record<string, unknown> = {}) => ({
  city: "a",
  at: isoTime(at(minute)),
  rev: "1".padStart(19, "0"),
  resolution: 8,
  cells: [["881e15b719fffff", 12, 3, 1.4], ["881e15b71bfffff", 0, 5, 1]],
  ...more,
});

describe("the page of a city", () => {
  it("draws its windows over the hours that the address says, and links to the others", async () => {
    await using doors = await openDoors();
    for (let minute = -200; minute <= 0; minute++) {
      await doors.twin.publish(windowOf({ city: "a", endMs: at(minute), requests: 500 + minute }));
    }
    const one = await (await doors.get("/cities/a", html)).text();
    assert.match(one, /<span>11:00<\/span><span>11:20<\/span><span>11:40<\/span><span>12:00<\/span>/);
    assert.match(one, /aria-label="Rides in five minutes: requested now 500, completed now 90"/);
    assert.match(one, /href="\/cities\/a\?hours=3">3 h/);
    const three = await (await doors.get("/cities/a?hours=3", html)).text();
    assert.match(three, /<span>09:00<\/span><span>10:00<\/span><span>11:00<\/span><span>12:00<\/span>/);
    assert.match(three, /href="\/cities\/a\?hours=3" aria-current="true"/);
    assert.deepEqual(await errorOf(await doors.get("/cities/a?hours=0")), {
      status: 400,
      code: "query_invalid",
      field: "hours",
    });
  });

  it("takes windows older than memory from history, once a minute and not at every change", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    doors.twin.state.history = [windowOf({ city: "a", endMs: at(-600), requests: 4_321 })];
    let asked = 0;
    const { history } = doors.twin.handles;
    doors.twin.handles.history = (...range) => (asked++, history(...range));
    const { windows } = await (await doors.get("/cities/a?hours=12")).json();
    assert.deepEqual(windows.map((w: { requests: number }) => w.requests), [4_321, 120]);
    assert.equal(asked, 1);
    const stream = await doors.get("/cities/a?hours=12", { accept: "text/event-stream" });
    for (let i = 0; i < 10; i++) await doors.clock.advance(1_000);
    assert.equal(asked, 2);
    await stream.body?.cancel();
  });

  it("shades the hours in which an alert fired where its value is drawn, and lists the alerts", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    await doors.twin.publishAlert(alertOf({ city: "a", state: "firing", sinceMs: at(-15), atMs: at(-10) }));
    const page = await (await doors.get("/cities/a", html)).text();
    const charts = new Map(
      [...page.matchAll(/<figure class="chart"><figcaption><b>(.*?)<\/b>(.*?)<\/figure>/gs)].map((
        [, title, drawn],
      ) => [title!, drawn!] as const),
    );
    assert.equal(charts.size, 6);
    for (const [title, drawn] of charts) {
      // The last quarter of the hour, of 600 units.
      const isShaded = /<rect class="band" x="450" width="150"/.test(drawn);
      assert.equal(isShaded, title === "Cancelled", title);
      assert.equal(drawn.includes("shaded while an alert fired"), isShaded, title);
    }
    assert.match(textOf(page), /\|cancellation rate high\|firing\|critical\|11:45:00\|–\|nobody\|/);
  });

  it("draws the limits of the rules that judge the city, and no others", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    const [cancelled, , slow] = doors.twin.handles.rules() as [AlertRuleWire, AlertRuleWire, AlertRuleWire];
    doors.twin.handles.rules = () => [{ ...cancelled, threshold: 0.4 }, { ...slow, cities: ["!a"] }];
    const limits = [...(await (await doors.get("/cities/a", html)).text()).matchAll(/>(limit .*?)<\/span>/g)];
    assert.deepEqual(limits.map(([, text]) => text), ["limit 40\u202f%"]);
  });

  it("says who was told of an alert, and who has taken it over", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    const alert = alertOf({ city: "a", state: "firing", sinceMs: at(-15), atMs: at(-10) });
    await doors.twin.publishAlert(alert);
    const { alert_id, rule, city, dedup_key, window_end, rev } = alert;
    const about = { alert_id, rule, city, at: isoTime(at(-9)), by: "kim" };
    await write(
      doors,
      "alert-journal",
      {
        ...{ ...about, kind: "delivery", id: "1", receiver: "pagerduty", dedup_key, window_end, rev },
        ...{ state: "firing", outcome: "refused", detail: "<b>400</b>" },
      },
      { ...about, kind: "acknowledge", id: "2", why: "<i>on it</i>" },
    );
    for (const path of ["/cities/a", "/sre"]) {
      const page = await (await doors.get(path, html)).text();
      assert.match(
        textOf(page),
        /\|firing\|taken over by kim: &lt;i&gt;on it&lt;\/i&gt;\|11:45:00\|–\|pagerduty refused/,
      );
      assert.match(page, /class="told bad" title="&lt;b&gt;400&lt;\/b&gt;"/);
    }
  });

  it("lists the last cancelled rides with reasons, without those that were taken back, newest first", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    await write(
      doors,
      "ride-facts",
      ended("r1", -5),
      ended("r2", -3, { reason: "Jane Doe was rude to me" }),
      ended("r3", -4),
      ended("r3", -4, { outcome: "taken_back" }),
      ended("r4", -1, { outcome: "completed", cancelled_by: null }),
      ended("r5", -1, { city: "b" }),
      "no fact",
    );
    const page = textOf(await (await doors.get("/cities/a", html)).text());
    assert.match(page, /\|r2\|11:57:00\|2 min\|driver\|[^|]*\|d\|r1\|11:55:00\|2 min\|driver\|no show\|d\|/);
    assert.ok(!page.includes("|r3|") && !page.includes("|r4|") && !page.includes("|r5|"));
    assert.ok(!page.includes("user-456"));
  });

  it("shows reasons as they are to an admin key only, and tells of it", async () => {
    const config = { ingestKeys: [], readKeys: ["read-key-0000000001"], adminKeys: ["admin-key-000000001"] };
    await using doors = await openDoors({ config });
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    await write(doors, "ride-facts", ended("r2", -3, { reason: "Jane Doe was rude to me" }));
    const as = async (key: string) =>
      await (await doors.get("/cities/a", { ...html, authorization: `Bearer ${key}` })).text();
    assert.doesNotMatch(await as(config.readKeys[0]!), /Jane Doe/);
    assert.equal(doors.audited.length, 0);
    assert.match(await as(config.adminKeys[0]!), /Jane Doe/);
    assert.deepEqual(doors.audited.map(({ route, rows }) => [route, rows]), [["/cities/:city", 1]]);
  });

  it("draws the cells of the newest boundary, whichever came last", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    await write(
      doors,
      "city-cells",
      cellsAt(-1),
      cellsAt(-2, { cells: [["881e15b719fffff", 99, 3, 1]] }),
      cellsAt(0, { cells: [["<b>", 1, 1, 1]] }),
    );
    const page = await (await doors.get("/cities/a", html)).text();
    assert.match(page, /as of 11:59/);
    assert.match(
      page,
      /<title>12 wanted, 3 free, 1\.4×<\/title><polygon class="raised" points="(\d+,\d+ ?){6}"/,
    );
    assert.match(textOf(page), /\|881e15b719fffff\|12\|3\|1.4 ×\|881e15b71bfffff\|0\|5\|1.0 ×\|/);
  });

  it("shows names from outside as text", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: hostile, endMs: at(0) }));
    await write(
      doors,
      "ride-facts",
      ended(hostile, -1, { city: hostile, reason: hostile, driver_id: hostile, cancelled_by: `"><img>` }),
    );
    const page = await (await doors.get(`/cities/${encodeURIComponent(hostile)}`, html)).text();
    assert.equal((await doors.get(`/cities/${encodeURIComponent(hostile)}`)).status, 200);
    assert.ok(page.includes("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;"));
    assert.ok(!page.includes("<img"));
  });

  it("is a page in plain words for a city that is not known", async () => {
    await using doors = await openDoors();
    const page = await doors.get("/cities/atlantis", html);
    assert.equal(page.status, 404);
    assert.match(await page.text(), /This city is not known/);
  });
});

describe("niceTop", () => {
  it("is at least the value, and a number whose half is short too", () => {
    const cases: [value: number, top: number][] = [[0, 1], [0.47, 0.5], [1, 1], [1_684, 2_000], [2.1, 3], [
      95,
      100,
    ]];
    for (const [value, top] of cases) assert.ok(Math.abs(niceTop(value) - top) < 1e-9, `${value}`);
  });
});
