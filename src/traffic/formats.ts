/** The formats of recorded traffic that can be replayed: a name, and how a file of it becomes items. */
import { access } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fromUtf8 } from "../ids.ts";
import type { SentItem } from "./item.ts";
import { readJsonl } from "./jsonl.ts";
import { type LineFile, openLines, type Progress } from "./lines.ts";
import { nycTaxiItems } from "./nyc_taxi_2013.ts";
import { sfCabItems } from "./sf_cabs_2008.ts";

export type OpenOptions = {
  /** Decides what the file leaves open, such as waits. Default 1. */
  seed?: number;
  /** sf-cabs-2008: every cab-day becomes a driver of the first day. Default true. */
  fold?: boolean;
  /** sf-cabs-2008: also the rides of the file beside it, where there is one. Default true. */
  rides?: boolean;
};

export type OpenedTraffic = {
  /** About a thousand items at a time, in sending order. */
  chunks: AsyncIterable<SentItem[]>;
  /** Of the file as it lies on disk. */
  progress(): Progress;
};

export type TrafficFormat = {
  summary: string;
  open(path: string, options?: OpenOptions): Promise<OpenedTraffic>;
};

export type TrafficFormatName = "jsonl" | "nyc-taxi-2013" | "sf-cabs-2008";

export const trafficFormats: Record<TrafficFormatName, TrafficFormat> = {
  "jsonl": {
    summary: "one ride event or driver location a line, with recorded_at where known",
    open: async (path) => opened(await openLines(path), (file) => readJsonl(file.lines)),
  },
  "nyc-taxi-2013": {
    summary: "New York taxi rides: starts and ends as recorded, requests and acceptances put before them",
    open: async (path, options) =>
      opened(await openLines(path), (file) => nycTaxiItems(texts(file), { seed: options?.seed ?? 1 })),
  },
  "sf-cabs-2008": {
    summary: "San Francisco cabs: GPS points, and the rides derived from them where that file lies beside",
    open: async (path, options) => {
      const rides = options?.rides === false ? null : await ridesBeside(path);
      const { seed = 1, fold = true } = options ?? {};
      return opened(await openLines(path), (file) => sfCabItems(texts(file), { seed, fold, rides }));
    },
  },
};

/** Items handed over at once, so that a consumer's batches do not depend on how a file is read. */
const chunkItems = 1_000;

function opened(file: LineFile, items: (file: LineFile) => AsyncIterable<SentItem[]>): OpenedTraffic {
  return { chunks: inChunks(items(file)), progress: file.progress };
}

async function* inChunks(batches: AsyncIterable<SentItem[]>): AsyncGenerator<SentItem[]> {
  let chunk: SentItem[] = [];
  for await (const batch of batches) {
    for (const item of batch) {
      chunk.push(item);
      if (chunk.length < chunkItems) continue;
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

async function* texts(file: LineFile): AsyncGenerator<string[]> {
  for await (const lines of file.lines) yield lines.map(fromUtf8);
}

/** `dev-gps-….csv.gz` has its rides in `dev-rides-….csv.gz`. */
async function ridesBeside(path: string): Promise<AsyncIterable<string[]> | null> {
  const name = basename(path);
  const ridesName = name.replace("gps", "rides");
  if (ridesName === name) return null;
  const ridesPath = join(dirname(path), ridesName);
  const exists = await access(ridesPath).then(() => true, () => false);
  return exists ? texts(await openLines(ridesPath)) : null;
}
