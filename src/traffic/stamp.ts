/** Event times as producers write them: with zone and milliseconds, or without zone and with microseconds. */
import { isoTime, secondMs } from "../time.ts";

export type Stamp = {
  /** `2026-01-15T18:03:11.123Z` */
  zoned(timeMs: number): string;
  /** `2026-01-15T18:03:11.123456`; `micros` are the last three digits, 0 to 999. */
  bare(timeMs: number, micros: number): string;
};

const threeDigits = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(3, "0"));

/** Formatting a date costs more than the rest of a position together, so the last second is remembered. */
export function newStamp(): Stamp {
  let second = NaN;
  let prefix = "";
  const upToMillis = (timeMs: number) => {
    const timeSecond = Math.floor(timeMs / secondMs);
    if (timeSecond !== second) {
      second = timeSecond;
      prefix = isoTime(timeSecond * secondMs).slice(0, -4);
    }
    return prefix + threeDigits[timeMs - timeSecond * secondMs]!;
  };
  return {
    zoned: (timeMs) => upToMillis(timeMs) + "Z",
    bare: (timeMs, micros) => upToMillis(timeMs) + threeDigits[micros]!,
  };
}
