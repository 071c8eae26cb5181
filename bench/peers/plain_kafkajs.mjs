/**
 * The same query as a plain program on kafkajs, as one writes it in an afternoon: JSON.parse, a Map of windows, a Set of
 * riders per window. For Deno and for Node.
 *
 *   deno run -A plain_kafkajs.mjs BROKERS INPUT OUTPUT      node plain_kafkajs.mjs BROKERS INPUT OUTPUT
 *
 * Every second it publishes the windows that changed. Its state is in memory only: a crash loses it, and offsets are
 * committed by a timer whether or not their windows were published.
 */
import process from "node:process";
import kafkajs from "kafkajs";
import { compressFrame, decompressFrame } from "lz4-napi";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => compressFrame(encoder.buffer),
  decompress: (buffer) => decompressFrame(buffer),
});

const [brokers, input, output] = process.argv.slice(2);
const minuteMs = 60_000;
const panes = Number(process.env.WINDOW_MINUTES ?? 5);
const delayMs = 30_000;

const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
const producer = kafka.producer();
const consumer = kafka.consumer({
  groupId: `plain-${output}`,
  maxBytesPerPartition: 1_048_576,
  maxBytes: 12 * 1_048_576,
  maxWaitTimeInMs: 100,
});

/** City → start of the window → its figures. */
const cities = new Map();
const changed = new Set();
/** By partition: the greatest event time. */
const newest = new Map();

await producer.connect();
await consumer.connect();
await consumer.subscribe({ topic: input, fromBeginning: true });
await consumer.run({
  eachBatch: async ({ batch, heartbeat }) => {
    for (const { value } of batch.messages) count(JSON.parse(value), batch.partition);
    await heartbeat();
  },
});
setInterval(publish, 1_000);
process.on("SIGTERM", () => process.exit(0));

function count(event, partition) {
  const timeMs = Date.parse(event.timestamp);
  newest.set(partition, Math.max(newest.get(partition) ?? 0, timeMs));
  const minute = Math.floor(timeMs / minuteMs);
  let windows = cities.get(event.city);
  if (windows === undefined) cities.set(event.city, windows = new Map());
  for (let start = minute - panes + 1; start <= minute; start++) {
    let window = windows.get(start);
    if (window === undefined) windows.set(start, window = empty(event.city, start));
    window.total++;
    if (event.event_type === "requested") window.requests++;
    else if (event.event_type === "completed") window.completions++;
    else if (event.event_type === "cancelled") window.cancellations++;
    if (event.estimated_fare !== undefined) {
      window.fareCents += Math.round(event.estimated_fare * 100);
      window.fares++;
    }
    window.riders.add(event.user_id);
    changed.add(window);
  }
}

function empty(city, start) {
  const counts = { total: 0, requests: 0, completions: 0, cancellations: 0, fareCents: 0, fares: 0 };
  return { city, start, ...counts, riders: new Set() };
}

async function publish() {
  if (changed.size === 0) return;
  const messages = [...changed].map((window) => ({
    key: `${window.city}|${window.start}`,
    value: JSON.stringify({
      city: window.city,
      window_start: new Date(window.start * minuteMs).toISOString(),
      window_end: new Date((window.start + panes) * minuteMs).toISOString(),
      total_events: window.total,
      requests: window.requests,
      completions: window.completions,
      cancellations: window.cancellations,
      avg_fare: window.fares === 0 ? null : Math.round(window.fareCents / window.fares) / 100,
      unique_riders: window.riders.size,
    }),
  }));
  changed.clear();
  await producer.send({ topic: output, messages, compression: CompressionTypes.LZ4 });
  const watermarkMs = newest.size < 12 ? 0 : Math.min(...newest.values()) - delayMs;
  for (const windows of cities.values()) {
    for (const [start, window] of windows) {
      if ((start + panes) * minuteMs <= watermarkMs && !changed.has(window)) windows.delete(start);
    }
  }
}
