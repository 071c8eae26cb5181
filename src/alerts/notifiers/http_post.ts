/**
 * One POST of JSON to a receiver: within a time, following nothing, reading no more than so much of the answer.
 *
 * `node:http` and not `fetch`, because a connection can be told which address to go to while name and certificate stay
 * those of the URL. Each request has a connection of its own: what is checked is what is used. A failure is data, and
 * its words never carry the URL, which for some receivers is the secret.
 */
import { lookup } from "node:dns/promises";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { limits } from "../../limits.ts";
import type { Clock } from "../../time.ts";
import { type Address, chosenAddress, type Resolve } from "./address.ts";

export type PostRequest = {
  url: string;
  body: string;
  headers: Record<string, string>;
};

export type Posted =
  | { ok: true; status: number; retryAfterMs: number | null; body: string }
  | { ok: false; cause: "address" | "network" | "timeout"; detail: string };

export type Post = (request: PostRequest) => Promise<Posted>;

export type PostOptions = {
  clock: Clock;
  /** Where the name leads is looked at before anything is sent, and only a public address will do. */
  publicOnly: boolean;
  /** Default: the system's. Given, the connection goes to what it says. */
  resolve?: Resolve;
  timeoutMs?: number;
};

export const systemResolve: Resolve = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};

export function createPost(options: PostOptions): Post {
  const { clock, publicOnly, resolve, timeoutMs = limits.notifyRequestMs } = options;
  return async (request) => {
    const over = new AbortController();
    const late = clock.sleep(timeoutMs, over.signal).then((): Posted => ({
      ok: false,
      cause: "timeout",
      detail: `no answer within ${timeoutMs} ms`,
    }));
    const work = async (): Promise<Posted> => {
      if (!publicOnly && resolve === undefined) return await send(request, null, over.signal);
      const { hostname } = new URL(request.url);
      const checked = await chosenAddress(hostname, { resolve: resolve ?? systemResolve, publicOnly });
      if (!checked.ok) return { ok: false, cause: "address", detail: checked.detail };
      return over.signal.aborted ? broken("too late") : await send(request, checked.address, over.signal);
    };
    try {
      return await Promise.race([work().catch((thrown) => broken(codeOf(thrown))), late]);
    } finally {
      over.abort();
    }
  };
}

const broken = (detail: string): Posted => ({ ok: false, cause: "network", detail });

/** A system's code, such as ECONNREFUSED. A message may name the address, which may be a secret. */
function codeOf(thrown: unknown): string {
  const { code } = thrown as { code?: unknown };
  return typeof code === "string" ? code : "the connection failed";
}

function send({ url, body, headers }: PostRequest, to: Address | null, over: AbortSignal): Promise<Posted> {
  const { protocol, hostname } = new URL(url);
  const request = protocol === "https:" ? tlsRequest : plainRequest;
  const bytes = new TextEncoder().encode(body);
  return new Promise((resolve) => {
    const sent = request(url, {
      method: "POST",
      agent: false,
      headers: {
        "content-type": "application/json; charset=utf-8",
        "content-length": String(bytes.length),
        "user-agent": "waymark",
        ...headers,
      },
      // A bare address is not looked up by anybody, and it is what was checked.
      ...(to !== null && { lookup: pinned(to) }),
      ...(protocol === "https:" && { servername: hostname.replace(/^\[(.*)\]$/, "$1") }),
    });
    const fail = (thrown: unknown) => resolve(broken(codeOf(thrown)));
    sent.on("error", fail);
    sent.on("response", (response: IncomingMessage) => {
      void textOf(response).then(
        (text) => {
          resolve({
            ok: true,
            status: response.statusCode ?? 0,
            retryAfterMs: retryAfterOf(response.headers["retry-after"]),
            body: text,
          });
          sent.destroy();
        },
        fail,
      );
    });
    over.addEventListener("abort", () => sent.destroy(), { once: true });
    sent.end(bytes);
  });
}

type Found = (error: Error | null, address: string | Address[], family?: number) => void;

const pinned = (to: Address) => (_host: string, options: { all?: boolean | undefined }, found: Found) =>
  options.all === true ? found(null, [to]) : found(null, to.address, to.family);

/** The beginning of the answer. */
async function textOf(response: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > limits.notifyAnswerChars) break;
  }
  return text.slice(0, limits.notifyAnswerChars);
}

/** Seconds; the date form is used by nobody we speak to. */
function retryAfterOf(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : null;
}
