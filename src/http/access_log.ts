/**
 * A line for every request, or for some: the route and never the path, the key's name and never the key, so that
 * neither people nor secrets are in it.
 *
 * What failed is always told. Of what went well one in `every` is, route by route, the first of each among them. And
 * there is an end to it: beyond `linesMax` a second nothing is written, and the next line says how much was left out,
 * so that nobody can fill a disk by being refused.
 */
import { metrics } from "../telemetry/metrics.ts";
import { type Clock, secondMs } from "../time.ts";

/** What is known of a request while it is worked on; filled in by the application. */
export type RequestFacts = {
  route: string;
  key: string | null;
  requestId: string;
  /** Bytes of the body that were read. */
  bytesIn: number;
};

export const unknownFacts = (): RequestFacts => ({
  route: "unmatched",
  key: null,
  requestId: "",
  bytesIn: 0,
});

export type Served = { method: string; status: number; ms: number; bytesOut: number; isStream: boolean };

export type AccessLine = {
  method: string;
  route: string;
  status: number;
  ms: number;
  bytes_in: number;
  bytes_out: number;
  key: string;
  request: string;
  /** Lines left out since the one before. */
  unwritten?: number;
};

export type AccessLogOptions = {
  clock: Pick<Clock, "monotonicMs">;
  /** Of how many answers below 400 one is told; null tells of none, whatever its status. */
  every: number | null;
  linesMax: number;
  write(line: AccessLine): void;
};

export function createAccessLog({ clock, every, linesMax, write }: AccessLogOptions) {
  const well = new Map<string, number>();
  let [secondAt, lines, unwritten] = [0, 0, 0];

  function mayWrite(): boolean {
    const nowMs = clock.monotonicMs();
    if (nowMs - secondAt >= secondMs) [secondAt, lines] = [nowMs, 0];
    if (lines < linesMax) return ++lines > 0;
    unwritten++;
    return false;
  }

  function isChosen(route: string, status: number): boolean {
    if (every === null) return false;
    if (status >= 400) return true;
    const count = well.get(route) ?? 0;
    well.set(route, count + 1);
    return count % every === 0;
  }

  return (facts: RequestFacts, served: Served): void => {
    if (!served.isStream) metrics.requestSeconds.observe({ route: facts.route }, served.ms / secondMs);
    if (!isChosen(facts.route, served.status) || !mayWrite()) return;
    write({
      method: served.method,
      route: facts.route,
      status: served.status,
      ms: Math.round(served.ms * 10) / 10,
      bytes_in: facts.bytesIn,
      bytes_out: served.bytesOut,
      key: facts.key ?? "",
      request: facts.requestId,
      ...(unwritten > 0 && { unwritten }),
    });
    unwritten = 0;
  };
}
