/**
 * Calls from a process to a service, over a network that loses, delays and repeats.
 *
 *   process ──request──► service: apply ──reply──► process
 *            lost, late          │          lost, late, cut, process gone
 *                                └── applied, whatever becomes of the reply
 *
 * A call that is not answered in time fails at the caller; what it asked for may have happened, may happen later, or
 * never does. Which of these the caller must not be able to tell.
 */
import type { Random } from "../../src/traffic/random.ts";
import type { PointName, Points } from "./points.ts";
import type { Place, Schedule } from "./schedule.ts";

export type ServiceName = "log" | "store" | "clickhouse";

export type Link = "open" | "cut" | "replies_cut";

/** What one process sees of the network. */
export type Wire = {
  call<T>(call: Call<T>): Promise<T>;
  /** Calls that have not been answered yet. */
  open(): number;
};

export type Call<T> = {
  to: ServiceName;
  label: string;
  /** Done at the service when the request arrives: a value, or later through `answer` by those that hold a request. */
  apply(): T | Held<T>;
  timeoutMs: number;
  /** What the caller gets when nothing came back. */
  failure(why: string): Error;
  /** Chances, from the plan, of what may become of this call. */
  rates?: Partial<Record<"lost" | "unanswered" | "late" | "twice", number>>;
  points?: Partial<Record<"lost" | "unanswered" | "late" | "twice" | "fromTheDead", PointName>>;
};

/** A request that the service answers when it likes: a fetch at the log's end. */
export type Held<T> = { hold(answer: (value: T) => void): void };

export type Network = {
  schedule: Schedule;
  random: Random;
  points: Points;
  latencyMs: number;
  slowRate: () => number;
  /** Services that are away. */
  down: Set<ServiceName>;
  link(place: Place, service: ServiceName): Link;
};

export function createWire(place: Place, network: Network): Wire {
  const { schedule, random, points } = network;
  let open = 0;

  const latency = () =>
    random.chance(network.slowRate())
      ? random.between(1, 40) * network.latencyMs
      : random.between(0.2, 1.8) * network.latencyMs;

  function call<T>({ to, label, apply, timeoutMs, failure, rates = {}, points: named = {} }: Call<T>) {
    const fate = fateOf(rates);
    const said = (name: PointName | undefined) => name !== undefined && points.sometimes(name);
    open++;
    return new Promise<T>((resolve, reject) => {
      let settled = false;
      const settle = (done: () => void) => {
        if (settled) return;
        settled = true;
        open--;
        done();
      };
      const reply = (answer: () => void) => {
        if (fate === "unanswered" || network.link(place, to) !== "open") return;
        schedule.at(latency(), `${label} answered`, () => settle(answer), place);
      };
      const arrive = () => {
        if (network.down.has(to) || network.link(place, to) === "cut") return;
        if (place.state === "gone") said(named.fromTheDead);
        said(fate === "ok" ? undefined : named[fate]);
        if (network.link(place, to) === "replies_cut") points.sometimes("cut_one_way");
        let value: T | Held<T>;
        try {
          value = apply();
          if (fate === "twice") value = apply();
        } catch (thrown) {
          return reply(() => reject(thrown));
        }
        if (isHeld(value)) value.hold((later) => reply(() => resolve(later)));
        else reply(() => resolve(value as T));
      };

      if (fate === "lost") said(named.lost);
      else {
        const extraMs = fate === "late" ? timeoutMs * random.between(0.7, 6) : 0;
        schedule.at(extraMs + latency(), `${label} arrives`, arrive);
      }
      const giveUp = () => settle(() => reject(failure("no answer in time")));
      schedule.at(timeoutMs, `${label} given up`, giveUp, place, () => settled);
    });
  }

  function fateOf(
    rates: NonNullable<Call<unknown>["rates"]>,
  ): "ok" | "lost" | "unanswered" | "late" | "twice" {
    for (const fate of ["lost", "unanswered", "late", "twice"] as const) {
      if (random.chance(rates[fate] ?? 0)) return fate;
    }
    return "ok";
  }

  return { call, open: () => open };
}

const isHeld = <T>(value: T | Held<T>): value is Held<T> =>
  typeof value === "object" && value !== null && "hold" in value && typeof value.hold === "function";
