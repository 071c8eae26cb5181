/**
 * `GET /v1/stream`: server-sent events to live pages and other programs.
 *
 * One loop serves all clients. A client that leaves too much unread is cut off rather than waited for: it comes back
 * with Last-Event-ID and gets what it missed from the ring, or a `reset` and the whole state when the ring no longer
 * reaches back. So every client ends with the newest state, however badly it is connected.
 *
 *   board change ─► feed (gathers) ─ tick ─► ring ─► every client's buffer (bounded)
 */
import { utf8 } from "../ids.ts";
import { metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { refusalResponse, refuse } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { wordsParameter } from "./query.ts";
import {
  createFeed,
  encode,
  streamDefault,
  type StreamEvent,
  streamEvents,
  type Told,
} from "./stream_feed.ts";

export type Streams = {
  open(request: Request, url: URL): Response;
  connected(): number;
  /** Tells every client that this is the end, and lets none in any more. */
  close(): Promise<void>;
};

type Client = {
  events: ReadonlySet<StreamEvent>;
  controller: ReadableStreamDefaultController<Uint8Array>;
};

/** How long a client waits before it comes back. */
const retryMs = 2_000;

export function createStreams(
  { handles, clock, bounds }: { handles: Handles; clock: Clock; bounds: DoorBounds },
): Streams {
  const feed = createFeed({ handles, bounds, epoch: clock.nowMs().toString(36) });
  const clients = new Set<Client>();
  const closing = new AbortController();

  const unsubscribe = handles.board.subscribe((change) => {
    feed.note(change);
    if (change.kind === "alert") tick();
  });

  function tick(): void {
    // Shown at the next tick. Without a client nobody looks, and the other nodes are left alone.
    if (clients.size > 0) void handles.fleet?.refresh(bounds.streamTickMs);
    const pages = [...clients].some((c) => c.events.has("city") || c.events.has("status"));
    for (const told of feed.changes(clock.monotonicMs(), pages)) {
      for (const client of clients) if (client.events.has(told.event)) send(client, told.bytes);
    }
  }

  async function run(): Promise<void> {
    let beatMs = clock.monotonicMs();
    while (!closing.signal.aborted) {
      await clock.sleep(bounds.streamTickMs, closing.signal);
      if (closing.signal.aborted) return;
      tick();
      if (clock.monotonicMs() - beatMs < bounds.heartbeatMs) continue;
      beatMs = clock.monotonicMs();
      for (const client of clients) send(client, heartbeat);
    }
  }
  const running = run();

  function send(client: Client, bytes: Uint8Array): void {
    if ((client.controller.desiredSize ?? 0) <= 0) {
      client.controller.error(new Error("the client reads too slowly"));
      leave(client);
    } else {
      client.controller.enqueue(bytes);
    }
  }

  function leave(client: Client): void {
    clients.delete(client);
    metrics.streams.set(clients.size);
  }

  function begin(events: ReadonlySet<StreamEvent>, lastEventId: string | null): Uint8Array[] {
    const wanted = (told: Told) => events.has(told.event);
    const missed = lastEventId === null ? null : feed.since(lastEventId);
    if (missed !== null) {
      const states = feed.whole(new Set([...events].filter((e) => e === "city" || e === "status")));
      return [...missed.filter(wanted), ...states].map((told) => told.bytes);
    }
    const reset = lastEventId === null
      ? []
      : [encode("reset", { reason: "the given Last-Event-ID is not held any more" }, feed.lastId())];
    return [...reset, ...feed.whole(events).map((told) => told.bytes)];
  }

  return {
    open(request, url) {
      const asked = wordsParameter(url, "events", { words: streamEvents, fallback: streamDefault });
      if (!asked.ok) return refusalResponse(asked);
      if (closing.signal.aborted || handles.health().draining) {
        return refusalResponse(
          refuse("draining", "this node is shutting down; connect to another, or again soon"),
        );
      }
      if (clients.size >= bounds.streamsMax) {
        return refusalResponse(refuse("streams_exceeded", `${bounds.streamsMax} streams are open already`));
      }
      // A HEAD has no body that could be cancelled: it would be counted as connected for ever.
      if (request.method === "HEAD") return new Response(null, { headers: streamHeaders });
      const events = new Set(asked.value);
      let client: Client | undefined;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          client = { events, controller };
          controller.enqueue(utf8(`retry: ${retryMs}\n\n`));
          for (const bytes of begin(events, request.headers.get("last-event-id"))) controller.enqueue(bytes);
          clients.add(client);
          metrics.streams.set(clients.size);
        },
        cancel() {
          if (client !== undefined) leave(client);
        },
      }, new ByteLengthQueuingStrategy({ highWaterMark: bounds.streamBufferBytes }));
      return new Response(body, { headers: streamHeaders });
    },
    connected: () => clients.size,
    async close() {
      closing.abort();
      unsubscribe();
      for (const client of [...clients]) {
        client.controller.enqueue(encode("end", { reason: "the node is shutting down" }));
        client.controller.close();
        leave(client);
      }
      await running;
    },
  };
}

/** Compressing or buffering on the way would hold the events back. */
const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

const heartbeat = utf8(": still here\n\n");
