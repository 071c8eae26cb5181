/**
 * The pipeline as its owner sees it: a verdict that names what is at fault, and the worst of every measure.
 *
 * Maxima, never means: one stuck partition of 42 hides in any mean, and it is the one that matters.
 */
import type { LedgerAnswer, PartitionsAnswer } from "../../schemas/http.ts";
import type { Silence } from "../../schemas/alert_journal.ts";
import type { NotedAlert } from "../../schemas/alert_notes.ts";
import type { Handles, PartitionView, RawRecord, ReceiverView } from "./handles.ts";
import { mayBeQuoted } from "./mask.ts";
import * as state from "./state_doors.ts";

export type VerdictLevel = "well" | "watch" | "fault";
/** `culprit`: the partition, sink or node that the sentence is about. */
export type Verdict = { level: VerdictLevel; culprit: string | null; text: string; advice: string | null };

export type PipelineView = PartitionsAnswer & {
  now: string;
  verdict: Verdict;
  ledger: Omit<LedgerAnswer, "nodes" | "node">;
  dead_letters: RefusedSample[];
  /** The newest incidents, with what people and receivers said about them. */
  alerts: NotedAlert[];
  /** Those in force, the first to end first. */
  silences: Silence[];
  receivers: ReceiverView[];
};

/** A dead letter without its content: which record it was, and why it was refused. */
export type RefusedSample = {
  at: string;
  code: string;
  field: string | null;
  message: string;
  topic: string;
  partition: number;
  offset: number;
};

const samplesMax = 6;
const alertsMax = 12;

export async function pipelineView(handles: Handles, request: Request): Promise<PipelineView> {
  const [partitions, ledger, letters] = await Promise.all([
    state.partitions(handles, request).then((answer) => answer.json() as Promise<PartitionsAnswer>),
    state.ledger(handles, request).then((answer) => answer.json() as Promise<LedgerAnswer>),
    // What was refused is beside the point when the log cannot be read: the verdict says so.
    handles.records.newest("dead-letters", samplesMax).catch(() => []),
  ]);
  const { node: _node, nodes: _nodes, ...counts } = ledger;
  return {
    ...partitions,
    now: new Date(handles.nowMs()).toISOString(),
    verdict: verdictOf(partitions, {
      ledger,
      nowMs: handles.nowMs(),
      health: handles.health(),
      receivers: handles.receivers(),
    }),
    ledger: counts,
    dead_letters: letters.map(refusedSample),
    alerts: handles.board.alerts().slice(0, alertsMax).map((alert) => ({
      ...alert,
      ...handles.board.notes(alert, handles.nowMs()),
    })),
    silences: handles.board.silences(handles.nowMs()),
    receivers: handles.receivers(),
  };
}

function refusedSample({ at, headers }: RawRecord): RefusedSample {
  return {
    at,
    code: headers.reason ?? "unknown",
    field: headers.field === "" ? null : headers.field ?? null,
    message: mayBeQuoted(headers.field ?? "") ? headers.message ?? "" : "what it said is not shown here",
    topic: headers.source_topic ?? "",
    partition: Number(headers.source_partition ?? 0),
    offset: Number(headers.source_offset ?? 0),
  };
}

/** Lag that a burst leaves for a moment is none; a minute of it is. */
const lagSecondsMax = 30;
/** The watermark follows 30 s behind the newest event, and a minute is needed to close one. */
const behindSecondsMax = 120;

const nameOf = ({ topic, partition }: { topic: string; partition: number }): string =>
  `${topic}/${partition}`;
const worst = <T>(some: readonly T[], of: (one: T) => number): T | undefined =>
  some.toSorted((a, b) => of(b) - of(a))[0];

/** A topic of whose partitions more are idle than that is a quiet one. */
const silentShareMax = 0.25;

/** Partitions that had records and have had none for long, where nearly all others of their topic go on. */
function silentAmongNeighbours(partitions: readonly PartitionView[]): PartitionView[] {
  return [...Map.groupBy(partitions, (p) => p.topic).values()].flatMap((all) => {
    const idle = all.filter((p) => p.idle);
    if (idle.length > all.length * silentShareMax) return [];
    return idle.filter((p) => (p.watermark_behind_seconds ?? 0) > behindSecondsMax);
  }).toSorted((a, b) => (b.watermark_behind_seconds ?? 0) - (a.watermark_behind_seconds ?? 0));
}

/** The first thing that is wrong, in the order in which one fault causes another. */
export function verdictOf(
  { partitions, sink, nodes, watermarks }: Pick<
    PartitionsAnswer,
    "partitions" | "sink" | "nodes" | "watermarks"
  >,
  { nowMs, health, ledger, receivers }: {
    nowMs: number;
    receivers: readonly ReceiverView[];
    health: ReturnType<Handles["health"]>;
    ledger: Pick<LedgerAnswer, "balanced">;
  },
): Verdict {
  const inState = (state: PartitionView["state"]) => partitions.filter((p) => p.state === state);
  const more = (some: readonly unknown[]) => some.length === 1 ? "" : ` (and ${some.length - 1} more)`;
  const say = (level: VerdictLevel, culprit: string | null, text: string, advice: string | null = null) => ({
    level,
    culprit,
    text,
    advice,
  });

  const stopped = inState("stopped");
  if (stopped.length > 0) {
    const { error, owner } = stopped[0]!;
    const name = nameOf(stopped[0]!);
    const why = error === null ? "" : `: ${error.message}`;
    return say("fault", name, `${name} has stopped on ${owner}${more(stopped)}${why}`, error?.code ?? null);
  }
  if (!ledger.balanced) {
    return say("fault", "the ledger", "The ledger does not add up: records were read and not accounted for");
  }
  const silent = nodes.filter((node) => !node.answered);
  const unknown = inState("unknown");
  if (silent.length > 0 || unknown.length > 0) {
    const who = silent[0]?.address ?? "a node";
    return say("fault", who, `${who} does not answer; ${unknown.length} partitions are not known of`);
  }
  const unowned = inState("unowned");
  if (unowned.length > 0) {
    const name = nameOf(unowned[0]!);
    return say("fault", name, `${name} is held by no node${more(unowned)}`);
  }
  const lagging = worst(partitions, (p) => p.lag_seconds);
  if (lagging !== undefined && lagging.lag_seconds > lagSecondsMax) {
    const name = nameOf(lagging);
    const waiting = `${Math.round(lagging.lag_seconds)} s and ${lagging.lag_records} records`;
    return say("fault", name, `${name} on ${lagging.owner} is ${waiting} behind the end of its log`);
  }
  const restoring = [...inState("restoring"), ...inState("warming_up")];
  if (restoring.length > 0) {
    const name = nameOf(restoring[0]!);
    return say("watch", name, `${name} has not caught up yet after a start${more(restoring)}`);
  }
  const held = watermarks.rides === null ? null : (nowMs - Date.parse(watermarks.rides)) / 1_000;
  if (watermarks.held_by !== null && held !== null && held > behindSecondsMax) {
    const name = watermarks.held_by;
    return say(
      "fault",
      name,
      `${name} holds the watermark back: its events end ${
        Math.round(held)
      } s ago, and nothing waits to be read`,
      "Its producers send nothing, or old times. Windows close when it goes on or is declared idle.",
    );
  }
  const holding = worst(
    partitions.filter((p) => p.holds_watermark && !p.idle),
    (p) => p.watermark_behind_seconds ?? Infinity,
  );
  if (holding !== undefined && (holding.watermark_behind_seconds ?? Infinity) > behindSecondsMax) {
    const name = nameOf(holding);
    const { watermark_behind_seconds: behind } = holding;
    const what = behind === null
      ? "nothing was heard of it yet"
      : `its events end ${Math.round(behind)} s ago`;
    return say("watch", name, `${name} holds supply and surge back: ${what}`);
  }
  if (sink.state === "failing") {
    return say("fault", "ClickHouse", `ClickHouse does not take rows: ${sink.error ?? "no reason given"}`);
  }
  if (sink.state === "behind") {
    const waiting = `${sink.lag_records} records wait, the oldest for ${Math.round(sink.oldest_seconds)} s`;
    return say("watch", "ClickHouse", `ClickHouse is behind: ${waiting}`);
  }
  const mute = receivers.find(({ failing }) => failing !== null);
  if (mute !== undefined) {
    const waiting = `${mute.pending} messages wait, the oldest for ${Math.round(mute.oldest_seconds)} s`;
    return say("fault", mute.receiver, `${mute.receiver} is not told of alerts: ${mute.failing}; ${waiting}`);
  }
  const [alone, ...others] = silentAmongNeighbours(partitions);
  if (alone !== undefined) {
    const ago = Math.round(alone.watermark_behind_seconds ?? 0);
    return say(
      "watch",
      nameOf(alone),
      `${nameOf(alone)} is silent${
        more([alone, ...others])
      }, its neighbours are not: its events end ${ago} s ago`,
      "Its producers send nothing, or to other partitions. Windows close without it.",
    );
  }
  if (health.draining) return say("watch", null, "This node is shutting down");
  if (!health.ready) return say("watch", null, health.causes[0] ?? "This node is not ready");
  return say("well", null, `All ${partitions.length} partitions run and nothing is behind`);
}
