/**
 * Requests from node to node: an ordinary request with a header that says whose question it is.
 *
 * The header gives no rights, the key does. A request that carries it is answered from this process alone and never
 * passed on, so no question can go round in circles, whoever made the header up.
 */

/** Of a question: the node that asks. */
export const forwardedHeader = "x-waymark-forwarded";
/** Of the answer: the partitions that were looked through, such as `0,3,7`; empty for none. */
export const searchedHeader = "x-waymark-searched";

export const isForwarded = (request: Request): boolean => request.headers.has(forwardedHeader);

export const searchedText = (partitions: readonly number[]): string => partitions.join(",");

/** Null for anything that `searchedText` does not write. */
export function parseSearched(text: string | null): number[] | null {
  if (text === null) return null;
  if (text === "") return [];
  const parts = text.split(",");
  return parts.every((part) => /^\d{1,6}$/.test(part)) ? parts.map(Number) : null;
}
