/**
 * Compression of record batches. For the old formats, which kafkajs decodes, lz4, zstd and snappy are added to its
 * table, where it has gzip only.
 *
 * lz4 and zstd run where they are asked for: handing a batch of 60 kB to another thread and back costs more CPU than
 * unpacking it there. Only what is too large for that goes off the event loop. Snappy is only read: as the Java client
 * frames it (xerial: a header, then length-prefixed blocks) and bare, as librdkafka writes it.
 */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs from "kafkajs";
import { compressFrame, compressFrameSync, decompressFrame, decompressFrameSync } from "lz4-napi";
import { WaymarkError } from "../../errors.ts";

type Encoded = { buffer: Buffer };

const { CompressionCodecs, CompressionTypes } = kafkajs;

export const compressionCodes = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** Of one decompressed batch: more is not a batch that a broker would have taken. */
const plainBytesMax = 256 * 1024 * 1024;

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }: Encoded) => compressFrame(buffer),
  decompress: (bytes: Buffer) => decompressed(bytes, compressionCodes.lz4),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: Encoded) => zstdCompressSync(buffer),
  decompress: (bytes: Buffer) => decompressed(bytes, compressionCodes.zstd),
});
CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: () => Promise.reject(new WaymarkError("config_invalid", "snappy is read but not written")),
  decompress: (bytes: Buffer) => decompressed(bytes, compressionCodes.snappy),
});

/** Of compressed bytes: more of them would hold the event loop for more than some milliseconds. */
const atOnceBytesMax = 1024 * 1024;

/** What is written: none, gzip or lz4. */
export function compressed(plain: Buffer, compression: number): Buffer {
  if (compression === compressionCodes.none) return plain;
  return compression === compressionCodes.lz4 ? compressFrameSync(plain) : gzipSync(plain);
}

/** What was written with any of `compressionCodes`. */
export async function decompressed(stored: Buffer, compression: number): Promise<Buffer> {
  switch (compression) {
    case compressionCodes.none:
      return stored;
    case compressionCodes.gzip:
      return gunzipSync(stored, { maxOutputLength: plainBytesMax });
    case compressionCodes.snappy:
      return fromSnappy(stored);
    case compressionCodes.lz4:
      refuseLarger(lz4BytesAtMost(stored));
      return stored.length <= atOnceBytesMax ? decompressFrameSync(stored) : await decompressFrame(stored);
    case compressionCodes.zstd:
      return zstdDecompressSync(stored, { maxOutputLength: plainBytesMax });
    default:
      throw new WaymarkError(
        "log_unavailable",
        `a record batch is compressed in way ${compression}, wanted 0 to 4`,
      );
  }
}

function refuseLarger(bytes: number): void {
  if (bytes <= plainBytesMax) return;
  throw new WaymarkError(
    "log_unavailable",
    `a record batch expands to up to ${bytes} bytes, wanted at most ${plainBytesMax}`,
  );
}

/** By the code in a frame's second byte. */
const lz4BlockBytesMax: Readonly<Record<number, number>> = {
  4: 64 * 1024,
  5: 256 * 1024,
  6: 1024 * 1024,
  7: 4 * 1024 * 1024,
};

/**
 * What a frame can expand to: its blocks, each as large as its head allows. The decoder knows no bound of its own.
 * 0 for bytes that are no frame, which the decoder refuses.
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
export function lz4BytesAtMost(frame: Buffer): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== 0x184d2204) return 0;
  const flags = frame[4]!;
  const blockBytes = lz4BlockBytesMax[frame[5]! >> 4 & 7] ?? 0;
  const blockEnd = flags & 16 ? 4 : 0;
  let blocks = 0;
  for (let at = 7 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0); at + 4 <= frame.length;) {
    const size = frame.readUInt32LE(at);
    if (size === 0) break;
    blocks++;
    at += 4 + (size & 0x7fffffff) + blockEnd;
  }
  return blocks * blockBytes;
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
/** The magic, a version and the version that can read it. */
const xerialHeaderBytes = 16;

export function fromSnappy(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) return fromSnappyBlock(bytes);
  const blocks: Buffer[] = [];
  let plainBytes = 0;
  for (let at = xerialHeaderBytes; at < bytes.length;) {
    if (at + 4 > bytes.length) throw malformed();
    const size = bytes.readUInt32BE(at);
    const block = fromSnappyBlock(bytes.subarray(at + 4, at + 4 + size));
    refuseLarger(plainBytes += block.length);
    blocks.push(block);
    at += 4 + size;
  }
  return Buffer.concat(blocks);
}

/** Three bytes can stand for 64 at most. */
const snappyRatioMax = 22;

/** https://github.com/google/snappy/blob/main/format_description.txt */
function fromSnappyBlock(bytes: Buffer): Buffer {
  let at = 0;
  const little = (width: number) => {
    if (width === 0) return 0;
    if (at + width > bytes.length) throw malformed();
    const value = bytes.readUIntLE(at, width);
    at += width;
    return value;
  };
  const plainBytes = varint();
  // Before anything is set aside for it: a few bytes may claim any size.
  if (plainBytes > snappyRatioMax * bytes.length) throw malformed();
  refuseLarger(plainBytes);
  const plain = Buffer.alloc(plainBytes);
  let written = 0;
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    const upper = tag >> 2;
    if ((tag & 3) === 0) literal(upper < 60 ? upper + 1 : little(upper - 59) + 1);
    else if ((tag & 3) === 1) copy((upper & 7) + 4, (tag >> 5) << 8 | little(1));
    else copy(upper + 1, little((tag & 3) === 2 ? 2 : 4));
  }
  if (written !== plainBytes) throw malformed();
  return plain;

  function varint(): number {
    for (let value = 0, shift = 0; shift < 35; shift += 7) {
      const byte = little(1);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  }

  function literal(count: number): void {
    if (at + count > bytes.length || written + count > plainBytes) throw malformed();
    bytes.copy(plain, written, at, at + count);
    at += count;
    written += count;
  }

  /** Byte by byte where the source runs into what is being written: that is how repetition is told. */
  function copy(count: number, back: number): void {
    if (back === 0 || back > written || written + count > plainBytes) throw malformed();
    if (back >= count) plain.copy(plain, written, written - back, written - back + count);
    else for (let i = 0; i < count; i++) plain[written + i] = plain[written + i - back]!;
    written += count;
  }
}

const malformed = () => new WaymarkError("log_unavailable", "a record batch's snappy bytes are malformed");
