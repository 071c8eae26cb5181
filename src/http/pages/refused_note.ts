/** Why the last refused event of an actor was refused, with the way to the record itself. */
import { rejectionCodes } from "../../codec/rejection.ts";
import type { Refusal } from "../handles.ts";
import { type Markup, markup } from "./markup.ts";
import { recordLink } from "./record_link.ts";
import { timeOf } from "./wording.ts";

export function refusedNote(refused: Refusal | null, nowMs: number): Markup {
  if (refused === null) return markup`<p class="quiet">No event of it was refused.</p>`;
  return markup`<p><code>${refused.code}</code>: ${meaningOf(refused.code)}</p>
<p class="quiet">at ${timeOf(refused.at, nowMs, true)} · ${recordLink(refused)}</p>`;
}

const beyondCodes: Readonly<Record<string, string>> = {
  too_late: "it came so far behind the watermark that its windows had closed for good",
  duplicate: "an event with the same id had been counted before",
};

const meaningOf = (code: string): string =>
  Object.hasOwn(rejectionCodes, code)
    ? rejectionCodes[code as keyof typeof rejectionCodes]
    : beyondCodes[code] ?? "see docs/OPERATIONS.md";
