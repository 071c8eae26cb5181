/**
 * Rides of our own, asked after at any node all the time. Whether an answer was right is decided afterwards, from
 * the offsets that the ride's events have in the log.
 *
 *   answer           is right when
 *   200 state S      the answer's offset is above that of the event that leads to S, and not above the next one's
 *   404              the answer's offset is not above that of the ride's first event
 *   503              it says when to try again
 */
import { fromUtf8 } from "../../src/ids.ts";
import type { LogRecord } from "../../src/log/port.ts";
import { systemClock } from "../../src/time.ts";
import { ask, type Worker } from "./workers.ts";

type Answer = {
  rideId: string;
  status: number;
  state: string | null;
  owner: { topic: string; partition: number; offset?: number; node?: string } | null;
  retryAfter: string | null;
  text: string;
};

export type Probes = {
  answers: Answer[];
  /** Events that were answered with 202. */
  taken: { rideId: string; state: string }[];
  /** Events that no node took in time; they may be in the log all the same. */
  unanswered: number;
  stop(): Promise<void>;
};

const everyMs = 50;
const steps = [["requested", "requested"], ["accepted", "accepted"], ["started", "started"], [
  "completed",
  "completed",
]] as const;

export function startProbes(workers: readonly Worker[]): Probes {
  const over = new AbortController();
  const answers: Answer[] = [];
  const open: { id: string; step: number }[] = [];
  let made = 0;
  let turn = 0;
  const probes: Probes = {
    answers,
    taken: [],
    unanswered: 0,
    async stop() {
      over.abort();
      await running;
    },
  };
  const node = () => workers[turn++ % workers.length]!;

  async function send(ride: { id: string; step: number }): Promise<boolean> {
    const [type] = steps[ride.step]!;
    const at = new Date(systemClock.nowMs()).toISOString();
    const event = {
      ...{ event_type: type, ride_id: ride.id, event_id: `${ride.id}-${type}`, timestamp: at },
      ...{ city: "probeville", user_id: `rider-${ride.id}`, driver_id: "probe-driver" },
      ...(type === "completed" && { fare: 10 }),
    };
    for (let tries = 0; tries < 40 && !over.signal.aborted; tries++) {
      const answer = await ask(`${node().url}/v1/events`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(event),
      });
      if (answer?.status === 202) {
        probes.taken.push({ rideId: ride.id, state: type });
        return true;
      }
      await systemClock.sleep(everyMs);
    }
    probes.unanswered++;
    return false;
  }

  async function look(id: string): Promise<void> {
    const answer = await ask(`${node().url}/v1/rides/${id}`);
    if (answer === null) return; // nobody there: no answer is not a wrong one
    const body = answer.body as Record<string, unknown>;
    answers.push({
      rideId: id,
      status: answer.status,
      state: typeof body.state === "string" ? body.state : null,
      owner: (body.owner ?? (body.error as { owner?: unknown })?.owner ?? null) as Answer["owner"],
      retryAfter: answer.headers.get("retry-after"),
      text: JSON.stringify(body).slice(0, 400),
    });
  }

  async function run(): Promise<void> {
    while (!over.signal.aborted) {
      if (open.length < 20) open.push({ id: `probe-${++made}`, step: 0 });
      const ride = open.shift()!;
      if (ride.step < steps.length) {
        await send(ride);
        ride.step++;
        open.push(ride);
      }
      for (const other of open.slice(0, 3)) await look(other.id);
      await systemClock.sleep(everyMs, over.signal);
    }
  }
  const running = run();
  return probes;
}

/** Where the events of probed rides are in the log: to be shown every ride record. */
export type ProbedRides = {
  see(record: LogRecord & { partition: number }): void;
  rides: Map<string, { partition: number; steps: { state: string; offset: number }[] }>;
  /** Records of probes, repeated ones included. */
  count(): number;
};

export function probedRides(): ProbedRides {
  const rides: ProbedRides["rides"] = new Map();
  let count = 0;
  return {
    rides,
    count: () => count,
    see({ key, value, offset, partition }) {
      if (key === null || !fromUtf8(key).startsWith("probe-")) return;
      count++;
      const event = JSON.parse(fromUtf8(value)) as { ride_id: string; event_type: string };
      const held = rides.get(event.ride_id) ?? { partition, steps: [] };
      rides.set(event.ride_id, held);
      // The same event sent again changes nothing.
      if (held.steps.every(({ state }) => state !== event.event_type)) {
        held.steps.push({ state: event.event_type, offset });
      }
    },
  };
}

/** The answers that were wrong, in words; and the events that were taken with 202 and are not there. */
export function wrongAnswers({ answers, taken }: Probes, { rides }: ProbedRides): string[] {
  const wrong = answers.flatMap((answer) => {
    const why = judge(answer, rides.get(answer.rideId));
    return why === null ? [] : [`${answer.rideId}: ${why}: ${answer.status} ${answer.text}`];
  });
  const lost = taken.filter(({ rideId, state }) =>
    rides.get(rideId)?.steps.every((step) => step.state !== state) ?? true
  );
  return [
    ...wrong,
    ...lost.map(({ rideId, state }) => `${rideId}: ${state} was taken with 202 and is not in the log`),
  ];
}

function judge(
  { status, state, owner, retryAfter }: Answer,
  ride: { partition: number; steps: { state: string; offset: number }[] } | undefined,
): string | null {
  if (status === 503) return retryAfter === null ? "503 without Retry-After" : null;
  if (status !== 200 && status !== 404) return "neither an answer nor an honest 503";
  if (owner?.offset === undefined) return "without the offset it is as of";
  if (ride === undefined) return status === 404 ? null : "the log does not have this ride";
  if (owner.partition !== ride.partition) return `the ride is on partition ${ride.partition}`;
  // The furthest state of the events folded by then: they may have arrived in any order.
  const order = steps.map(([, name]) => name as string);
  const folded = ride.steps.filter(({ offset }) => offset < owner.offset!).map((s) => order.indexOf(s.state));
  const wanted = folded.length === 0 ? null : order[Math.max(...folded)]!;
  return state === wanted ? null : `wanted ${wanted ?? "404"} as of offset ${owner.offset}`;
}
