/**
 * A file as lines, without ever holding the file: batches of the lines that one read brought, as bytes.
 *
 * A line is what stands between line feeds, untouched; the last one may lack its line feed. A view is valid
 * for as long as it is held. Files whose name ends in `.gz` are unpacked on the way.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf, WaymarkError } from "../errors.ts";

export type LineFile = {
  lines: AsyncIterable<Uint8Array[]>;
  /** In bytes of the file as it lies on disk, so that packed files have a progress too. */
  progress(): Progress;
};

export type Progress = { bytesRead: number; bytesTotal: number };

/** A longer line is taken for a sign that the file is no file of lines. */
const lineBytesMax = 32 * 1024 * 1024;
const readBytes = 256 * 1024;
const lineFeed = 0x0a;

export async function openLines(path: string): Promise<LineFile> {
  const bytesTotal = await sizeOf(path);
  const file = createReadStream(path, { highWaterMark: readBytes });
  const packed = path.endsWith(".gz");
  // pipeline hands an error of the file on to the reader, and closes the file when the reader stops early.
  const bytes = packed ? pipeline(file, createGunzip({ chunkSize: readBytes }), () => {}) : file;
  return {
    lines: splitLines(readable(bytes, path)),
    progress: () => ({ bytesRead: file.bytesRead, bytesTotal }),
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isFile()) return found.size;
  } catch (thrown) {
    throw unreadable(path, messageOf(thrown));
  }
  throw unreadable(path, "it is not a file");
}

async function* readable(bytes: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (thrown) {
    throw thrown instanceof WaymarkError ? thrown : unreadable(path, messageOf(thrown));
  }
}

const unreadable = (path: string, why: string) =>
  new WaymarkError(
    "input_unreadable",
    `Cannot read ${path}: ${why}. Wanted a readable file, packed only if named .gz.`,
  );

/** Cuts chunks of bytes into lines; a line that spans chunks is put together once, when its end is seen. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      const part = chunk.subarray(from, end);
      lines.push(begun.length === 0 ? part : joined([...begun, part]));
      begun = [];
      begunBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      begun.push(chunk.subarray(from));
      begunBytes += chunk.length - from;
    }
    if (begunBytes > lineBytesMax) {
      throw new WaymarkError(
        "input_unreadable",
        `Cannot read lines: ${begunBytes} bytes without a line feed. Wanted at most ${lineBytesMax}.`,
      );
    }
    if (lines.length > 0) yield lines;
  }
  if (begun.length > 0) yield [joined(begun)];
}

function joined(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
