/** A file of lines that is written while traffic is being sent: what was sent, in the order of sending. */
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { messageOf, WaymarkError } from "../errors.ts";
import type { SentItem } from "./item.ts";
import { linesInBlocks } from "./jsonl.ts";

export type Recording = {
  /** Resolves when the lines are taken, in order. */
  add(items: Iterable<SentItem>): Promise<void>;
  /** Resolves when the file is complete. */
  close(): Promise<{ items: number; bytes: number }>;
};

/** Packed if its name ends in `.gz`. Throws `usage` when the file cannot be written. */
export function openRecording(path: string): Recording {
  const file = createWriteStream(path);
  const into = path.endsWith(".gz") ? createGzip() : file;
  if (into !== file) into.pipe(file);
  const written = { items: 0, bytes: 0 };
  const refusal = (thrown: unknown) =>
    new WaymarkError("usage", `Cannot write ${path}: ${messageOf(thrown)}. Wanted a writable file.`, {
      cause: thrown,
    });
  const complete = finished(file).catch((thrown) => {
    throw refusal(thrown);
  });
  complete.catch(() => {});
  const write = (block: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      into.write(block, (error) => error ? reject(refusal(error)) : resolve());
    });
  return {
    async add(items) {
      for (const block of linesInBlocks(items, written)) await Promise.race([write(block), complete]);
    },
    async close() {
      into.end();
      await complete;
      return written;
    },
  };
}
