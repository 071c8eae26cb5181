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
import type { Clock } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { refusalResponse } from "./errors.ts";
import { encode, type EventClient, type EventClients } from "./event_clients.ts";
import type { Handles } from "./handles.ts";
import { wordsParameter } from "./query.ts";
import { createFeed, streamDefault, type StreamEvent, streamEvents, type Told } from "./stream_feed.ts";

export type Streams = {
  open(request: Request, url: URL): Response;
  close(): Promise<void>;
};

export function createStreams(
  { handles, clock, bounds, clients: connections }: {
    handles: Handles;
    clock: Clock;
    bounds: DoorBounds;
    clients: EventClients;
  },
): Streams {
  const feed = createFeed({ handles, bounds, epoch: clock.nowMs().toString(36) });
  const clients = new Map<EventClient, ReadonlySet<StreamEvent>>();
  const closing = new AbortController();

  const unsubscribe = handles.board.subscribe((change) => {
    feed.note(change);
    if (change.kind === "alert") tick();
  });

  function tick(): void {
    // Shown at the next tick. Without a client nobody looks, and the other nodes are left alone.
    if (clients.size > 0) void handles.fleet?.refresh(bounds.streamTickMs);
    const pages = [...clients.values()].some((events) => events.has("city") || events.has("status"));
    for (const told of feed.changes(clock.monotonicMs(), pages)) {
      for (const [client, events] of [...clients]) if (events.has(told.event)) client.send(told.bytes);
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
      for (const client of [...clients.keys()]) client.send(heartbeat);
    }
  }
  const running = run();

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
      const events = new Set(asked.value);
      return connections.open(request, {
        begin: () => begin(events, request.headers.get("last-event-id")),
        joined: (client) => void clients.set(client, events),
        left: (client) => void clients.delete(client),
      });
    },
    async close() {
      closing.abort();
      unsubscribe();
      await running;
    },
  };
}

const heartbeat = utf8(": still here\n\n");
