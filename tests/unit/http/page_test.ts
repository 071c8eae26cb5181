import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationText, headlineHtml, rowHtml } from "../../../src/http/assets/row.js";
import { cityRow } from "../../../src/http/city_row.ts";
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
    assert.ok(page.indexOf('data-city="bad"') < page.indexOf('data-city="fine"'));
    assert.match(page, /firing since 11:53/);
    assert.match(page, /2 cities: 1 firing, 1 ok/);
    assert.match(page, /<section id="empty" hidden>/);
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

  it("loads nothing from elsewhere, has nothing inline, and links to nothing that is not there", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    const page = await (await doors.get("/", html)).text();
    assert.doesNotMatch(page, /<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/);
    const links = [...page.matchAll(/(?:href|src)="([^"#]+)"/g)].map((m) => m[1]!);
    assert.ok(links.length >= 8);
    let bytes = page.length;
    for (const link of links) {
      const response = await doors.get(link);
      assert.equal(response.status, 200, link);
      const text = await response.text();
      if (link.startsWith("/assets/")) bytes += text.length;
      assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org)/, link);
    }
    assert.ok(bytes < 100_000, `${bytes} bytes`);
  });

  it("keeps its script small, and answers 304 to one that has it", async () => {
    await using doors = await openDoors();
    const sizes = await Promise.all(["app", "row"].map(async (name) => {
      const response = await doors.get(`/assets/${name}.js`);
      const etag = response.headers.get("etag")!;
      const again = await doors.get(`/assets/${name}.js`, { "if-none-match": `W/${etag}, "x"` });
      assert.equal(again.status, 304);
      return (await response.arrayBuffer()).byteLength;
    }));
    assert.ok(sizes[0]! + sizes[1]! < 25_000, `${sizes}`);
  });

  it("answers JSON to whoever does not ask for a page", async () => {
    await using doors = await openDoors();
    const answer = await (await doors.get("/", { accept: "*/*" })).json();
    assert.equal(answer.name, "waymark");
    assert.ok(answer.routes.includes("POST /v1/events"));
  });
});

/** Units stand behind a narrow space that does not break. */
const plain = (text: string) => text.replaceAll("\u202f", " ");

describe("a row", () => {
  it("shows figures while they are news and dashes when they are not", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(
      windowOf({ city: "a", endMs: at(0), rides: [70, 15, 10, 5], requests: 1234, surge: 1.4 }),
    );
    const text = () =>
      plain(rowHtml(cityRow(doors.twin.handles, "a")!)).replace(/<[^>]*>/g, "|").replace(/\|+/g, "|");
    assert.equal(text(), "|a|ok|70.0 %|30.0 %|34 s|1,234|14|48|70 %|1.40 ×|–|4,936|");
    await doors.clock.advance(600_000);
    assert.equal(text(), "|a|no fresh data|last 12:00|–|–|–|–|–|–|–|–|–|–|");
  });

  it("draws the three parts of the cancelled share on a scale of 0 to 50 %", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0), rides: [80, 10, 5, 5] }));
    const row = plain(rowHtml(cityRow(doors.twin.handles, "a")!));
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
      return headlineHtml(statusView(doors.twin.handles, []), noonMs).replace(/<[^>]*>/g, "");
    };
    assert.equal(say(noonMs - 36_000), "Data complete to 11:59:24 UTC, 36 s behind");
    assert.equal(say(at(-3)), "Data complete to 11:57:00 UTC, 3 min behind, held by ride-events/7");
    assert.equal(
      say(Date.UTC(2013, 0, 13, 8)),
      "Data complete to 2013-01-13 08:00:00 UTC, 13 years behind, held by ride-events/7",
    );
    assert.equal(say(null), "No watermark yet: nothing is complete so far");
  });

  it("gives durations in one unit", () => {
    const cases: [ms: number, text: string][] = [
      [-5, "0 s"],
      [119_000, "119 s"],
      [120_000, "2 min"],
      [7_200_000, "2 h"],
      [172_800_000, "2 days"],
      [63_115_200_000, "2 years"],
    ];
    for (const [ms, text] of cases) assert.equal(durationText(ms), text);
  });
});
