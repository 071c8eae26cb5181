import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  differences,
  settingsToCreate,
  spanText,
  type TopicShape,
  type WantedTopic,
} from "../../../../src/log/kafka/topic_shape.ts";
import { dayMs, hourMs } from "../../../../src/time.ts";

const wanted = (over: Partial<WantedTopic> = {}): WantedTopic => ({
  spec: { topic: "driver-locations", partitions: 24, retentionMs: dayMs },
  settings: { "cleanup.policy": "compact,delete", "message.timestamp.type": "LogAppendTime" },
  replicas: 3,
  ...over,
});

const found = (settings: Record<string, string> = {}, over: Partial<TopicShape> = {}): TopicShape => ({
  partitions: 24,
  replicas: 3,
  settings: new Map(Object.entries({ ...settingsToCreate(wanted()), ...settings })),
  ...over,
});

describe("settingsToCreate", () => {
  it("keep what is inside the retention from compaction, and one copy may be away", () => {
    assert.deepEqual(settingsToCreate(wanted()), {
      "retention.ms": "86400000",
      "min.insync.replicas": "2",
      "min.compaction.lag.ms": "86400000",
      "cleanup.policy": "compact,delete",
      "message.timestamp.type": "LogAppendTime",
    });
  });

  it("with one copy wait for that one, and say nothing of compaction where there is none", () => {
    const plain = wanted({ replicas: 1, settings: { "cleanup.policy": "delete" } });
    assert.deepEqual(settingsToCreate(plain), {
      "retention.ms": "86400000",
      "min.insync.replicas": "1",
      "cleanup.policy": "delete",
    });
  });
});

describe("differences", () => {
  it("are none for a topic as it was made, and for a list in another order", () => {
    assert.deepEqual(differences(wanted(), found()), { refused: [], remarks: [] });
    assert.deepEqual(differences(wanted(), found({ "cleanup.policy": "delete, compact" })).refused, []);
  });

  const refusals: [what: string, found: TopicShape, sentence: RegExp][] = [
    [
      "time type",
      found({ "message.timestamp.type": "CreateTime" }),
      /^topic driver-locations has message\.timestamp\.type=CreateTime; LogAppendTime is wanted: .*--add-config 'message\.timestamp\.type=LogAppendTime'/,
    ],
    [
      "cleanup policy",
      found({ "cleanup.policy": "delete" }),
      /cleanup\.policy=delete; compact,delete is wanted: .*--add-config 'cleanup\.policy=\[compact,delete\]'/,
    ],
    [
      "compaction inside the retention",
      found({ "min.compaction.lag.ms": "3600000" }),
      /min\.compaction\.lag\.ms=3600000 and retention\.ms=86400000; .*--add-config 'min\.compaction\.lag\.ms=86400000'/,
    ],
    [
      "compaction below a longer retention than is set",
      found({ "retention.ms": "172800000" }),
      /min\.compaction\.lag\.ms=86400000 and retention\.ms=172800000; .*'min\.compaction\.lag\.ms=172800000'/,
    ],
    [
      "compaction of what is kept for ever",
      found({ "retention.ms": "-1" }),
      /retention\.ms=-1; .*--add-config 'retention\.ms=86400000'/,
    ],
  ];
  for (const [what, shape, sentence] of refusals) {
    it(`refuse another ${what}`, () => {
      const { refused } = differences(wanted(), shape);
      assert.equal(refused.length, 1);
      assert.match(refused[0]!, sentence);
      assert.match(refused[0]!, /or choose another WAYMARK_TOPIC_PREFIX$/);
    });
  }

  const inUse = "; if it is in use, keys have moved: leave WAYMARK_PARTITIONS, ";
  const recreated = "raise WAYMARK_GENERATION and WAYMARK_LOG_EPOCH, and choose another WAYMARK_TOPIC_PREFIX";
  const next = "and raise WAYMARK_GENERATION: the next one has a topic of its own";
  const taken = "set WAYMARK_PARTITIONS to what is there (12)";
  const advice: [topic: string, advice: string][] = [
    ["ride-events", `if nothing was folded of it yet, ${taken}${inUse}${recreated}`],
    ["eu-driver-locations", `if nothing was folded of it yet, ${taken}${inUse}${recreated}`],
    ["city-partials-g3", `if nothing was folded of it yet, ${taken}${inUse}${next}`],
    ["alerts", `${taken}, or choose another WAYMARK_TOPIC_PREFIX`],
    ["ride-events-dead-letters", `${taken}, or choose another WAYMARK_TOPIC_PREFIX`],
  ];
  for (const [topic, sentence] of advice) {
    it(`refuse another partition count of ${topic} with what leads on from there`, () => {
      const spec = { topic, partitions: 24, retentionMs: dayMs };
      assert.deepEqual(differences(wanted({ spec }), found({}, { partitions: 12 })).refused, [
        `topic ${topic} has 12 partitions; 24 are wanted, and a partition count cannot be changed: ${sentence}`,
      ]);
    });
  }

  it("name each of several", () => {
    const shape = found({ "message.timestamp.type": "CreateTime" }, { partitions: 1 });
    assert.equal(differences(wanted(), shape).refused.length, 2);
  });

  it("remark on retention and copies, and refuse neither", () => {
    const shape = found({ "retention.ms": "3600000", "min.insync.replicas": "1" }, { replicas: 2 });
    assert.deepEqual(differences(wanted(), shape), {
      refused: [],
      remarks: ["retention 1h, set is 1d", "replication 2, set is 3", "min.insync.replicas 1, better is 2"],
    });
  });
});

describe("spanText", () => {
  it("is written as the settings write it", () => {
    assert.deepEqual([7 * dayMs, 36 * hourMs, 90_000, Infinity].map(spanText), [
      "7d",
      "36h",
      "90000 ms",
      "for ever",
    ]);
  });
});
