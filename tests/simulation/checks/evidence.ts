/**
 * What a seed leaves for the checkers: plain data in the words of the wire contract, nothing of the implementation.
 * A checker is a function from evidence to complaints; none is good.
 */

export type EvidenceRecord = {
  topic: string;
  partition: number;
  offset: number;
  timestampMs: number;
  key: Uint8Array | null;
  value: Uint8Array;
  headers: Record<string, string> | null;
};

export type LedgerLine = {
  topic: string;
  partition: number;
  since_offset: number;
  read: number;
  counted: number;
  duplicates: number;
  too_late: number;
  dead_lettered: number;
  late: number;
};

export type MissedPane = { source: string; city: string; minute: string; events: number; counted: number };

export type Evidence = {
  seed: number;
  scenario: "steady" | "quiet" | "foreign";
  settings: {
    windowMs: number;
    delayMs: number;
    latenessMs: number;
    skewMs: number;
    endedRideMs: number;
  };
  /** Everything ever appended to the inputs, by partition; of a topic that was replaced, the old one. */
  rides: EvidenceRecord[][];
  locations: EvidenceRecord[][];
  /** Everything ever appended, by topic. */
  published: Record<"windows" | "facts" | "alerts" | "late" | "dead" | "partials", EvidenceRecord[]>;
  ledgers: LedgerLine[];
  missed: MissedPane[];
  /** Handings-over of records to folds, in order. */
  handed: { member: string; tp: string; from: number; offsets: number[] | "assigned" }[];
  /** Tables as read with FINAL. */
  tables: Record<string, Record<string, unknown>[]>;
  /** Up to where the sink says that it has brought a partition, by `topic/partition`. */
  sunk: Record<string, number>;
  sinkBreaches: string[];
  refusals: { process: string; atMs: number; why: string }[];
  /** What had to be refused, in words; null when nothing had to. */
  mustRefuse: string | null;
  /** What ended processes that should not have. */
  defects: string[];
  liveness: { reached: boolean; lacking: string[] };
  bounds: { name: string; value: number; most: number }[];
  /** Snapshots as they stand at the end, beside what a fold from the first record comes to at the same offset. */
  snapshots: { key: string; offset: number; kept: string; folded: string; from: string }[];
  /** What one calm owner publishes over the same log; null where silence was a matter of chance. */
  calm: Record<"windows" | "facts" | "alerts", unknown[]> | null;
};

export type Checker = { name: string; check(evidence: Evidence): string[] };

export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const jsonOf = <T>({ value }: EvidenceRecord): T => JSON.parse(textOf(value)) as T;

/** At most a few of many: a story is not a list. */
export function few(complaints: string[]): string[] {
  return complaints.length <= 5
    ? complaints
    : [...complaints.slice(0, 5), `and ${complaints.length - 5} more of the kind`];
}
