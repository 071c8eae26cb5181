/**
 * One question to another process of the groups: the only HTTP the service itself sends.
 *
 * Once, within a time, following nothing, up to a size. Whatever goes wrong is no answer; what that means is decided
 * by who asked (src/http/actor_search.ts). The caller's key goes along and is written down nowhere.
 */
import type { Asking, NodeAnswer } from "../http/fleet_handle.ts";
import { forwardedHeader, parseSearched, searchedHeader } from "../http/forwarded.ts";
import { joined } from "../http/inflate.ts";
import type { Clock } from "../time.ts";

export type AskOptions = { node: string; clock: Clock; withinMs: number; bytesMax: number };

export async function askNode(
  address: string,
  { path, authorization, requestId }: Asking,
  { node, clock, withinMs, bytesMax }: AskOptions,
): Promise<NodeAnswer | null> {
  const over = new AbortController();
  void clock.sleep(withinMs, over.signal).then(() => over.abort());
  try {
    const response = await fetch(`${address}${path}`, {
      headers: {
        accept: "application/json",
        // Between machines next to each other compressing costs more than it saves.
        "accept-encoding": "identity",
        [forwardedHeader]: node,
        "x-request-id": requestId,
        ...(authorization !== null && { authorization }),
      },
      redirect: "manual",
      signal: over.signal,
    });
    const contentType = response.headers.get("content-type") ?? "";
    // Anything else was not said by a process of ours, and would be passed on to people.
    if (!/^application\/json\b/.test(contentType)) return null;
    const body = await bodyUpTo(response, bytesMax);
    if (body === null) return null;
    const searched = parseSearched(response.headers.get(searchedHeader));
    return { status: response.status, contentType, body, searched };
  } catch {
    return null;
  } finally {
    // Ends the body that was not read, and the wait.
    over.abort();
  }
}

/** Null for a longer one. */
async function bodyUpTo(response: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > bytesMax) return null;
    parts.push(part);
  }
  return joined(parts);
}
