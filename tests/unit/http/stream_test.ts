import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../../src/time.ts";
import { type Doors, errorOf, minutesAfterNoon as at, openDoors } from "./doors.ts";
import { listen } from "./event_listener.ts";
import { alertOf, partitionView, windowOf } from "./twin.ts";

async function tick(doors: Doors, ms = 1_000) {
  await doors.clock.advance(ms);
  await settle();
  await settle();
}

describe("GET /v1/stream", () => {
  it("begins with the whole state, then tells what changed, once a second and newest only", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    await tick(doors);
    const page = listen(await doors.get("/v1/stream"));
    await settle();
    assert.deepEqual(page.of("window").map((w) => w.window_end), ["2026-01-15T12:00:00.000Z"]);
    assert.equal(page.of("partition").length, 2);
    for (const positions of [1, 2, 3]) {
      await doors.twin.publish(
        windowOf({ city: "a", endMs: at(1), phase: 0, positions, requests: positions }),
      );
    }
    assert.equal(page.of("window").length, 1);
    await tick(doors);
    assert.deepEqual(page.of("window").slice(1).map((w) => w.requests), [3]);
    await page.leave();
  });

  it("tells an alert at once", async () => {
    await using doors = await openDoors();
    const page = listen(await doors.get("/v1/stream?events=alert"));
    await doors.twin.publishAlert(alertOf({ city: "a", state: "firing", sinceMs: at(0), atMs: at(5) }));
    await settle();
    assert.deepEqual(page.heard.map((h) => [h.event, h.data.state]), [["alert", "firing"]]);
    await page.leave();
  });

  it("tells a partition's state at once, and positions that merely move every five seconds", async () => {
    await using doors = await openDoors();
    await tick(doors);
    const page = listen(await doors.get("/v1/stream?events=partition"));
    await settle();
    const told = () => page.of("partition").slice(2).map((p) => [p.position, p.state]);
    doors.twin.state.partitions[0] = partitionView("ride-events", 0, { position: 101 });
    await tick(doors);
    assert.deepEqual(told(), []);
    doors.twin.state.partitions[0] = partitionView("ride-events", 0, { position: 102, state: "stopped" });
    await tick(doors);
    assert.deepEqual(told(), [[102, "stopped"]]);
    doors.twin.state.partitions[0] = partitionView("ride-events", 0, { position: 103, state: "stopped" });
    await tick(doors);
    assert.deepEqual(told(), [[102, "stopped"]]);
    for (let i = 0; i < 5; i++) await tick(doors);
    assert.deepEqual(told().at(-1), [103, "stopped"]);
    await page.leave();
  });

  it("resumes after Last-Event-ID without a gap and without repeating", async () => {
    await using doors = await openDoors();
    const first = listen(await doors.get("/v1/stream?events=window"));
    for (const minute of [1, 2]) {
      await doors.twin.publish(windowOf({ city: "a", endMs: at(minute) }));
      await tick(doors);
    }
    const id = first.lastId();
    await first.leave();
    for (const minute of [3, 4]) {
      await doors.twin.publish(windowOf({ city: "a", endMs: at(minute) }));
      await tick(doors);
    }
    const second = listen(await doors.get("/v1/stream?events=window", { "last-event-id": id }));
    await settle();
    assert.deepEqual(second.heard.map((h) => [h.event, h.data.window_end]), [
      ["window", "2026-01-15T12:03:00.000Z"],
      ["window", "2026-01-15T12:04:00.000Z"],
    ]);
    await second.leave();
    const third = listen(await doors.get("/v1/stream?events=window", { "last-event-id": second.lastId() }));
    await settle();
    assert.deepEqual(third.heard, []);
    await third.leave();
  });

  it("says reset and gives the whole state when it cannot resume", async () => {
    await using doors = await openDoors({ bounds: { streamReplayMax: 3 } });
    const first = listen(await doors.get("/v1/stream?events=window"));
    await doors.twin.publish(windowOf({ city: "a", endMs: at(1) }));
    await tick(doors);
    const id = first.lastId();
    await first.leave();
    for (let minute = 2; minute < 8; minute++) {
      await doors.twin.publish(windowOf({ city: "a", endMs: at(minute) }));
      await tick(doors);
    }
    for (const lost of [id, "other.1", "nonsense", "", `${id}9999`]) {
      const page = listen(await doors.get("/v1/stream?events=window", { "last-event-id": lost }));
      await settle();
      assert.deepEqual(
        page.heard.map((h) => [h.event, h.data.window_end]),
        [["reset", undefined], ["window", "2026-01-15T12:07:00.000Z"]],
        lost,
      );
      const id = page.lastId();
      await page.leave();
      const again = listen(await doors.get("/v1/stream?events=window", { "last-event-id": id }));
      await settle();
      assert.deepEqual(again.heard, []);
      await again.leave();
    }
  });

  it("gives pages their rows and the status line, rows only when they changed", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }), windowOf({ city: "b", endMs: at(0) }));
    const page = listen(await doors.get("/v1/stream?events=city,status"));
    await tick(doors);
    await tick(doors);
    page.heard.length = 0;
    await doors.twin.publish(windowOf({ city: "b", endMs: at(1) }));
    await tick(doors);
    assert.deepEqual(page.heard.map((h) => [h.event, h.data.city ?? h.data.order]), [
      ["city", "b"],
      ["status", ["a", "b"]],
    ]);
    await page.leave();
  });

  it("keeps a silent connection open with comments", async () => {
    await using doors = await openDoors();
    const page = listen(await doors.get("/v1/stream?events=alert"));
    for (let second = 0; second < 31; second++) await tick(doors);
    assert.equal(page.comments.length, 2);
    await page.leave();
  });

  it("cuts off a client that does not read, and only that one", async () => {
    await using doors = await openDoors({ bounds: { streamBufferBytes: 2_000 } });
    const slow = await doors.get("/v1/stream?events=window");
    const quick = listen(await doors.get("/v1/stream?events=window"));
    for (let minute = 1; minute < 9; minute++) {
      await doors.twin.publish(windowOf({ city: "a", endMs: at(minute) }));
      await tick(doors);
    }
    assert.equal(quick.of("window").length, 8);
    const reader = slow.body!.getReader();
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    }, /too slowly/);
    await quick.leave();
  });

  it("has room for so many, frees the place of one that left, and a HEAD takes none", async () => {
    await using doors = await openDoors({ bounds: { streamsMax: 1 } });
    assert.equal((await doors.app.hono.request("/v1/stream", { method: "HEAD" })).status, 200);
    const one = listen(await doors.get("/v1/stream"));
    assert.deepEqual(await errorOf(await doors.get("/v1/stream")), { status: 503, code: "streams_exceeded" });
    await one.leave();
    const two = await doors.get("/v1/stream");
    assert.equal(two.status, 200);
    assert.equal(two.headers.get("content-type"), "text/event-stream; charset=utf-8");
    await two.body!.cancel();
  });

  it("tells everyone when it ends, and lets none in after", async () => {
    await using doors = await openDoors();
    const page = listen(await doors.get("/v1/stream"));
    await doors.app.close();
    await settle();
    assert.equal(page.heard.at(-1)?.event, "end");
    assert.ok(page.ended());
    assert.equal((await doors.get("/v1/stream")).status, 503);
    assert.equal((await doors.get("/v1/cities")).status, 200);
  });
});
