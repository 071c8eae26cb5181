/**
 * The part of `@std/async` that Waymark uses, under its names and signatures, so that the import map can
 * point at the published package instead without a change elsewhere.
 */

export interface DelayOptions {
  signal?: AbortSignal;
}

/** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** The promise's outcome, or a rejection with a `TimeoutError` after `ms`. */
export async function deadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DOMException("Signal timed out.", "TimeoutError")), ms);
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
