import { WaymarkError } from "./errors.ts";

/**
 * Stops the partition whose code is running rather than let it go on with a wrong number. Stays on in
 * production. The message says what must hold, with the values that broke it.
 */
export function invariant(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) {
    throw new WaymarkError("invariant_broken", typeof message === "string" ? message : message());
  }
}
