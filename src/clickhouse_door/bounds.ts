/** The bounds of the door in one record, so that a test can narrow one and watch it hold. */
import { invariant } from "../invariant.ts";
import { secondMs } from "../time.ts";

export const doorBounds = {
  /** Longest a query may run; ClickHouse ends it itself. */
  queryMs: 30 * secondMs,
  /** Memory of one query. */
  queryMemoryBytes: 512 * 1024 * 1024,
  /** Size of one answer inside ClickHouse. As text it may be a few times larger; 25 MB of it hold the event loop 30 ms. */
  resultBytes: 16 * 1024 * 1024,
  queryThreads: 2,
  /** Queries that run at once. */
  runningMax: 4,
  /** Queries that wait their turn; one more is TOO_MANY_SIMULTANEOUS_QUERIES. */
  waitingMax: 32,
  /** Sessions with ClickHouse, those included that still wait to be let go: 0.3 MB each. */
  sessionsMax: 48,
  /** Statement and body of a reader. */
  readBytesMax: 256 * 1024,
  /** Body of a writer: one insert. */
  writeBytesMax: 64 * 1024 * 1024,
  /** Time a client has for sending its body. */
  bodyMs: 10 * secondMs,
  /** How long queries may go on once the door is to close; then ClickHouse is told to end them. */
  closeMs: 2 * secondMs,
  /** Values for `{name:Type}` in one request. */
  parametersMax: 256,
} as const;

export type DoorBounds = { readonly [Name in keyof typeof doorBounds]: number };

invariant(doorBounds.sessionsMax > 2 * doorBounds.runningMax, "running queries leave sessions to be let go");
