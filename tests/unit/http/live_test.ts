import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createChanges } from "../../../src/http/pages/changes.ts";
import { markup } from "../../../src/http/pages/markup.ts";
import { linesOf, type PageView } from "../../../src/http/pages/page.ts";
import { settle } from "../../../src/time.ts";
import { type Doors, minutesAfterNoon as at, openDoors } from "./doors.ts";
import { listen } from "./event_listener.ts";
import { alertOf, windowOf } from "./twin.ts";

const events = { accept: "text/event-stream" };
type ToldLines = { order?: string[]; lines: Record<string, string> };
const citiesOf = (data: Record<string, unknown> | undefined) =>
  (data?.parts as { cities?: ToldLines } | undefined)?.cities;

async function tick(doors: Doors, ms = 1_000) {
  await doors.clock.advance(ms);
  await settle();
  await settle();
}

describe("an open page", () => {
  it("is told everything first, then only the lines that changed", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }), windowOf({ city: "b", endMs: at(0) }));
    const page = listen(await doors.get("/", events));
    await settle();
    assert.deepEqual(Object.keys(citiesOf(page.of("page")[0])!.lines), ["a", "b"]);
    await tick(doors);
    assert.equal(page.of("page").length, 1, "nothing new, nothing told");
    await doors.twin.publish(windowOf({ city: "b", endMs: at(1), requests: 777 }));
    await tick(doors);
    const told = citiesOf(page.of("page")[1])!;
    assert.deepEqual(Object.keys(told.lines), ["b"]);
    assert.equal(told.order, undefined, "the order is as it was");
    await page.leave();
  });

  it("is told an alert at once, and that lines have changed places", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }), windowOf({ city: "b", endMs: at(0) }));
    const page = listen(await doors.get("/", events));
    await settle();
    await doors.twin.publishAlert(alertOf({ city: "b", state: "firing", sinceMs: at(-6), atMs: at(0) }));
    await settle();
    const told = page.of("page")[1]!;
    assert.deepEqual(citiesOf(told)!.order, ["b", "a"]);
    assert.match(citiesOf(told)!.lines.b!, /firing since 11:54/);
    assert.equal(told.title, "(1 firing) City operations · Waymark");
    await page.leave();
  });

  it("gets what it missed when it comes back with Last-Event-ID, and everything after a restart", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }), windowOf({ city: "b", endMs: at(0) }));
    const first = listen(await doors.get("/", events));
    await settle();
    const id = first.lastId();
    await first.leave();
    const stays = listen(await doors.get("/", events));
    await doors.twin.publish(windowOf({ city: "b", endMs: at(1), requests: 777 }));
    await tick(doors);
    const back = listen(await doors.get("/", { ...events, "last-event-id": id }));
    await settle();
    assert.deepEqual(Object.keys(citiesOf(back.of("page")[0])!.lines), ["b"]);
    for (const unknown of ["otherrun.3", "x", `${id}9999`]) {
      const anew = listen(await doors.get("/", { ...events, "last-event-id": unknown }));
      await settle();
      assert.deepEqual(Object.keys(citiesOf(anew.of("page")[0])!.lines), ["a", "b"], unknown);
      await anew.leave();
    }
    await back.leave();
    await stays.leave();
  });

  it("hears every few seconds that nothing is new, and the end when there is one", async () => {
    await using doors = await openDoors();
    const page = listen(await doors.get("/", events));
    await settle();
    for (let i = 0; i < 5; i++) await tick(doors);
    assert.equal(page.of("beat").length, 1);
    await doors.app.close();
    await settle();
    assert.equal(page.of("end").length, 1);
    assert.equal(page.ended(), true);
    assert.equal((await doors.get("/", events)).status, 503);
  });

  it("counts among the streams, and is built for each key by itself", async () => {
    const config = { ingestKeys: [], readKeys: ["read-key-0000000001", "read-key-0000000002"] };
    await using doors = await openDoors({ config, bounds: { streamsMax: 2 } });
    const as = (key: string) => ({ ...events, authorization: `Bearer ${key}` });
    assert.equal((await doors.get("/", events)).status, 401);
    const one = listen(await doors.get("/", as(config.readKeys[0]!)));
    const two = listen(await doors.get("/v1/stream", as(config.readKeys[1]!)));
    assert.equal((await doors.get("/", as(config.readKeys[0]!))).status, 503);
    await one.leave();
    const three = listen(await doors.get("/", as(config.readKeys[1]!)));
    await settle();
    assert.equal(three.of("page").length, 1);
    await two.leave();
    await three.leave();
  });
});

describe("createChanges", () => {
  const view = (text: string, lines: [string, string][]): PageView => ({
    kind: "operations",
    status: 200,
    title: "t",
    parts: {
      text: markup`${text}`,
      lines: linesOf(lines.map(([key, said]) => [key, markup`<p>${said}</p>`])),
    },
  });

  it("ends the same for whoever comes at any position", () => {
    const changes = createChanges();
    assert.equal(changes.since(null), null);
    const steps: [string, [string, string][]][] = [
      ["a", [["x", "1"], ["y", "1"]]],
      ["a", [["x", "2"], ["y", "1"]]],
      ["b", [["y", "1"], ["x", "2"]]],
      ["b", [["y", "3"]]],
    ];
    const states: Map<string, unknown>[] = [];
    for (const [text, lines] of steps) {
      assert.equal(changes.take(view(text, lines)), true);
      assert.equal(changes.take(view(text, lines)), false);
      states.push(new Map());
    }
    const whole = changes.since(null)!;
    assert.deepEqual(whole.parts, { text: "b", lines: { order: ["y"], lines: { y: "<p>3</p>" } } });
    assert.deepEqual(changes.since(3)!.parts, { lines: { order: ["y"], lines: { y: "<p>3</p>" } } });
    assert.deepEqual(changes.since(2)!.parts, {
      text: "b",
      lines: { order: ["y"], lines: { y: "<p>3</p>" } },
    });
    assert.equal(changes.since(4), null);
    assert.equal(states.length, 4);
  });

  it("does not take a passing second for a change", () => {
    const changes = createChanges();
    const aged = (s: number) => ({
      ...view("", []),
      parts: { text: markup`since <span data-age="2026-01-15T12:00:00.000Z">${s} s</span>` },
    });
    assert.equal(changes.take(aged(1)), true);
    assert.equal(changes.take(aged(2)), false);
    assert.match(String(changes.since(null)!.parts.text), /2 s/, "but tells a newcomer as it is now");
  });
});
