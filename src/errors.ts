/**
 * One error class, three kinds, a closed list of codes.
 *
 * What a caller may do with a failure is decided by its kind; what a person reads about it is found under
 * its code in docs/OPERATIONS.md (a test holds the two lists together). Failures that are ordinary data,
 * such as a record that cannot be decoded, are values and never come through here.
 */

export type ErrorKind = "retryable" | "invariant" | "configuration";

/** Every code an error of ours can carry, with its kind and the exit code of a process that stops over it. */
export const errorCodes = {
  config_invalid: { kind: "configuration", exit: 2 },
  usage: { kind: "configuration", exit: 2 },
  keys_required: { kind: "configuration", exit: 2 },
  input_unreadable: { kind: "configuration", exit: 2 },
  data_dir_in_use: { kind: "configuration", exit: 3 },
  log_behind_snapshot: { kind: "configuration", exit: 3 },
  log_trimmed: { kind: "configuration", exit: 3 },
  log_replaced: { kind: "configuration", exit: 3 },
  partition_count_changed: { kind: "configuration", exit: 3 },
  fold_version_differs: { kind: "configuration", exit: 3 },
  cut_before_warm_up: { kind: "configuration", exit: 3 },
  topic_mismatch: { kind: "configuration", exit: 3 },
  log_format_unknown: { kind: "configuration", exit: 3 },
  migration_mismatch: { kind: "configuration", exit: 3 },
  replay_source_differs: { kind: "configuration", exit: 3 },
  log_unavailable: { kind: "retryable", exit: 1 },
  disk_sync_failed: { kind: "invariant", exit: 1 },
  snapshot_store_unavailable: { kind: "retryable", exit: 1 },
  analytics_unavailable: { kind: "retryable", exit: 1 },
  handler_failing: { kind: "invariant", exit: 1 },
  invariant_broken: { kind: "invariant", exit: 1 },
} as const satisfies Record<string, { kind: ErrorKind; exit: 1 | 2 | 3 }>;

export type ErrorCode = keyof typeof errorCodes;

/** A failure with a code. The message names the failed action, the value, and what was wanted. */
export class WaymarkError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "WaymarkError";
    this.code = code;
  }

  get kind(): ErrorKind {
    return errorCodes[this.code].kind;
  }

  /** 1 crash, 2 bad configuration or usage, 3 refused because going on would lose or double data. */
  get exitCode(): number {
    return errorCodes[this.code].exit;
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
