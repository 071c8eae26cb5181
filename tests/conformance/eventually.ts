/** Waiting in tests: for a condition, with a deadline, never for a fixed time. */
import { messageOf } from "../../src/errors.ts";
import { systemClock } from "../../src/time.ts";

/** Resolves when the condition holds; throws, naming what was waited for, after `deadlineMs`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 90_000,
): Promise<void> {
  const startedMs = systemClock.monotonicMs();
  while (!await condition()) {
    if (systemClock.monotonicMs() - startedMs > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    }
    await systemClock.sleep(2);
  }
}

/** The code of the error that the work throws; `none: …` when it throws nothing or something else. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return (error as { code?: string }).code ?? `none: threw ${messageOf(error)}`;
  }
  return "none: it went through";
}
