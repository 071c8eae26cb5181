/** I4: every snapshot that is left is what a fold from the first record comes to at its offset. */
import { type Checker, type Evidence, few } from "./evidence.ts";

export const restore: Checker = { name: "I4 restore", check };

function check({ snapshots, scenario }: Evidence): string[] {
  if (scenario === "foreign") return [];
  return few(
    snapshots.filter(({ kept, folded }) => kept !== folded).map(({ key, offset, kept, folded, from }) =>
      `the snapshot of ${key} at ${offset} has hash ${kept}; folded ${from} it is ${folded}`
    ),
  );
}
