/** The application over the twin, on a clock the test turns. */
import { type App, type AppOptions, createApp } from "../../../src/http/app.ts";
import type { UnmaskedRead } from "../../../src/http/unmasked.ts";
import { type Clock, type ManualClock, manualClock, minuteMs } from "../../../src/time.ts";
import { createTwin, type Twin } from "./twin.ts";

/** On a minute boundary. */
export const noonMs = Date.UTC(2026, 0, 15, 12);

export type Doors = AsyncDisposable & {
  app: App;
  twin: Twin;
  clock: ManualClock;
  defects: unknown[];
  /** Every read that was not masked. */
  audited: UnmaskedRead[];
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body: BodyInit, headers?: Record<string, string>): Promise<Response>;
};

export async function openDoors(
  { config = { ingestKeys: [], readKeys: [] }, running, ...options }:
    & Partial<Pick<AppOptions, "config" | "bounds" | "rates" | "corsOrigins" | "access">>
    & {
      /** A clock that goes by itself, for sockets. */
      running?: Clock;
    } = {},
): Promise<Doors> {
  const clock = manualClock(noonMs);
  const twin = await createTwin(clock);
  const defects: unknown[] = [];
  const audited: UnmaskedRead[] = [];
  const app = createApp({
    handles: twin.handles,
    config,
    clock: running ?? clock,
    defect: (thrown) => defects.push(thrown),
    maskKey: "a key of the tests",
    audit: (read) => audited.push(read),
    ...options,
  });
  return {
    app,
    twin,
    clock,
    defects,
    audited,
    get: async (path, headers = {}) => await app.hono.request(path, { headers }),
    post: async (path, body, headers = {}) =>
      await app.hono.request(path, {
        method: "POST",
        body,
        headers: { "content-type": "application/json", ...headers },
      }),
    async [Symbol.asyncDispose]() {
      await app.close();
      await twin.board.stop();
    },
  };
}

export const event = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  event_type: "requested",
  ride_id: "ride-1",
  timestamp: "2026-01-15T12:00:00.000Z",
  ...more,
});

export const location = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  driver_id: "driver-1",
  timestamp: "2026-01-15T12:00:00.000Z",
  lat: 48.15,
  lng: 17.11,
  ...more,
});

export async function errorOf(response: Response): Promise<{ status: number; code: string; field?: string }> {
  const { error } = await response.json();
  return {
    status: response.status,
    code: error.code,
    ...(error.field !== undefined && { field: error.field }),
  };
}

export const minutesAfterNoon = (n: number): number => noonMs + n * minuteMs;
