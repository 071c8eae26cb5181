/** Health by cause: alive (the process answers), started (all was restored), ready (may be sent work). */
import type { Handles } from "./handles.ts";

/** An event loop that answers is alive; anything more would restart a process that is busy restoring. */
export const livez = (handles: Handles): Response =>
  healthy({ node: handles.node, version: handles.version });

export function readyz(handles: Handles): Response {
  const { ready, draining, causes } = handles.health();
  if (ready && !draining) return healthy({});
  return unhealthy(draining ? ["draining", ...causes.filter((cause) => cause !== "draining")] : causes);
}

export function startupz(handles: Handles): Response {
  const { started, causes } = handles.health();
  return started ? healthy({}) : unhealthy(causes);
}

const healthy = (more: Record<string, string>): Response => Response.json({ status: "ok", ...more });

const unhealthy = (causes: string[]): Response =>
  Response.json({ status: "unavailable", causes }, { status: 503, headers: { "retry-after": "2" } });
