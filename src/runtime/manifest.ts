/**
 * A manifest: what a snapshot is a snapshot of, and the names of its segments.
 *
 * The bytes carry their own checksum, so that a flipped bit anywhere makes the manifest unreadable instead of
 * wrong; segments are named by the hash of their content.
 */
import { type SnapshotManifest, snapshotManifest } from "../../schemas/snapshot.ts";
import { contentHash, fromUtf8, utf8 } from "../ids.ts";

/** The byte format written; this release reads 1, too, in which a ride is an entry of its own. */
export const snapshotFormat = 2;

export type Manifest = SnapshotManifest;

export async function encodeManifest(manifest: Manifest): Promise<Uint8Array> {
  const body = JSON.stringify(manifest);
  return utf8(`${await contentHash(utf8(body))}\n${body}`);
}

export type ReadManifest = { ok: true; manifest: Manifest } | { ok: false; reason: "torn" | "newer_format" };

export async function decodeManifest(bytes: Uint8Array): Promise<ReadManifest> {
  const text = fromUtf8(bytes);
  const cut = text.indexOf("\n");
  const body = text.slice(cut + 1);
  if (cut !== 64 || await contentHash(utf8(body)) !== text.slice(0, cut)) {
    return { ok: false, reason: "torn" };
  }
  const value = JSON.parse(body) as { format?: unknown };
  if (typeof value.format === "number" && value.format > snapshotFormat) {
    return { ok: false, reason: "newer_format" };
  }
  const manifest = snapshotManifest.safeParse(value);
  return manifest.success ? { ok: true, manifest: manifest.data } : { ok: false, reason: "torn" };
}
