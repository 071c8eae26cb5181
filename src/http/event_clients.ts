/**
 * The connections of server-sent events, of programs and of pages: one bound for all, and an end for all.
 *
 * A client that leaves too much unread is cut off rather than waited for: it comes back with Last-Event-ID.
 */
import { utf8 } from "../ids.ts";
import { metrics } from "../telemetry/metrics.ts";
import type { DoorBounds } from "./bounds.ts";
import { refusalResponse, refuse } from "./errors.ts";
import type { Handles } from "./handles.ts";

export type EventClient = { send(bytes: Uint8Array): void };

export type Joining = {
  /** What the client is told first, before anything that is sent to it later. */
  begin(): Uint8Array[];
  joined(client: EventClient): void;
  left(client: EventClient): void;
};

export type EventClients = {
  open(request: Request, joining: Joining): Response;
  connected(): number;
  /** Tells every client that this is the end, and lets none in any more. */
  close(): void;
};

/** How long a client waits before it comes back. */
const retryMs = 2_000;

export function createEventClients(
  { handles, bounds }: { handles: Pick<Handles, "draining">; bounds: DoorBounds },
): EventClients {
  const endings = new Set<() => void>();
  let closed = false;

  return {
    open(request, joining) {
      if (closed || handles.draining()) {
        return refusalResponse(
          refuse("draining", "this node is shutting down; connect to another, or again soon"),
        );
      }
      if (endings.size >= bounds.streamsMax) {
        return refusalResponse(refuse("streams_exceeded", `${bounds.streamsMax} streams are open already`));
      }
      // A HEAD has no body that could be cancelled: it would be counted as connected for ever.
      if (request.method === "HEAD") return new Response(null, { headers: streamHeaders });
      let leave = () => {};
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          const client: EventClient = {
            send(bytes) {
              if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(bytes);
              controller.error(new Error("the client reads too slowly"));
              leave();
            },
          };
          const end = () => {
            controller.enqueue(encode("end", { reason: "the node is shutting down" }));
            controller.close();
            leave();
          };
          leave = () => {
            if (!endings.delete(end)) return;
            metrics.streams.set(endings.size);
            joining.left(client);
          };
          controller.enqueue(utf8(`retry: ${retryMs}\n\n`));
          for (const bytes of joining.begin()) controller.enqueue(bytes);
          endings.add(end);
          metrics.streams.set(endings.size);
          joining.joined(client);
        },
        cancel: () => leave(),
      }, new ByteLengthQueuingStrategy({ highWaterMark: bounds.streamBufferBytes }));
      return new Response(body, { headers: streamHeaders });
    },
    connected: () => endings.size,
    close() {
      closed = true;
      for (const end of [...endings]) end();
    },
  };
}

/** Compressing or buffering on the way would hold the events back. */
const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/** JSON has no raw line breaks, so one `data` line holds it. */
export function encode(event: string, data: unknown, id?: string): Uint8Array {
  return utf8(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
