/**
 * Nobody's request is a 500: ten thousand made from the description, and those of Schemathesis, which knows nothing of
 * us but the description. Every answer is one that the description has, and what succeeds has the shape it promises.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { runToEnd } from "../../src/commands/services/launched.ts";
import { described } from "../../src/http/described.ts";
import { httpErrorCodes } from "../../src/http/errors.ts";
import type { OpenApi } from "../../src/http/openapi.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { answerOf, ask, makeWorkers, until, type Worker } from "../chaos/workers.ts";
import { drain } from "./stranger_clients.ts";
import { type MadeRequest, requestsOf } from "./made_requests.ts";

const requestsMade = 10_000;
const atOnce = 24;
const seed = 20_260_115;
const schemathesis = "schemathesis==4.32.5";
const schemathesisSeconds = 60;
const readyMs = 60_000;
const advice = "Install Python 3 with its venv module, and let pip reach a package index";

let home = "";
let door: Worker;
let description: OpenApi;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "waymark-fuzz-"));
  const [worker] = await makeWorkers(1, { folder: home, variables: { WAYMARK_SNAPSHOT_MS: "2000" } });
  door = worker!;
  door.start();
  await until("the process is ready", async () => (await ask(`${door.url}/readyz`))?.status === 200, readyMs);
  description = (await answerOf(`${door.url}/openapi.json`)).body as OpenApi;
  // Something to find.
  const timestamp = isoTime(systemClock.nowMs());
  const post = (path: string, body: object) =>
    fetch(`${door.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }).then((response) => response.body?.cancel());
  await post("/v1/events", {
    event_type: "requested",
    ride_id: "ride-1",
    city: "wien",
    user_id: "u",
    timestamp,
  });
  await post("/v1/locations", { driver_id: "driver-1", lat: 48.2, lng: 16.4, city: "wien", timestamp });
});

after(async () => {
  try {
    await drain(door);
  } finally {
    if (door.running()) door.signal("SIGKILL");
    await rm(home, { recursive: true, force: true });
  }
});

type Seen = { status: number; body: unknown };

async function send({ method, target, headers, body, operation }: MadeRequest): Promise<Seen> {
  const over = new AbortController();
  const response = await fetch(`${door.url}${target}`, {
    ...{ method, headers, redirect: "manual" as const, signal: over.signal },
    ...(body !== null && { body }),
  });
  // A stream does not end by itself.
  if (operation === "stream" || response.headers.get("content-type")?.startsWith("text/event-stream")) {
    over.abort();
    return { status: response.status, body: null };
  }
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: response.status, body: isJson && text !== "" ? JSON.parse(text) : null };
}

const byOperation = new Map(
  Object.entries(described).map((
    [route, about],
  ) => [about.operation, { method: route.split(" ")[0], about }]),
);

/** What is wrong with the answer; null when nothing is. */
function wrong({ operation, method, headers }: MadeRequest, { status, body }: Seen): string | null {
  if (status === 500 || (status > 500 && status !== 503)) return `the status is ${status}`;
  const { method: own, about } = byOperation.get(operation)!;
  if (status >= 400 && body !== null) {
    const said = body as { error?: { code?: string }; causes?: unknown };
    if (said.causes !== undefined) return null;
    const code = said.error?.code ?? "";
    const known = (httpErrorCodes as Record<string, { status: number }>)[code];
    return known?.status === status ? null : `${status} has the code ${code}`;
  }
  if (method !== own || headers.accept === "text/html" || status >= 300) return null;
  const answer = about.answers[status];
  if (answer === undefined) return `the description has no answer ${status}`;
  const parsed = answer.schema?.safeParse(body);
  return parsed?.success === false ? `not as described: ${parsed.error.message.slice(0, 500)}` : null;
}

describe("requests made from the description", () => {
  it(`are never answered 500, ${requestsMade} of them`, async () => {
    const made = fc.sample(requestsOf(description), { numRuns: requestsMade, seed });
    const statuses = new Map<number, number>();
    const failures: string[] = [];
    let next = 0;
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let request = made[next++]; request !== undefined; request = made[next++]) {
        const seen = await send(request);
        statuses.set(seen.status, (statuses.get(seen.status) ?? 0) + 1);
        const what = wrong(request, seen);
        if (what !== null) failures.push(`${what}: ${JSON.stringify(request).slice(0, 600)}`);
      }
    }));
    assert.deepEqual(failures.slice(0, 10), [], `${failures.length} failures`);
    // That they reached something: successes, and refusals of several kinds.
    for (const status of [200, 202, 400, 404, 405, 415]) {
      assert.ok((statuses.get(status) ?? 0) >= 20, `${status}: ${JSON.stringify([...statuses])}`);
    }
    const busy = statuses.get(503) ?? 0;
    assert.ok(busy < requestsMade / 20, `${busy} of ${requestsMade} were answered 503`);
  });

  it("leave a process that is well, and has met no defect", async () => {
    const metrics = await (await fetch(`${door.url}/metrics`)).text();
    assert.match(metrics, /^waymark_http_defects_total 0$/m);
    await until(
      "the process is ready",
      async () => (await ask(`${door.url}/readyz`))?.status === 200,
      readyMs,
    );
    const partitions = (await answerOf(`${door.url}/v1/partitions`)).body as {
      partitions: { state: string }[];
    };
    assert.ok(partitions.partitions.every(({ state }) => state === "running"));
    const ledger = (await answerOf(`${door.url}/v1/ledger`)).body as { balanced: boolean };
    assert.equal(ledger.balanced, true);
  });
});

describe("Schemathesis", () => {
  it("finds no server error, and no answer that the description does not have", async () => {
    const environment = join(home, "venv");
    const python = join(environment, "bin", "python");
    await runToEnd("python3", ["-m", "venv", environment], advice);
    const install = ["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
    await runToEnd(python, ["-m", "pip", ...install, schemathesis], advice);
    const checks = [
      "not_a_server_error",
      "status_code_conformance",
      "content_type_conformance",
      "response_schema_conformance",
    ];
    // It leaves folders where it runs.
    const said = await runToEnd("/bin/sh", [
      ...["-c", 'cd "$0" && exec "$@"', home, join(environment, "bin", "schemathesis")],
      ...["run", `${door.url}/openapi.json`, "--exclude-path", "/v1/stream", "--phases", "fuzzing"],
      ...[
        "--checks",
        checks.join(","),
        "--workers",
        "2",
        "--seed",
        String(seed),
        "--no-color",
        "--no-shrink",
      ],
      ...["--max-time", String(schemathesisSeconds), "--request-timeout", "20", "--warnings", "off"],
    ], "Look at what it found");
    const [, generated = "0"] = /(\d+) generated/.exec(said) ?? [];
    assert.ok(Number(generated) >= 100, said.slice(-2_000));
  });
});
