/**
 * What of a page changed since a position: the decision half of live pages, without I/O.
 *
 * Each part, and each line of a table, remembers at which position it last changed. A page that comes back with the
 * position it had gets what changed since, one that never was here gets everything; the ends are the same.
 */
import { isLines, type PageView, type Part } from "./page.ts";

/** On the wire. A part is markup as a whole, or the lines that changed and, when it did, their order. */
export type ToldPart = string | { order?: readonly string[]; lines: Record<string, string> };
export type Told = { kind: string; title: string; parts: Record<string, ToldPart> };

export type PageChanges = {
  /** Position after the newest change. */
  position(): number;
  /** Takes a newer view in; whether anything changed. */
  take(view: PageView): boolean;
  /** What changed after the position; everything for null. Null when nothing did. */
  since(position: number | null): Told | null;
};

type Kept = { at: number; text: string; shape: string };
type KeptPart =
  | (Kept & { lines?: never })
  | { at: number; order: readonly string[]; orderAt: number; lines: Map<string, Kept> };

export function createChanges(): PageChanges {
  const parts = new Map<string, KeptPart>();
  let kind = "";
  let title = "";
  let titleAt = 0;
  let position = 0;

  function keep(name: string, part: Part, at: number): boolean {
    const known = parts.get(name);
    if (!isLines(part)) {
      const text = part.toString();
      const shape = shapeOf(text);
      if (known !== undefined && known.lines === undefined && known.shape === shape) {
        known.text = text;
        return false;
      }
      parts.set(name, { at, text, shape });
      return true;
    }
    const before = known?.lines !== undefined ? known : { at, order: [], orderAt: 0, lines: new Map() };
    const lines = new Map<string, Kept>();
    let changed = false;
    for (const key of part.order) {
      const text = part.lines.get(key)!.toString();
      const shape = shapeOf(text);
      const line: Kept | undefined = before.lines.get(key);
      if (line === undefined || line.shape !== shape) changed = true;
      lines.set(key, { at: line?.shape === shape ? line.at : at, text, shape });
    }
    const moved = known?.lines === undefined || before.order.length !== part.order.length ||
      before.order.some((key, i) => key !== part.order[i]);
    const orderAt = moved ? at : before.orderAt;
    parts.set(name, { at: changed || moved ? at : before.at, order: part.order, orderAt, lines });
    return changed || moved;
  }

  return {
    position: () => position,
    take(view) {
      const at = position + 1;
      let changed = view.title !== title || view.kind !== kind;
      if (view.kind !== kind) parts.clear();
      if (changed) titleAt = at;
      ({ kind, title } = view);
      for (const [name, part] of Object.entries(view.parts)) changed = keep(name, part, at) || changed;
      if (changed) position = at;
      return changed;
    },
    since(given) {
      if (position === 0) return null;
      const known = given ?? -1;
      const told: Told["parts"] = {};
      for (const [name, part] of parts) {
        if (part.at <= known) continue;
        if (part.lines === undefined) {
          told[name] = part.text;
          continue;
        }
        const lines = [...part.lines].filter(([, line]) => line.at > known);
        told[name] = {
          ...(part.orderAt > known && { order: part.order }),
          lines: Object.fromEntries(lines.map(([key, { text }]) => [key, text])),
        };
      }
      return titleAt > known || Object.keys(told).length > 0 ? { kind, title, parts: told } : null;
    },
  };
}

/** Ages are counted on by the page itself: that a second has passed is no change. */
const shapeOf = (text: string): string => text.replace(/(<span data-age="[^"]*"[^>]*>)[^<]*/g, "$1");
