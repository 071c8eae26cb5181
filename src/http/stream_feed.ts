/**
 * What changed since the last tick, as server-sent events: the decision half of `/v1/stream`, without I/O.
 *
 * A busy city publishes its open windows five times a second; people and dashboards need the newest. So changes are
 * gathered by what they replace (window, alert, partition) and told once a tick; that loses versions, never the last.
 *
 *   kept in the ring, with an id, resumable      window · alert · partition
 *   pure state, sent anew on every connection    city (a row of the operations table) · status (the line above it)
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { DoorBounds } from "./bounds.ts";
import { cityRows } from "./city_row.ts";
import { encode } from "./event_clients.ts";
import type { BoardChange, Handles, PartitionView } from "./handles.ts";
import { statusView } from "./status_view.ts";

export const streamEvents = ["window", "alert", "partition", "city", "status"] as const;
export type StreamEvent = (typeof streamEvents)[number];
/** What a client gets that does not say what it wants. */
export const streamDefault: readonly StreamEvent[] = ["window", "alert", "partition"];

/** One event, encoded once for all clients. `seq` is null for what cannot be resumed. */
export type Told = { event: StreamEvent; seq: number | null; bytes: Uint8Array };

export type Feed = {
  /** Takes a change of the board in; told by the next `changes`. */
  note(change: BoardChange): void;
  /** Everything to be told now. `pages`: whether anyone wants rows and status. */
  changes(nowMs: number, pages: boolean): Told[];
  /** The whole state as it stands, for a client that begins here. */
  whole(events: ReadonlySet<StreamEvent>): Told[];
  /** What was told after `lastEventId`; null when that is not known any more, or not an id of this feed. */
  since(lastEventId: string): Told[] | null;
  /** The id a client has when it has everything told so far. */
  lastId(): string;
};

/** `epoch` tells the ids of this process's run from those of the one before. */
export function createFeed(
  { handles, bounds, epoch }: { handles: Handles; bounds: DoorBounds; epoch: string },
): Feed {
  const dirtyWindows = new Map<string, CityWindow>();
  const dirtyAlerts = new Map<string, AlertTransition>();
  const toldPartitions = new Map<string, { state: string; all: string }>();
  const toldRows = new Map<string, string>();
  const ring: Told[] = [];
  let lastSeq = 0;
  let partitionsToldMs = -Infinity;

  function keep(event: StreamEvent, data: unknown): Told {
    const seq = ++lastSeq;
    const told = { event, seq, bytes: encode(event, data, `${epoch}.${seq}`) };
    ring.push(told);
    if (ring.length > bounds.streamReplayMax) ring.shift();
    return told;
  }

  const pass = (event: StreamEvent, data: unknown, id?: string): Told => ({
    event,
    seq: null,
    bytes: encode(event, data, id),
  });

  function changedPartitions(nowMs: number): PartitionView[] {
    const everything = nowMs - partitionsToldMs >= bounds.partitionTickMs;
    if (everything) partitionsToldMs = nowMs;
    // What the other nodes have is known while somebody looks; that nobody does is no change of theirs.
    const unseen = handles.fleet !== null && handles.fleet.seen() === null;
    return (unseen ? handles.own : handles).partitions().filter((view) => {
      const key = `${view.topic}/${view.partition}`;
      const now = { state: stateOf(view), all: JSON.stringify(view) };
      const told = toldPartitions.get(key);
      const tell = told?.state !== now.state || (everything && told.all !== now.all);
      if (tell) toldPartitions.set(key, now);
      return tell;
    });
  }

  return {
    note(change) {
      if (change.kind === "alert") dirtyAlerts.set(change.alert.alert_id, change.alert);
      else dirtyWindows.set(JSON.stringify([change.window.city, change.window.window_start]), change.window);
    },
    changes(nowMs, pages) {
      const told: Told[] = [];
      for (const window of dirtyWindows.values()) told.push(keep("window", window));
      for (const alert of dirtyAlerts.values()) told.push(keep("alert", alert));
      dirtyWindows.clear();
      dirtyAlerts.clear();
      for (const view of changedPartitions(nowMs)) told.push(keep("partition", view));
      if (!pages) return told;
      const rows = cityRows(handles);
      for (const row of rows) {
        const text = JSON.stringify(row);
        if (toldRows.get(row.city) === text) continue;
        toldRows.set(row.city, text);
        told.push(pass("city", row));
      }
      told.push(pass("status", statusView(handles, rows)));
      return told;
    },
    whole(events) {
      const id = this.lastId();
      const told: Told[] = [];
      if (events.has("window")) {
        for (const city of handles.board.cities()) {
          const { closed, live } = handles.board.current(city);
          for (const window of [closed, live]) if (window !== null) told.push(pass("window", window, id));
        }
      }
      if (events.has("alert")) {
        for (const alert of handles.board.alerts()) {
          if (alert.state !== "resolved") told.push(pass("alert", alert, id));
        }
      }
      if (events.has("partition")) {
        for (const view of handles.partitions()) told.push(pass("partition", view, id));
      }
      const rows = events.has("city") || events.has("status") ? cityRows(handles) : [];
      if (events.has("city")) { for (const row of rows) told.push(pass("city", row)); }
      if (events.has("status")) told.push(pass("status", statusView(handles, rows)));
      return told;
    },
    since(lastEventId) {
      const [, known, digits] = /^([0-9a-z]+)\.(\d{1,15})$/.exec(lastEventId) ?? [];
      const seq = Number(digits);
      if (known !== epoch || seq > lastSeq) return null;
      if (seq < lastSeq - ring.length) return null;
      return ring.filter((told) => told.seq! > seq);
    },
    lastId: () => `${epoch}.${lastSeq}`,
  };
}

/** What must be told at once when it changes; positions that merely move can wait. */
function stateOf(view: PartitionView): string {
  return JSON.stringify([view.state, view.owner, view.idle, view.holds_watermark, view.error?.code ?? null]);
}
