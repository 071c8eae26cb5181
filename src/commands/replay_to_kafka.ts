/** `waymark replay FILE --to kafka`: a recorded file into the input topics, paced by its own times. */
import { WaymarkError } from "../errors.ts";
import { recordedTime, type Timed } from "../node/replay.ts";
import { systemClock } from "../time.ts";
import { trafficFormats } from "../traffic/formats.ts";
import type { SentItem } from "../traffic/item.ts";
import type { Given } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";
import {
  type Produced,
  producedText,
  produceTraffic,
  recordMaker,
  refuseWithoutKafka,
  untilSignal,
  withInputTopics,
} from "./produce_traffic.ts";
import { startProgress } from "./progress.ts";
import type { Plan } from "./embedded_replay.ts";

const embeddedOnly = ["out", "data-dir", "owners"];

/** Prints what was sent. Throws `usage` without KAFKA_BROKERS, input_unreadable, topic_mismatch. */
export async function replayToKafka({ file, format, speed, seed }: Plan, given: Given): Promise<number> {
  const stray = embeddedOnly.find((name) => given.text(name) !== undefined) ??
    (given.flag("clickhouse") ? "clickhouse" : undefined);
  if (stray !== undefined) {
    throw new WaymarkError("usage", `--${stray} is given; allowed: only with --to embedded`);
  }
  const config = configFromEnvironment();
  refuseWithoutKafka(config);
  const opened = await trafficFormats[format].open(file, { seed });
  const bar = startProgress("replay", opened.progress().bytesTotal, systemClock);
  const sent = { "ride-events": 0, "driver-locations": 0 };
  const stop = untilSignal();
  let produced: Produced;
  try {
    produced = await withInputTopics(config, (log) =>
      produceTraffic(log, withTimes(opened.chunks), {
        clock: systemClock,
        speed,
        nowIs: null,
        signal: stop.signal,
        toRecord: recordMaker(config),
        acknowledged(sendings) {
          for (const { item } of sendings) sent[item.topic]++;
          const records = sent["ride-events"] + sent["driver-locations"];
          bar.at(opened.progress().bytesRead, `${records.toLocaleString("en")} records`);
        },
      }));
  } finally {
    bar.end();
    stop.done();
    for (const [topic, count] of Object.entries(sent)) {
      console.log(`${topic}: sent ${count.toLocaleString("en")}`);
    }
  }
  console.log(producedText(produced, speed !== null));
  return produced.unanswered > 0 ? 1 : 0;
}

/** Every item with a time to be sent at, as in the embedded replay. */
async function* withTimes(chunks: AsyncIterable<SentItem[]>): AsyncGenerator<{ item: SentItem }[]> {
  const timed: Timed = { untimed: 0, lastMs: 0 };
  for await (const chunk of chunks) {
    yield chunk.map((item) => ({ item: { ...item, recordedAtMs: recordedTime(item, timed) } }));
  }
}
