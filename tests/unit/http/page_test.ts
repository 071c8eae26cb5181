import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { cityRow } from "../../../src/http/city_row.ts";
import { headline } from "../../../src/http/pages/city_state.ts";
import { cityLine } from "../../../src/http/pages/operations.ts";
import { spanText } from "../../../src/http/pages/wording.ts";
import { statusView } from "../../../src/http/status_view.ts";
import { isoTime } from "../../../src/time.ts";
import { minutesAfterNoon as at, noonMs, openDoors } from "./doors.ts";
import { alertOf, partitionView, windowOf } from "./twin.ts";

const html = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

describe("the operations page", () => {
  it("is complete at the first paint: every city, worst first", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(
      windowOf({ city: "fine", endMs: at(0) }),
      windowOf({ city: "bad", endMs: at(0) }),
    );
    await doors.twin.publishAlert(alertOf({ city: "bad", state: "firing", sinceMs: at(-7), atMs: at(-2) }));
    const page = await (await doors.get("/", html)).text();
    assert.ok(page.indexOf('data-key="bad"') < page.indexOf('data-key="fine"'));
    assert.match(page, /firing since 11:53/);
    assert.match(page, /2 cities: 1 firing, 1 ok/);
    assert.match(page, /<section data-part="empty" id="empty"><\/section>/);
    assert.match(page, /<title>\(1 firing\) City operations/);
  });

  it("explains the first event with the reader's own address when there is nothing yet", async () => {
    await using doors = await openDoors({ config: { ingestKeys: ["ingest-key-000001"], readKeys: [] } });
    const response = await doors.app.hono.request("http://ops.example:9000/", { headers: html });
    const page = await response.text();
    assert.match(page, /curl http:\/\/ops\.example:9000\/v1\/events/);
    assert.match(page, /authorization: Bearer/);
    assert.ok(!page.includes("ingest-key-000001"));
    const event = /-d &#39;(.*?)&#39;/.exec(page)![1]!.replaceAll("&quot;", '"');
    const posted = await doors.post("/v1/events", event, { authorization: "Bearer ingest-key-000001" });
    assert.equal(posted.status, 202);
  });

  it("shows names from outside as text, never as markup", async () => {
    await using doors = await openDoors();
    const city = `<img src=x onerror="alert(1)">'&`;
    await doors.twin.publish(windowOf({ city, endMs: at(0) }));
    doors.twin.state.watermarks = { rides: isoTime(at(-30)), all: null, held_by: "<b>x</b>" };
    doors.twin.state.partitions = [partitionView("<i>t</i>", 0, { state: "stopped" })];
    const page = await (await doors.get("/", html)).text();
    assert.ok(!page.includes("<img") && !page.includes("<b>x") && !page.includes("<i>t"));
    assert.ok(page.includes("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;"));
    assert.ok(page.includes("&lt;i&gt;t&lt;/i&gt;/0 has stopped"));
  });

  it("shows the final surge, and the provisional one beside it", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0), surge: 1.4 }));
    const text = () => plain(cityLine(cityRow(doors.twin.handles, "a")!)).replace(/<[^>]*>/g, "|");
    assert.match(text(), /\|1\.4 ×\|/);
    assert.doesNotMatch(text(), /prov\./);
    await doors.twin.publish({
      ...windowOf({ city: "a", endMs: at(1), phase: 0 }),
      ...{ surge_provisional: 1.6 },
    });
    assert.match(text(), /\|1\.4 ×\|prov\. 1\.6 ×\|/);
  });

  it("answers JSON to whoever does not ask for a page", async () => {
    await using doors = await openDoors();
    for (const accept of ["*/*", "application/json", "application/json,text/html;q=0.5"]) {
      const response = await doors.get("/", { accept });
      assert.equal(response.headers.get("vary"), "accept");
      const answer = await response.json();
      assert.equal(answer.name, "waymark");
      assert.ok(answer.routes.includes("POST /v1/events"));
    }
  });
});

describe("what a page loads", () => {
  it("is of this origin, with nothing inline but the style sheets that the policy names, and all there", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    const response = await doors.get("/", html);
    const page = await response.text();
    const sheets = [...page.matchAll(/<style>([^<]*)<\/style>/g)].map((found) => found[1]!);
    assert.equal(sheets.length, 2);
    const sources = sheets.map((sheet) => `'sha256-${createHash("sha256").update(sheet).digest("base64")}'`);
    const policy = response.headers.get("content-security-policy") ?? "";
    assert.ok(policy.includes(`style-src ${sources.join(" ")};`), policy);
    assert.doesNotMatch(page.replaceAll(/<style>[^<]*<\/style>/g, ""), /<style|<link rel="stylesheet/);
    assert.doesNotMatch(page, /<script(?![^>]* src=)|\sstyle=|\son\w+=/);
    const links = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((m) => m[1]!);
    assert.ok(links.length >= 4);
    for (const link of links) {
      const response = await doors.get(link);
      assert.equal(response.status, 200, link);
      assert.doesNotMatch(await response.text(), /https?:\/\/(?!www\.w3\.org)/, link);
    }
  });

  it("is kept for good under the hash of this release, and not kept under another", async () => {
    await using doors = await openDoors();
    const page = await (await doors.get("/", html)).text();
    const [path = "", release = ""] = /\/assets\/([0-9a-f]{16})\/live\.js/.exec(page) ?? [];
    const kept = await doors.get(path);
    assert.equal(kept.headers.get("cache-control"), "public, max-age=31536000, immutable");
    const etag = kept.headers.get("etag")!;
    assert.equal((await doors.get(path, { "if-none-match": `W/${etag}, "x"` })).status, 304);
    const older = await doors.get(path.replace(release, "0".repeat(16)));
    assert.equal(older.headers.get("cache-control"), "no-cache");
    assert.equal(await older.text(), await kept.text());
    assert.equal((await doors.get(`/assets/${release}/app.ts`)).status, 404);
  });
});

describe("a refusal", () => {
  it("is a page in plain words for a person, and JSON for a program", async () => {
    await using doors = await openDoors();
    const page = await doors.get("/<b>nowhere</b>", html);
    assert.equal(page.status, 404);
    const text = await page.text();
    assert.match(text, /<h1[^>]*>There is nothing here<\/h1>/);
    assert.match(text, /&lt;b&gt;nowhere/);
    assert.doesNotMatch(text, /<b>nowhere|live\.js/);
    assert.equal((await (await doors.get("/nowhere")).json()).error.code, "route_not_found");
    assert.equal((await (await doors.get("/v1/nowhere", html)).json()).error.code, "route_not_found");
  });

  it("asks a person for a key in a way that a browser understands", async () => {
    await using doors = await openDoors({ config: { ingestKeys: [], readKeys: ["read-key-0000000001"] } });
    const page = await doors.get("/", html);
    assert.equal(page.status, 401);
    assert.match(page.headers.get("www-authenticate")!, /^Basic /);
    assert.match(await page.text(), /A key is needed/);
  });
});

/** Units stand behind a narrow space that does not break. */
const plain = (markup: { toString(): string }) => markup.toString().replaceAll("\u202f", " ");

describe("a line of the operations page", () => {
  it("shows figures while they are news and dashes when they are not", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(
      windowOf({ city: "a", endMs: at(0), rides: [70, 15, 10, 5], requests: 1234, surge: 1.4 }),
    );
    const text = () =>
      plain(cityLine(cityRow(doors.twin.handles, "a")!)).replace(/<[^>]*>/g, "|").replace(/\|+/g, "|");
    assert.equal(text(), "|a|ok|70.0 %|30.0 %|34 s|14|48|70 %|1.4 ×|–|");
    await doors.clock.advance(600_000);
    assert.equal(text(), "|a|no fresh data|last 12:00|–|–|–|–|–|–|–|–|");
  });

  it("draws the three parts of the cancelled share on a scale of 0 to 50 %", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0), rides: [80, 10, 5, 5] }));
    const row = plain(cityLine(cityRow(doors.twin.handles, "a")!));
    // 120 units are 50 %: 24 for 10 %, 12 for 5 %, each drawn one unit short.
    assert.match(row, /class="rider" x="0.0" width="23.0"/);
    assert.match(row, /class="driver" x="24.0" width="11.0"/);
    assert.match(row, /class="system" x="36.0" width="11.0"/);
    assert.match(row, /aria-label="rider 10.0 %, driver 5.0 %, system 5.0 %"/);
  });
});

describe("the headline", () => {
  it("says how far the data are complete, and what holds them back once that matters", async () => {
    await using doors = await openDoors();
    const say = (watermarkMs: number | null) => {
      doors.twin.state.watermarks = {
        rides: watermarkMs === null ? null : isoTime(watermarkMs),
        all: null,
        held_by: "ride-events/7",
      };
      return plain(headline(statusView(doors.twin.handles, []), noonMs)).replace(/<[^>]*>/g, "");
    };
    assert.equal(say(noonMs - 36_000), "Data complete to 11:59:24, 36 s behind");
    assert.equal(say(at(-3)), "Data complete to 11:57:00, 3 min behind, held by ride-events/7");
    assert.equal(
      say(Date.UTC(2013, 0, 13, 8)),
      "Data complete to 2013-01-13 08:00:00, 13 years behind, held by ride-events/7",
    );
    assert.equal(say(null), "No watermark yet: nothing is complete so far");
  });

  it("gives spans in one unit", () => {
    const cases: [ms: number, text: string][] = [
      [-5, "0 s"],
      [119_000, "119 s"],
      [120_000, "2 min"],
      [7_200_000, "2 h"],
      [172_800_000, "2 days"],
      [63_115_200_000, "2 years"],
    ];
    for (const [ms, text] of cases) assert.equal(spanText(ms), text);
  });
});
