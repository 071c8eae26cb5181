/**
 * Identities: text and bytes to 64-bit hashes, held as two unsigned 32-bit numbers.
 *
 * A rider, or an event within its ride, is told apart by 64 bits of its id: two different ids meet with a
 * chance of n²/2⁶⁵ (78,000 riders in a window: 1.6 × 10⁻¹⁰). Not meant against an adversary who chooses ids.
 */

export type Hash64 = { high: number; low: number };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Short ASCII text, such as an id, is written directly: calling the encoder costs more than the text. */
export function utf8(text: string): Uint8Array {
  if (text.length > 64) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 128) return encoder.encode(text);
    bytes[i] = unit;
  }
  return bytes;
}

export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

/**
 * Hashes the text's UTF-16 units with two multiply-rotate lanes that are mixed into each other at the end
 * (the finaliser is MurmurHash3's fmix32, checked for avalanche and collisions in tests/unit/root/ids_test.ts).
 */
export function hash64(text: string): Hash64 {
  let a = 0x9e3779b1 ^ text.length;
  let b = 0x85ebca77;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(rotate(a ^ Math.imul(unit, 0xcc9e2d51), 13), 0x1b873593);
    b = Math.imul(rotate(b ^ Math.imul(unit, 0x27d4eb2f), 17), 0x165667b1) + a | 0;
  }
  a = finish(a ^ rotate(b, 16));
  b = finish(b ^ a);
  return { high: a >>> 0, low: b >>> 0 };
}

/** The same of ASCII bytes, as [high, low]: without making the text, nor anything else. */
export function hashAscii(bytes: Uint8Array, from: number, to: number, into: Uint32Array): void {
  let a = 0x9e3779b1 ^ (to - from);
  let b = 0x85ebca77;
  for (let i = from; i < to; i++) {
    const unit = bytes[i]!;
    a = Math.imul(rotate(a ^ Math.imul(unit, 0xcc9e2d51), 13), 0x1b873593);
    b = Math.imul(rotate(b ^ Math.imul(unit, 0x27d4eb2f), 17), 0x165667b1) + a | 0;
  }
  a = finish(a ^ rotate(b, 16));
  into[0] = a;
  into[1] = finish(b ^ a);
}

const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));

function finish(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** Hexadecimal SHA-256, for naming content. */
export async function contentHash(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A short hash of bytes for comparing a record with what was folded before: 16 hexadecimal digits. */
export function fingerprint(bytes: Uint8Array): string {
  let a = 0x9e3779b1 ^ bytes.length;
  let b = 0x85ebca77;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    a = Math.imul(rotate(a ^ Math.imul(byte, 0xcc9e2d51), 13), 0x1b873593);
    b = Math.imul(rotate(b ^ Math.imul(byte, 0x27d4eb2f), 17), 0x165667b1) + a | 0;
  }
  a = finish(a ^ rotate(b, 16));
  b = finish(b ^ a);
  return (a >>> 0).toString(16).padStart(8, "0") + (b >>> 0).toString(16).padStart(8, "0");
}
