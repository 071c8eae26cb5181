/**
 * The snapshot store as one process has it: src/snapshots/memory.ts behind a wire, and what a real one does besides:
 * answers that do not come, copies that are damaged, a dump of yesterday, nothing at all.
 */
import { WaymarkError } from "../../src/errors.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { SnapshotKey, SnapshotStore, StoredManifest } from "../../src/snapshots/port.ts";
import { secondMs } from "../../src/time.ts";
import type { Random } from "../../src/traffic/random.ts";
import type { Plan } from "./plan.ts";
import type { Points } from "./points.ts";
import type { Wire } from "./wire.ts";

type Step = { kind: "segment"; key: SnapshotKey; hash: string; bytes: Uint8Array } | {
  kind: "manifest";
  key: SnapshotKey;
  manifest: StoredManifest;
};

const segmentsLooked = 200;

/** The store itself, shared by all processes. */
export type StoreService = {
  now(): SnapshotStore;
  keys(): SnapshotKey[];
  manifestsOf(key: SnapshotKey): StoredManifest[];
  /** What was put under the key last, damaged or not. */
  segmentsOf(key: SnapshotKey): Uint8Array[];
  wipe(): void;
  /** Back to how it was some steps ago. */
  goBack(steps: number): void;
  record(step: Step): void;
};

export function createStoreService(): StoreService {
  let store = memorySnapshots();
  let steps: Step[] = [];
  const manifests = new Map<SnapshotKey, StoredManifest[]>();

  function note(step: Step): void {
    if (step.kind !== "manifest") return;
    const held = manifests.get(step.key) ?? [];
    if (held[0] !== undefined && held[0].offset > step.manifest.offset) return;
    manifests.set(
      step.key,
      [step.manifest, ...held.filter((m) => m.offset !== step.manifest.offset)].slice(0, 3),
    );
  }

  return {
    now: () => store,
    keys: () => [...manifests.keys()],
    manifestsOf: (key) => manifests.get(key) ?? [],
    segmentsOf: (key) =>
      steps.slice(-segmentsLooked).flatMap((s) => s.kind === "segment" && s.key === key ? [s.bytes] : []),
    wipe() {
      store = memorySnapshots();
      steps = [];
      manifests.clear();
    },
    goBack(count) {
      const kept = steps.slice(0, Math.max(0, steps.length - count));
      store = memorySnapshots();
      steps = [];
      manifests.clear();
      for (const step of kept) {
        // In memory the twin does everything before it returns; the promise tells nothing more.
        void (step.kind === "segment"
          ? store.putSegment(step.key, step.hash, step.bytes)
          : store.putManifest(step.key, step.manifest)).catch(() => {});
        steps.push(step);
        note(step);
      }
    },
    record(step) {
      steps.push(step);
      note(step);
    },
  };
}

export type StoreClientOptions = {
  service: StoreService;
  wire: Wire;
  random: Random;
  points: Points;
  plan: Plan;
  busy(by: 1 | -1): void;
  /** Told when a manifest has been stored, before its owner knows. */
  stored(key: SnapshotKey): void;
};

const callMs = 3 * secondMs;

export function storeClient(
  { service, wire, random, points, plan, busy, stored }: StoreClientOptions,
): SnapshotStore {
  const failure = (what: string) => (why: string) =>
    new WaymarkError("snapshot_store_unavailable", `cannot ${what}: ${why}`);
  const rates = { lost: plan.rates.store_lost, unanswered: plan.rates.store_unanswered };

  const ask = async <T>(what: string, work: () => Promise<T>, named = {}): Promise<T> => {
    // The twin answers with a promise that is settled already: it is handed through and awaited at home.
    const answer = await wire.call<{ work: Promise<T> }>({
      to: "store",
      label: what,
      apply: () => {
        const promise = work();
        promise.catch(() => {});
        return { work: promise };
      },
      timeoutMs: callMs,
      failure: failure(what),
      rates,
      points: named,
    });
    return await answer.work;
  };

  /** Cut off, one bit flipped anywhere, or whole and readable but what was stored under another name. */
  function damaged(bytes: Uint8Array, others: readonly Uint8Array[] = []): Uint8Array {
    if (!random.chance(plan.rates.snapshot_torn)) return bytes;
    points.sometimes("snapshot_torn");
    if (random.chance(0.3)) return bytes.slice(0, random.below(bytes.length));
    if (others.length > 0 && random.chance(0.4)) {
      points.sometimes("snapshot_swapped");
      return others[random.below(others.length)]!;
    }
    const copy = bytes.slice();
    copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  }

  return {
    async putSegment(key, hash, bytes) {
      busy(1);
      try {
        await ask("put segment", () => {
          const kept = damaged(bytes, service.segmentsOf(key));
          service.record({ kind: "segment", key, hash, bytes: kept });
          return service.now().putSegment(key, hash, kept);
        }, { lost: "snapshot_lost" });
      } finally {
        busy(-1);
      }
    },
    async putManifest(key, manifest) {
      busy(1);
      try {
        const outcome = await ask("put manifest", async () => {
          const kept = { ...manifest, bytes: damaged(manifest.bytes) };
          const shared = service.manifestsOf(key).some((m) =>
            m.segments.some((s) => kept.segments.includes(s))
          );
          const outcome = await service.now().putManifest(key, kept);
          service.record({ kind: "manifest", key, manifest: kept });
          if (shared) points.sometimes("segment_shared");
          if (outcome === "stored") stored(key);
          else points.sometimes("older_refused");
          return outcome;
        }, { lost: "snapshot_lost", unanswered: "snapshot_unanswered" });
        return outcome;
      } finally {
        busy(-1);
      }
    },
    manifests: (key) => ask("manifests", () => service.now().manifests(key)),
    segment: (key, hash) => ask("segment", () => service.now().segment(key, hash)),
    discard: (key, offset) => ask("discard", () => service.now().discard(key, offset)),
    close: async () => {},
  };
}
