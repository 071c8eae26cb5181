/**
 * Pages that are open: an address asked for with `Accept: text/event-stream` tells what changes on its page.
 *
 *   address ─► builder ─ tick ─► what changed (pages/changes.ts) ─► every client of that address
 *
 * A page that many people look at is built once. It is forgotten a while after the last one left; until then a page
 * that comes back with Last-Event-ID gets what it missed, and after that everything. Nothing new for a few seconds is
 * said too, so that an open page can tell silence from a lost connection.
 */
import type { Clock } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { encode, type EventClient, type EventClients } from "./event_clients.ts";
import type { Handles } from "./handles.ts";
import { createChanges, type PageChanges } from "./pages/changes.ts";
import type { PageView } from "./pages/page.ts";

export type PageBuilder = () => Promise<PageView>;

export type LivePages = {
  open(request: Request, url: URL, build: PageBuilder): Promise<Response>;
  /** Addresses that are looked at, or were a moment ago. */
  watched(): number;
  close(): Promise<void>;
};

type Watched = {
  build: PageBuilder;
  clients: Set<EventClient>;
  changes: PageChanges;
  /** What was sent last, so that nothing is sent twice. */
  toldTo: number;
  building: Promise<void> | null;
  /** Since when nobody looks. */
  leftMs: number | null;
};

export function createLivePages(
  { handles, clock, bounds, clients: connections, release }: {
    handles: Handles;
    clock: Clock;
    bounds: DoorBounds;
    clients: EventClients;
    release: string;
  },
): LivePages {
  const epoch = clock.nowMs().toString(36);
  const pages = new Map<string, Watched>();
  const closing = new AbortController();

  const idOf = (position: number) => `${epoch}.${position}`;
  const encoded = (page: Watched, since: number | null): Uint8Array | null => {
    const told = page.changes.since(since);
    const now = new Date(handles.nowMs()).toISOString();
    return told === null ? null : encode("page", { now, release, ...told }, idOf(page.changes.position()));
  };

  /** A build may ask other nodes and take longer than a tick: then the next one waits for the same. */
  function refresh(page: Watched): Promise<void> {
    page.building ??= renew(page).finally(() => page.building = null);
    return page.building;
  }

  async function renew(page: Watched): Promise<void> {
    let view: PageView;
    try {
      view = await page.build();
    } catch {
      // The next tick tries again; until then the page says as of when its figures are.
      return;
    }
    if (!page.changes.take(view)) return;
    const bytes = encoded(page, page.toldTo);
    page.toldTo = page.changes.position();
    if (bytes !== null) { for (const client of [...page.clients]) client.send(bytes); }
  }

  function tick(): void {
    for (const [address, page] of pages) {
      if (page.clients.size > 0) void refresh(page);
      else if (page.leftMs !== null && clock.monotonicMs() - page.leftMs > bounds.pageKeptMs) {
        pages.delete(address);
      }
    }
  }

  const unsubscribe = handles.board.subscribe((change) => {
    if (change.kind === "alert") tick();
  });

  async function run(): Promise<void> {
    let beatMs = clock.monotonicMs();
    while (!closing.signal.aborted) {
      await clock.sleep(bounds.streamTickMs, closing.signal);
      if (closing.signal.aborted) return;
      tick();
      if (clock.monotonicMs() - beatMs < bounds.pageBeatMs) continue;
      beatMs = clock.monotonicMs();
      const beat = encode("beat", { now: new Date(handles.nowMs()).toISOString() });
      for (const page of pages.values()) for (const client of [...page.clients]) client.send(beat);
    }
  }
  const running = run();

  /** By address and by key: what a page shows may depend on who looks. */
  function watchedAt(request: Request, url: URL, build: PageBuilder): Watched {
    const address = `${url.pathname}${url.search}\n${request.headers.get("authorization") ?? ""}`;
    const known = pages.get(address);
    if (known !== undefined) return known;
    const page: Watched = {
      build,
      clients: new Set(),
      changes: createChanges(),
      toldTo: 0,
      building: null,
      leftMs: clock.monotonicMs(),
    };
    pages.set(address, page);
    return page;
  }

  /** Null: not an id of this process, or of a page that was forgotten since. */
  function positionOf(lastEventId: string | null, page: Watched): number | null {
    const [, known, digits] = /^([0-9a-z]+)\.(\d{1,15})$/.exec(lastEventId ?? "") ?? [];
    return known === epoch && Number(digits) <= page.changes.position() ? Number(digits) : null;
  }

  return {
    async open(request, url, build) {
      if (pages.size >= bounds.pagesMax) forgetUnseen(pages);
      const page = watchedAt(request, url, build);
      if (page.changes.position() === 0) await refresh(page);
      return connections.open(request, {
        begin() {
          const bytes = encoded(page, positionOf(request.headers.get("last-event-id"), page));
          return bytes === null ? [] : [bytes];
        },
        joined(client) {
          page.clients.add(client);
          page.leftMs = null;
        },
        left(client) {
          page.clients.delete(client);
          if (page.clients.size === 0) page.leftMs = clock.monotonicMs();
        },
      });
    },
    watched: () => pages.size,
    async close() {
      closing.abort();
      unsubscribe();
      await running;
    },
  };
}

/** Connections are bounded, and so are pages with somebody before them; the others go when there are too many. */
function forgetUnseen(pages: Map<string, Watched>): void {
  for (const [address, page] of pages) if (page.clients.size === 0) pages.delete(address);
}
