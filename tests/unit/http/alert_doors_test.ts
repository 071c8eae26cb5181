/** Silences and acknowledgements over HTTP, and alerts shown with them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isoTime, minuteMs, settle } from "../../../src/time.ts";
import { deliveryOf } from "../alerts/told.ts";
import { type Doors, errorOf, noonMs, openDoors } from "./doors.ts";
import { alertOf } from "./twin.ts";

const firing = alertOf({
  city: "wien",
  state: "firing",
  sinceMs: noonMs - 9 * minuteMs,
  atMs: noonMs - 4 * minuteMs,
});
const quiet = { rule: "*", city: "wien", by: "ada", why: "road works", until: "2026-01-15T13:00:00Z" };
const post = (doors: Doors, path: string, body: unknown) =>
  doors.post(`/v1/alerts/${path}`, JSON.stringify(body));
const shown = async (doors: Doors) => (await (await doors.get("/v1/alerts")).json()).open[0];

describe("silences", () => {
  it("are shown with the alerts that they cover, with who, why and until when", async () => {
    await using doors = await openDoors();
    await doors.twin.publishAlert(firing);
    assert.equal((await shown(doors)).silence, null);
    const made = await post(doors, "silences", quiet);
    assert.equal(made.status, 201);
    const silence = await made.json();
    assert.deepEqual(silence, {
      kind: "silence",
      id: silence.id,
      ...quiet,
      at: "2026-01-15T12:00:00.000Z",
      until: "2026-01-15T13:00:00.000Z",
    });
    assert.deepEqual((await shown(doors)).silence, silence);
    assert.deepEqual(await (await doors.get("/v1/alerts/silences")).json(), { silences: [silence] });
  });

  it("are one, however often the same is asked for", async () => {
    await using doors = await openDoors();
    const [first, second] = [await post(doors, "silences", quiet), await post(doors, "silences", quiet)];
    assert.equal((await first.json()).id, (await second.json()).id);
    assert.equal((await (await doors.get("/v1/alerts/silences")).json()).silences.length, 1);
  });

  it("cover the rule and the city that they name, and no other", async () => {
    await using doors = await openDoors();
    await doors.twin.publishAlert(firing);
    await post(doors, "silences", { ...quiet, rule: "supply_drop" });
    await post(doors, "silences", { ...quiet, city: "graz" });
    assert.equal((await shown(doors)).silence, null);
    await post(doors, "silences", { ...quiet, city: "*", rule: "cancellation_rate_high" });
    assert.equal((await shown(doors)).silence.city, "*");
  });

  it("end by hand, or when their time has come", async () => {
    await using doors = await openDoors();
    const { id } = await (await post(doors, "silences", quiet)).json();
    const ended = await post(doors, `silences/${id}/end`, { by: "bob" });
    assert.equal(ended.status, 200);
    assert.deepEqual((await (await doors.get("/v1/alerts/silences")).json()).silences, []);
    await post(doors, "silences", { ...quiet, why: "again" });
    await doors.clock.advance(60 * minuteMs);
    assert.deepEqual((await (await doors.get("/v1/alerts/silences")).json()).silences, []);
    assert.equal(
      (await errorOf(await post(doors, `silences/${id}/end`, { by: "bob" }))).code,
      "silence_not_found",
    );
  });

  const wrong: [body: unknown, field: string | undefined][] = [
    [{ ...quiet, until: "2026-01-15T11:59:00Z" }, "until"],
    [{ ...quiet, until: "2026-03-15T12:00:00Z" }, "until"],
    [{ ...quiet, until: "tomorrow" }, "until"],
    [{ ...quiet, by: "" }, "by"],
    [{ ...quiet, why: undefined }, "why"],
    [{ ...quiet, severity: "info" }, undefined],
    ["quiet", undefined],
  ];
  for (const [body, field] of wrong) {
    it(`refuse ${JSON.stringify(body)}`, async () => {
      await using doors = await openDoors();
      const error = await errorOf(await post(doors, "silences", body));
      assert.deepEqual([error.status, error.code, error.field], [400, "alert_note_invalid", field]);
    });
  }

  it("are not promised before the log has them", async () => {
    await using doors = await openDoors();
    doors.twin.state.logDown = true;
    assert.equal((await errorOf(await post(doors, "silences", quiet))).code, "log_unavailable");
  });
});

describe("acknowledgements", () => {
  it("name the open alert of a rule in a city, or its id", async () => {
    await using doors = await openDoors();
    await doors.twin.publishAlert(firing);
    const { rule, city, alert_id } = firing;
    const taken = await post(doors, "acknowledgements", { rule, city, by: "ada", why: "on it" });
    assert.equal(taken.status, 201);
    assert.deepEqual((await shown(doors)).acknowledgement, await taken.json());
    const again = await post(doors, "acknowledgements", { alert_id, by: "bob", why: "my shift" });
    assert.equal(again.status, 201);
    assert.equal((await shown(doors)).acknowledgement.by, "bob");
  });

  it("there is none for what is over", async () => {
    await using doors = await openDoors();
    await doors.twin.publishAlert({ ...firing, state: "resolved" });
    const { alert_id } = firing;
    const refused = await errorOf(
      await post(doors, "acknowledgements", { alert_id, by: "ada", why: "late" }),
    );
    assert.equal(refused.code, "alert_not_found");
  });
});

describe("alerts", () => {
  it("show what each receiver last said", async () => {
    await using doors = await openDoors();
    await doors.twin.publishAlert(firing);
    await doors.twin.write("alert-journal", deliveryOf(firing, { outcome: "attempted" }));
    await doors.twin.write("alert-journal", deliveryOf(firing, { detail: "202 ok" }));
    await doors.twin.write(
      "alert-journal",
      deliveryOf(firing, { receiver: "slack", outcome: "refused", detail: "no" }),
    );
    await settle();
    await settle();
    const at = isoTime(Date.UTC(2026, 0, 15, 18));
    assert.deepEqual((await shown(doors)).deliveries, [
      { receiver: "pagerduty", state: "firing", outcome: "accepted", detail: "202 ok", at },
      { receiver: "slack", state: "firing", outcome: "refused", detail: "no", at },
    ]);
  });
});
