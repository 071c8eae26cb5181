/** Sets of 64-bit hashes as text: 8 bytes each, sorted, in base64. */

/** Hashes as pairs of 32-bit numbers [high, low, high, low …] → base64, sorted: equal sets give equal text. */
export function packHashes(pairs: readonly number[]): string {
  if (pairs.length === 2) {
    single.setUint32(0, pairs[0]!);
    single.setUint32(4, pairs[1]!);
    return singleBytes.toBase64();
  }
  const whole = new BigUint64Array(pairs.length / 2);
  const halves = new Uint32Array(whole.buffer);
  for (let i = 0; i < pairs.length; i += 2) {
    halves[i + lowHalf] = pairs[i + 1]!;
    halves[i + 1 - lowHalf] = pairs[i]!;
  }
  // Sorted by the platform as numbers of 64 bits, without a function to compare with.
  whole.sort();
  const bytes = new DataView(new ArrayBuffer(pairs.length * 4));
  for (let i = 0; i < pairs.length; i += 2) {
    bytes.setUint32(4 * i, halves[i + 1 - lowHalf]!);
    bytes.setUint32(4 * i + 4, halves[i + lowHalf]!);
  }
  return new Uint8Array(bytes.buffer).toBase64();
}

/** A hash as base64. */
const singleChars = 12;
/** Room for one, written anew each time. */
const singleBytes = new Uint8Array(8);
const single = new DataView(singleBytes.buffer);

/** Where the platform keeps the lower half of a number of 64 bits. */
const lowHalf = new Uint32Array(new BigUint64Array([1n]).buffer)[0] === 1 ? 0 : 1;

/** The inverse of packHashes. */
export function unpackHashes(text: string): number[] {
  if (text.length === singleChars) {
    singleBytes.setFromBase64(text);
    return [single.getUint32(0), single.getUint32(4)];
  }
  const bytes = Uint8Array.fromBase64(text);
  const view = new DataView(bytes.buffer);
  const pairs: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) pairs.push(view.getUint32(at));
  return pairs;
}
