/** All planted bugs. */
import type { Bug } from "./bug.ts";
import { foldBugs } from "./folds.ts";
import { logAndSnapshotBugs } from "./log_and_snapshots.ts";
import { otherBugs } from "./others.ts";

export const bugs: readonly Bug[] = [...logAndSnapshotBugs, ...foldBugs, ...otherBugs];
