/**
 * A wall clock of its own for a process, which can be stepped while it runs: libfaketime between the process and its
 * C library, told by a file. Its monotonic clock is left alone, as when an operator or a time server steps a clock.
 */
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export type SteppedClock = {
  variables: Record<string, string>;
  /** Seconds ahead of, or with a minus behind, the machine's clock; heard within a second. */
  step(seconds: number): Promise<void>;
};

const libraries = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/faketime/libfaketime.so.1",
];

/** The clock, or why there is none here. */
export async function steppedClock(folder: string): Promise<SteppedClock | string> {
  const library = libraries.find((path) => existsSync(path));
  if (library === undefined) return "libfaketime is not installed (Debian: apt-get install faketime)";
  const file = join(folder, "clock");
  const step = async (seconds: number) => {
    // Renamed: a reader must not find half of it.
    await writeFile(`${file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    await rename(`${file}.new`, file);
  };
  await step(0);
  return {
    step,
    variables: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DISABLE_SHM: "1",
    },
  };
}
