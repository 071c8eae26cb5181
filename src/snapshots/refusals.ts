/** What every snapshot store refuses, in the same words whichever store it is. */
import { WaymarkError } from "../errors.ts";
import { invariant } from "../invariant.ts";
import type { SnapshotKey, StoredManifest } from "./port.ts";

export const storeClosed = () =>
  new WaymarkError("snapshot_store_unavailable", "the snapshot store is closed");

export function refuseMissingSegment(
  key: SnapshotKey,
  manifest: StoredManifest,
  { hash, held }: { hash: string; held: boolean },
): void {
  invariant(
    held,
    () =>
      `the manifest of ${key} at offset ${manifest.offset} names segment ${hash}, which is not in the store`,
  );
}
