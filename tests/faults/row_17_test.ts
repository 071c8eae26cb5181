/** Row 17: steps in any order, every pair and triple of them, against a model of a few lines. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { partitionOf } from "../../src/log/partitioner.ts";
import { utf8 } from "../../src/ids.ts";
import { isoTime, secondMs } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { play } from "../pipeline/harness.ts";
import { startMs } from "./live.ts";

const steps = ["requested", "accepted", "started", "completed", "cancelled"] as const;
type Step = (typeof steps)[number];
const rank: Record<string, number> = { new: 0, requested: 1, accepted: 2, started: 3 };
const isEnd = (state: string) => state === "completed" || state === "cancelled";

type Model = { state: string; outcomes: string[] };

/**
 * The furthest step stands, the first end stands. One exception: an accept after a cancel by the driver is a
 * redispatch; it takes the cancel back, and the next end counts.
 */
function modelOf(sequence: readonly Step[], by: "rider" | "driver"): Model {
  const model: Model = { state: "new", outcomes: [] };
  for (const step of sequence) {
    if (isEnd(model.state)) {
      if (model.state === "cancelled" && step === "accepted" && by === "driver") {
        model.state = "accepted";
        model.outcomes.push("taken_back");
      }
    } else if (isEnd(step)) {
      model.state = step;
      model.outcomes.push(step);
    } else if (rank[step]! > rank[model.state]!) model.state = step;
  }
  return model;
}

/** All sequences of two and three steps, each step with a time after the one before. */
function sequences(): { id: string; sequence: Step[]; by: "rider" | "driver" }[] {
  const pairs = steps.flatMap((a) => steps.map((b) => [a, b]));
  const triples = pairs.flatMap((pair) => steps.map((c) => [...pair, c]));
  return (["rider", "driver"] as const).flatMap((by) =>
    [...pairs, ...triples].map((sequence) => ({ id: `${by}-${sequence.join("-")}`, sequence, by }))
  );
}

describe("row 17: steps in any order", () => {
  it("lead to the state and the outcomes that the model says, for every pair and triple", async () => {
    const all = sequences();
    assert.equal(all.length, 2 * (25 + 125));
    const items = all.flatMap(({ id, sequence, by }, n) =>
      sequence.map((event_type, i): SentItem => {
        const atMs = startMs + n * 10 + i * 20 * secondMs;
        const value = JSON.stringify({
          ...{ event_type, ride_id: id, event_id: `${i}`, timestamp: isoTime(atMs), city: "wien" },
          ...{ cancelled_by: by, driver_id: "dora" },
        });
        return { topic: "ride-events", key: id, value, recordedAtMs: atMs };
      })
    ).sort((a, b) => a.recordedAtMs! - b.recordedAtMs!);
    const run = await play(items);
    const rides = new Map(
      [...run.pipeline.rides[0]!.actors].map(([partition, actor]) => [partition, actor.fold]),
    );
    for (const { id, sequence, by } of all) {
      const model = modelOf(sequence, by);
      const { ride } = rides.get(partitionOf("murmur2", utf8(id), 12))!.ride(id)!;
      assert.equal(ride.state, model.state, id);
      const offset = (fact: string) => Number(fact.split("/")[3]) * 10 + Number(fact.split("/")[4]);
      const facts = run.facts.filter((fact) => fact.ride_id === id)
        .sort((a, b) => offset(a.fact_id) - offset(b.fact_id));
      assert.deepEqual(facts.map((fact) => fact.outcome), model.outcomes, id);
    }
    assert.equal(run.ledger.total["ride-events"]!.counted, items.length);
    run.pipeline.abandon();
    await run.dispose();
  });
});
