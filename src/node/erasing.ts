/** Erasures as the settings want them, and as the doors ask for them. */
import type { Config } from "../config.ts";
import type { Handles } from "../http/handles.ts";
import { invariant } from "../invariant.ts";
import type { Log } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import type { Signals } from "../telemetry/signals.ts";
import type { Clock } from "../time.ts";
import { forEveryTopic, topicsNamingRiders } from "../topic_defaults.ts";
import { type Erasures, startErasures } from "./erasures.ts";
import { namingOf } from "./pipeline.ts";

export async function startConfiguredErasures(
  { config, log, clock, node }: { config: Config; log: Log; clock: Clock; node: string },
): Promise<Erasures> {
  const retention = forEveryTopic("retentionMs", config.WAYMARK_RETENTION);
  return await startErasures({
    log,
    clock,
    node,
    topic: topicName("erasures", namingOf(config)),
    keptMs: Math.max(...topicsNamingRiders.map((topic) => retention[topic])),
  });
}

export const erasingOf = (
  erasures: Erasures,
  stores: readonly string[],
  signals: Signals,
): Handles["erasing"] => ({
  async erase(userId, by) {
    const id = await erasures.erase(userId, by);
    signals.erasureAsked({ erasure: id, key: by });
    const view = erasures.find(id, stores);
    invariant(view !== null, "an erasure that was read back is known");
    return view;
  },
  erasures: (most) => erasures.view(stores, most),
  erasure: (id) => erasures.find(id, stores),
});
