/**
 * `rev`: of two versions of a window the one with the greater rev is the newer, whoever wrote it and whenever.
 *
 *   gggg pppppppppppppp h     generation (4 digits) · sum of the registers' positions (14) · phase (1)
 *
 * The phase is 0 while the window is open, 1 once it closed, 2 once it closed with supply. 19 digits fit UInt64.
 */
import { invariant } from "../invariant.ts";

export type Phase = 0 | 1 | 2;

const positionMax = 99_999_999_999_999;

export function formatRev(generation: number, positions: number, phase: Phase): string {
  invariant(
    generation <= 9_999 && positions <= positionMax,
    () => `rev overflows: ${generation}, ${positions}`,
  );
  return `${generation.toString().padStart(4, "0")}${positions.toString().padStart(14, "0")}${phase}`;
}

/** Whether rev `a` is newer than rev `b`: equal lengths make it a comparison of text. */
export const newerRev = (a: string, b: string): boolean => a > b;
