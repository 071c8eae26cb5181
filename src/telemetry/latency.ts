/** The latency histogram as a sentence, for the end of a demo. */
import { metrics } from "./metrics.ts";

/** Upper bounds of the p50 and p99 from an event's log time to the acknowledged window that counts it. */
export async function latencyText(): Promise<string> {
  const { values } = await metrics.eventToWindow.get();
  const buckets = values.filter((v) => v.metricName?.endsWith("_bucket"));
  const total = values.find((v) => v.metricName?.endsWith("_count"))?.value ?? 0;
  if (total === 0) return "event to window: nothing measured yet";
  const bound = (q: number) => buckets.find((b) => b.value >= q * total)?.labels.le ?? "+Inf";
  return `event to window: p50 at most ${bound(0.5)} s, p99 at most ${bound(0.99)} s (${
    total.toLocaleString("en")
  } flushes measured)`;
}
