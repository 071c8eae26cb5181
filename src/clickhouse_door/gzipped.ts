/** Bytes as a gzip stream, compressed piece by piece as the client takes them: a piece holds the event loop about 1 ms. */
const pieceBytes = 64 * 1024;

export function gzipped(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  const pieces = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += pieceBytes) as Uint8Array<ArrayBuffer>);
    },
  });
  return pieces.pipeThrough(new CompressionStream("gzip"));
}
