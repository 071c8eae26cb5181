/** A client that sends bytes as they are, right or wrong, and reads what comes back. */
import { utf8 } from "../../../src/ids.ts";

export type RawAnswer = { status: number; headers: Headers; body: string };

export type Raw = {
  /** Resolves to the bytes that went out before the other side closed. */
  send(bytes: string | Uint8Array): Promise<number>;
  /** The next answer with a Content-Length; rejects when the connection ends before it is whole. */
  answer(): Promise<RawAnswer>;
  /** Resolves when the other side has closed, with everything it sent that was not read as an answer. */
  closed(): Promise<string>;
  /** The same as bytes, whether read as answers or not. */
  closedBytes(): Promise<Uint8Array>;
  close(): void;
};

export async function connect(port: number): Promise<Raw> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let text = "";
  const everything: number[] = [];
  let over = false;
  let wake = Promise.withResolvers<void>();
  void (async () => {
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const read = await connection.read(buffer).catch(() => null);
      if (read === null) break;
      everything.push(...buffer.subarray(0, read));
      text += latin1(buffer.subarray(0, read));
      wake.resolve();
      wake = Promise.withResolvers();
    }
    over = true;
    wake.resolve();
  })();

  function taken(): RawAnswer | null {
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return null;
    const [first, ...lines] = text.slice(0, end).split("\r\n") as [string, ...string[]];
    const headers = new Headers(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
    }));
    const until = end + 4 + Number(headers.get("content-length") ?? 0);
    if (text.length < until) return null;
    const body = text.slice(end + 4, until);
    text = text.slice(until);
    return { status: Number(first.split(" ")[1]), headers, body };
  }

  return {
    async send(bytes) {
      const whole = typeof bytes === "string" ? utf8(bytes) : bytes;
      let at = 0;
      try {
        while (at < whole.length) at += await connection.write(whole.subarray(at, at + 64 * 1024));
      } catch {
        // Closed by the other side: how much went out is the answer.
      }
      return at;
    },
    async answer() {
      for (;;) {
        const answer = taken();
        if (answer !== null) return answer;
        if (over) {
          throw new Error(`the connection ended before an answer: ${JSON.stringify(text.slice(0, 200))}`);
        }
        await wake.promise;
      }
    },
    async closed() {
      while (!over) await wake.promise;
      return text;
    },
    async closedBytes() {
      while (!over) await wake.promise;
      return Uint8Array.from(everything);
    },
    close() {
      try {
        connection.close();
      } catch {
        // It was closed already.
      }
    },
  };
}

/** A character a byte, so that lengths are lengths. */
const latin1 = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

export const codeOf = (
  { status, body }: RawAnswer,
): [number, string] => [status, JSON.parse(body).error.code];
