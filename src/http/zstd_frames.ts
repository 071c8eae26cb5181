/**
 * Walks the frames of a zstd stream (RFC 8878, section 3.1) without decoding them.
 *
 * The runtime's one-shot decoder returns what it has when its input breaks off, and stops after the first frame:
 * events would vanish behind a 202. So the frames are found first, each must be whole, and each is decoded alone.
 * A frame may also ask for a window of up to 2 TB; what the RFC recommends to support, 8 MB, is the most allowed.
 */

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const windowBytesMax = 8 * 1024 * 1024;

/** The frames with content, in order; null when a frame is torn, foreign or wants too much memory. */
export function zstdFrames(bytes: Uint8Array): Uint8Array[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Uint8Array[] = [];
  let at = 0;
  try {
    while (at < bytes.length) {
      const magic = view.getUint32(at, true);
      if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
        at += 8 + view.getUint32(at + 4, true);
      } else {
        const end = magic === frameMagic ? frameEnd(view, at) : null;
        if (end === null) return null;
        frames.push(bytes.subarray(at, end));
        at = end;
      }
    }
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  return at === bytes.length ? frames : null;
}

/** Reads beyond the end throw a RangeError: the frame is torn. */
function frameEnd(view: DataView, from: number): number | null {
  const descriptor = view.getUint8(from + 4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  let at = from + 5;
  if (!singleSegment && windowBytes(view.getUint8(at++)) > windowBytesMax) return null;
  at += dictionaryBytes + sizeBytes;
  for (let last = false; !last;) {
    const header = view.getUint8(at) | view.getUint8(at + 1) << 8 | view.getUint8(at + 2) << 16;
    last = (header & 1) === 1;
    const type = header >> 1 & 3;
    if (type === 3) return null;
    at += 3 + (type === 1 ? 1 : header >> 3);
  }
  if ((descriptor & 4) !== 0) at += 4;
  if (at > view.byteLength) return null;
  return at;
}

function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + base / 8 * (descriptor & 7);
}
