import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Seat, StageName } from "../../../src/http/fleet_handle.ts";
import type { PartitionView } from "../../../src/http/handles.ts";
import { createFleet } from "../../../src/node/fleet.ts";
import { manualClock, secondMs, settle } from "../../../src/time.ts";
import { partitionView } from "../http/twin.ts";

const topic = "city-partials-g1";
const seats: Seat[] = [0, 1].map((partition) => ({
  ...{ stage: "cities", topic, source: "city-partials", partition },
}));
const group = (name: StageName) => ({ name, memberIds: () => ["m-a"] });

/** A process with some of two city partitions, on a log that says who is there when it is let. */
function alone(held: PartitionView[]) {
  const clock = manualClock();
  const asked = Promise.withResolvers<[]>();
  const own = {
    partitions: held,
    watermarks: { rides: "2026-01-15T12:00:00.000Z", all: null, held_by: null },
  };
  const fleet = createFleet({
    log: { members: () => asked.promise },
    clock,
    node: "a",
    address: "http://10.0.0.1:8080",
    groups: { rides: group("rides"), locations: group("locations"), cities: group("cities") },
    seats,
    own: () => own,
    readKey: null,
  });
  /** Whether it was answered without the log. */
  async function isAnswered(ageMsMax = 100): Promise<boolean> {
    let answered = false;
    void fleet.refreshCities(ageMsMax).then(() => answered = true);
    await settle();
    return answered;
  }
  return { fleet, clock, own, asked, isAnswered };
}

const city = (partition: number, state: PartitionView["state"] = "running") =>
  partitionView(topic, partition, { stage: "cities", state });

describe("refreshCities", () => {
  it("waits for nobody where this process folds all cities", async () => {
    const { isAnswered, fleet, asked, clock, own } = alone([city(0), city(1, "warming_up")]);
    assert.ok(await isAnswered());
    assert.equal(fleet.seen(), null, "so that what this process has is shown");
    asked.resolve([]);
    await settle();
    assert.equal(fleet.seen()!.watermarks.rides, "2026-01-15T12:00:00.000Z");
    clock.advance(3 * secondMs);
    own.watermarks = { rides: "2026-01-15T12:00:05.000Z", all: null, held_by: null };
    assert.ok(await isAnswered());
    assert.equal(fleet.seen()!.watermarks.rides, "2026-01-15T12:00:05.000Z");
  });

  for (
    const [what, held] of [
      ["another node may have a city", [city(1)]],
      ["one is being restored", [city(0), city(1, "restoring")]],
    ] as const
  ) {
    it(`waits for the others while ${what}`, async () => {
      const { isAnswered, asked } = alone([...held]);
      assert.equal(await isAnswered(), false);
      asked.resolve([]);
      assert.ok(await isAnswered());
    });
  }
});
