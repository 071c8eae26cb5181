/** A receiver on loopback that answers as it is told to, and keeps incidents by key as PagerDuty does. */
import type { Notice } from "../../../src/alerts/notifiers/receiver.ts";
import { startMs, transition } from "./told.ts";

export type Heard = { path: string; headers: Headers; body: Record<string, unknown> };

export type LocalReceiver = {
  url: string;
  port: number;
  heard: Heard[];
  /** Incidents that are open, by key. */
  open: Set<string>;
  /** Incidents that were opened, and that were ended. */
  pages: number;
  ends: number;
  acknowledged: string[];
  /** What it answers; what is not 2xx changes no incident. */
  answer: (heard: Heard) => Response | Promise<Response>;
  close(): Promise<void>;
};

export const taken = () => Response.json({ status: "success" }, { status: 202 });

/** Ports that the process still holds are closed with it. */
export function localReceiver(answer: LocalReceiver["answer"] = taken): LocalReceiver {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handle);
  const { port } = server.addr;
  const receiver: LocalReceiver = {
    url: `http://127.0.0.1:${port}`,
    port,
    heard: [],
    open: new Set(),
    pages: 0,
    ends: 0,
    acknowledged: [],
    answer,
    close: () => server.shutdown(),
  };

  async function handle(request: Request): Promise<Response> {
    const text = await request.text();
    const read = JSON.parse(text);
    const heard = { path: new URL(request.url).pathname, headers: request.headers, body: read };
    receiver.heard.push(heard);
    const response = await receiver.answer(heard);
    if (response.ok) note(read);
    return response;
  }

  function note(
    { event_action: action, dedup_key: key }: { event_action?: string; dedup_key?: string },
  ): void {
    if (key === undefined) return;
    if (action === "trigger" && !receiver.open.has(key)) {
      receiver.open.add(key);
      receiver.pages++;
    }
    if (action === "resolve" && receiver.open.delete(key)) receiver.ends++;
    if (action === "acknowledge" && receiver.open.has(key)) receiver.acknowledged.push(key);
  }
  return receiver;
}

export function noticeOf(kind: Notice["kind"], more: Partial<Notice> = {}): Notice {
  const alert = transition(kind === "resolve" ? "resolved" : "firing", { minute: 6 });
  return {
    kind,
    alert,
    alertId: alert.alert_id,
    dedupKey: alert.dedup_key,
    acknowledgement: null,
    ref: null,
    maybeSinceMs: null,
    test: false,
    atMs: startMs + 7 * 60_000,
    ...more,
  };
}
