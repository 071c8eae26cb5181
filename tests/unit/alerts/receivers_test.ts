/** What each service is sent, and what its answers mean: over HTTP on loopback. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { alertmanager } from "../../../src/alerts/notifiers/alertmanager.ts";
import { createPost } from "../../../src/alerts/notifiers/http_post.ts";
import { pagerDuty } from "../../../src/alerts/notifiers/pagerduty.ts";
import type { Answer, Receiver } from "../../../src/alerts/notifiers/receiver.ts";
import { slack } from "../../../src/alerts/notifiers/slack.ts";
import { webhook } from "../../../src/alerts/notifiers/webhook.ts";
import { manualClock, systemClock } from "../../../src/time.ts";
import { eventually } from "../../conformance/eventually.ts";
import { type LocalReceiver, localReceiver, noticeOf, taken } from "./local_receiver.ts";
import { transition } from "./told.ts";

const post = createPost({ clock: systemClock, publicOnly: false });
const publicUrl = "https://waymark.example/";
let local: LocalReceiver;
before(() => void (local = localReceiver()));
after(() => local.close());
beforeEach(() => {
  local.heard = [];
  local.answer = taken;
});

const status = (code: number, headers: Record<string, string> = {}, body = "said so") => () =>
  new Response(body, { status: code, headers });

/** accepted, refused, failing, limited or limited after so many milliseconds. */
const inWords = (answer: Answer): string =>
  answer.kind !== "later" ? answer.kind : [answer.cause, answer.afterMs].filter(Boolean).join(" ");

async function verdicts(
  receiver: Receiver,
  table: [LocalReceiver["answer"], string][],
): Promise<void> {
  for (const [answer, expected] of table) {
    local.answer = answer;
    const got = await receiver.send(noticeOf("trigger"));
    assert.equal(inWords(got), expected, got.detail);
  }
}

describe("pagerDuty", () => {
  const receiver = (owners: "all" | "operations" | "pipeline" = "all") =>
    pagerDuty({ name: "pagerduty", url: local.url, routingKey: "r".repeat(32), publicUrl, post, owners });

  it("sends a trigger with everything a person needs, and nothing but the key to end it", async () => {
    await receiver().send(noticeOf("trigger"));
    const { routing_key, event_action, dedup_key, payload, links, client_url } = local.heard[0]!
      .body as Record<
        string,
        // deno-lint-ignore no-explicit-any
        any
      >;
    assert.equal(routing_key, "r".repeat(32));
    assert.deepEqual([event_action, dedup_key], ["trigger", "test:cancellation_rate_high:wien"]);
    assert.equal(payload.severity, "critical");
    assert.equal(payload.source, "wien");
    assert.equal(payload.timestamp, "2026-01-15T18:06:00.000Z");
    assert.match(payload.summary, /^wien: 41\.0 % of 100 ended rides/);
    assert.equal(payload.custom_details.alert_id, "cancellation_rate_high/wien/a");
    assert.equal(client_url, "https://waymark.example/cities/wien");
    assert.deepEqual(links, [{ href: client_url, text: "wien in Waymark" }]);
    await receiver().send(noticeOf("resolve"));
    assert.deepEqual(local.heard[1]!.body, {
      routing_key: "r".repeat(32),
      event_action: "resolve",
      dedup_key: "test:cancellation_rate_high:wien",
    });
  });

  it("takes the severity and the runbook that the alert names", async () => {
    const alert = transition("firing", {
      minute: 6,
      ...{ severity: "warning", runbook: "https://run.example/" },
    });
    await receiver().send(noticeOf("trigger", { alert }));
    const { payload, links } = local.heard[0]!.body as {
      payload: { severity: string };
      links: { href: string }[];
    };
    assert.equal(payload.severity, "warning");
    assert.deepEqual(links.map((link) => link.href), [
      "https://waymark.example/cities/wien",
      "https://run.example/",
    ]);
  });

  it("202 is taken, 400 never again, 429 later by minutes, all else later", async () => {
    await verdicts(receiver(), [
      [status(202), "accepted"],
      [status(400), "refused"],
      [status(429), "limited"],
      [status(500), "failing"],
      [status(503), "failing"],
      [status(200), "failing"],
      [status(404), "failing"],
      [status(302, { location: "/" }), "failing"],
    ]);
    assert.equal(receiver().limitedMs, 60_000);
  });

  it("leaves the pipeline's alerts to the pipeline's service", () => {
    const ofPipeline = transition("no_data", { minute: 6, ...{ owner: "pipeline" } });
    const ofCity = transition("firing", { minute: 6 });
    assert.deepEqual([receiver("all").wants(ofPipeline), receiver("all").wants(ofCity)], [true, true]);
    assert.deepEqual([receiver("operations").wants(ofPipeline), receiver("operations").wants(ofCity)], [
      false,
      true,
    ]);
    assert.deepEqual([receiver("pipeline").wants(ofPipeline), receiver("pipeline").wants(ofCity)], [
      true,
      false,
    ]);
  });
});

describe("a receiver that cannot be reached", () => {
  it("is failing: nobody listens there", async () => {
    const gone = localReceiver();
    await gone.close();
    const receiver = pagerDuty({
      name: "pagerduty",
      url: gone.url,
      routingKey: "r".repeat(32),
      publicUrl: "",
      post,
      owners: "all",
    });
    assert.deepEqual(await receiver.send(noticeOf("trigger")), {
      kind: "later",
      cause: "failing",
      detail: "ECONNREFUSED",
    });
  });

  it("is failing: it does not answer in time", async () => {
    const clock = manualClock();
    const letGo = Promise.withResolvers<void>();
    local.answer = async () => (await letGo.promise, taken());
    const slow = createPost({ clock, publicOnly: false, timeoutMs: 10_000 });
    const sent = slow({ url: local.url, body: "{}", headers: {} });
    await eventually("it was asked", () => local.heard.length === 1);
    await clock.advance(10_000);
    assert.deepEqual(await sent, { ok: false, cause: "timeout", detail: "no answer within 10000 ms" });
    letGo.resolve();
  });

  it("is failing: it breaks off", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const ended = (async () => {
      const connection = await listener.accept();
      await connection.read(new Uint8Array(1_024));
      connection.close();
    })();
    const posted = await post({
      url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/`,
      body: "{}",
      headers: {},
    });
    assert.equal(!posted.ok && posted.cause, "network");
    await ended;
    listener.close();
  });

  it("says nothing of the address, which may be a secret", async () => {
    const posted = await post({ url: "http://127.0.0.1:1/services/T0/B0/secret", body: "{}", headers: {} });
    assert.doesNotMatch(JSON.stringify(posted), /secret/);
  });
});

describe("alertmanager", () => {
  const receiver = () => alertmanager({ name: "alertmanager", url: `${local.url}/am/`, publicUrl, post });

  it("states an end four minutes ahead while it fires, and one that has passed when it ends", async () => {
    await receiver().send(noticeOf("repeat"));
    const { path, body } = local.heard[0]!;
    assert.equal(path, "/am/api/v2/alerts");
    const [alert] = body as unknown as Record<string, unknown>[];
    assert.deepEqual(alert!.labels, {
      alertname: "cancellation_rate_high",
      city: "wien",
      severity: "critical",
      owner: "operations",
      dedup_key: "test:cancellation_rate_high:wien",
    });
    assert.deepEqual([alert!.startsAt, alert!.endsAt], [
      "2026-01-15T18:00:00.000Z",
      "2026-01-15T18:11:00.000Z",
    ]);
    await receiver().send(noticeOf("resolve"));
    const [ended] = local.heard[1]!.body as unknown as Record<string, unknown>[];
    assert.equal(ended!.endsAt, "2026-01-15T18:06:00.000Z");
  });

  it("never ends before it began, nor in the future", async () => {
    const early = transition("resolved", { minute: 6, since: "2026-01-15T18:06:00.000Z" });
    const ahead = transition("resolved", { minute: 60 });
    await receiver().send(noticeOf("resolve", { alert: early }));
    await receiver().send(noticeOf("resolve", { alert: ahead }));
    const ends = local.heard.map(({ body }) => (body as unknown as { endsAt: string }[])[0]!.endsAt);
    assert.deepEqual(ends, ["2026-01-15T18:06:00.001Z", "2026-01-15T18:07:00.000Z"]);
  });

  it("200 is taken, 400 never again, all else later", async () => {
    await verdicts(receiver(), [
      [status(200), "accepted"],
      [status(400), "refused"],
      [status(429, { "retry-after": "7" }), "limited 7000"],
      [status(500), "failing"],
      [status(404), "failing"],
    ]);
  });
});

describe("webhook", () => {
  const secret = "a-secret-of-some-length";
  const receiver = () => webhook({ name: "webhook", url: `${local.url}/hook`, secret, publicUrl, post });

  it("sends Alertmanager's version 4, signed", async () => {
    await receiver().send(noticeOf("trigger"));
    const { body, headers } = local.heard[0]!;
    assert.deepEqual(Object.keys(body).sort(), [
      "alerts",
      "commonAnnotations",
      "commonLabels",
      "externalURL",
      "groupKey",
      "groupLabels",
      "receiver",
      "status",
      "truncatedAlerts",
      "version",
    ]);
    assert.deepEqual([body.version, body.status, body.receiver], ["4", "firing", "webhook"]);
    const [alert] = body.alerts as Record<string, unknown>[];
    assert.deepEqual([alert!.status, alert!.endsAt], ["firing", "0001-01-01T00:00:00Z"]);
    assert.equal(headers.get("x-waymark-timestamp"), "1768500420");
    const signed = createHmac("sha256", secret).update(`1768500420.${JSON.stringify(body)}`).digest("hex");
    assert.equal(headers.get("x-waymark-signature"), `v1=${signed}`);
    await receiver().send(noticeOf("resolve"));
    const resolved = local.heard[1]!.body;
    assert.deepEqual([resolved.status, (resolved.alerts as { endsAt: string }[])[0]!.endsAt], [
      "resolved",
      "2026-01-15T18:06:00.000Z",
    ]);
  });

  it("2xx is taken; 3xx and 4xx never again, but for those of the moment; all else later", async () => {
    await verdicts(receiver(), [
      [status(200), "accepted"],
      [() => new Response(null, { status: 204 }), "accepted"],
      [status(302, { location: "/other" }), "refused"],
      [status(401), "refused"],
      [status(408), "failing"],
      [status(429), "limited"],
      [status(502), "failing"],
    ]);
  });
});

describe("slack", () => {
  const api = () =>
    slack({
      name: "slack",
      publicUrl,
      post,
      kind: "api",
      url: `${local.url}/api`,
      token: "token-0",
      channel: "C1",
    });
  const ok = (more: object = {}) => () => Response.json({ ok: true, channel: "C1", ts: "17.5", ...more });
  const error = (code: string) => () => Response.json({ ok: false, error: code });

  it("posts one message for an incident and edits it from then on", async () => {
    local.answer = ok();
    const posted = await api().send(noticeOf("trigger"));
    assert.deepEqual(posted, { kind: "accepted", detail: "chat.postMessage ok", ref: "C1:17.5" });
    const acknowledgement = {
      kind: "acknowledge",
      id: "1",
      alert_id: "x",
      rule: "r",
      city: "wien",
      by: "Ada <b>",
      why: "on it",
      at: "2026-01-15T18:07:00.000Z",
    } as const;
    await api().send(noticeOf("acknowledge", { ref: "C1:17.5", acknowledgement }));
    await api().send(noticeOf("resolve", { ref: "C1:17.5" }));
    assert.deepEqual(local.heard.map(({ path, body }) => [path, body.channel, body.ts]), [
      ["/api/chat.postMessage", "C1", undefined],
      ["/api/chat.update", "C1", "17.5"],
      ["/api/chat.update", "C1", "17.5"],
    ]);
    const texts = local.heard.map(({ body }) => String(body.text));
    assert.match(texts[0]!, /^:red_circle: \*firing\* wien: 41\.0 %/);
    assert.match(texts[0]!, /<https:\/\/waymark\.example\/cities\/wien\|wien in Waymark>$/);
    assert.match(texts[1]!, /\nby Ada &lt;b&gt;: on it\n/);
    assert.match(texts[2]!, /^:large_green_circle: \*resolved\*/);
    assert.equal(local.heard[0]!.headers.get("authorization"), "Bearer token-0");
  });

  it("finds its message again where an answer was not heard", async () => {
    const alertId = noticeOf("trigger").alertId;
    local.answer = ({ path }) =>
      path.endsWith("history")
        ? Response.json({
          ok: true,
          messages: [
            { ts: "16.0", metadata: { event_payload: { alert_id: "another" } } },
            { ts: "17.5", metadata: { event_payload: { alert_id: alertId } } },
          ],
        })
        : ok()();
    const sent = await api().send(noticeOf("trigger", { maybeSinceMs: 1_768_500_400_000 }));
    assert.deepEqual(sent, { kind: "accepted", detail: "was posted before", ref: "C1:17.5" });
    assert.deepEqual(local.heard.map(({ path }) => path), ["/api/conversations.history"]);
    assert.deepEqual(local.heard[0]!.body, {
      channel: "C1",
      oldest: "1768500340",
      limit: 200,
      include_all_metadata: true,
    });
  });

  it("… and posts, where it may not look", async () => {
    local.answer = ({ path }) => path.endsWith("history") ? error("missing_scope")() : ok()();
    const sent = await api().send(noticeOf("trigger", { maybeSinceMs: 1_768_500_400_000 }));
    assert.equal(sent.kind === "accepted" && sent.ref, "C1:17.5");
    assert.equal(local.heard.length, 2);
  });

  it("posts anew when somebody has deleted the message", async () => {
    local.answer = ({ path }) =>
      path.endsWith("update") ? error("message_not_found")() : ok({ ts: "18.0" })();
    const sent = await api().send(noticeOf("resolve", { ref: "C1:17.5" }));
    assert.equal(sent.kind === "accepted" && sent.ref, "C1:18.0");
  });

  it("ends in silence what nobody was told of", async () => {
    const sent = await api().send(noticeOf("resolve"));
    assert.equal(sent.kind, "accepted");
    assert.deepEqual(local.heard, []);
  });

  it("errors of the moment come again, others never, 429 after what it says", async () => {
    await verdicts(api(), [
      [ok(), "accepted"],
      [error("invalid_auth"), "refused"],
      [error("channel_not_found"), "refused"],
      [error("internal_error"), "failing"],
      [error("ratelimited"), "limited"],
      [status(429, { "retry-after": "30" }), "limited 30000"],
      [status(500), "failing"],
      [status(200, {}, "<html>"), "failing"],
    ]);
    assert.ok(api().spacingMs >= 1_000);
  });

  it("without a token posts lines to an incoming webhook", async () => {
    const line = slack({
      name: "slack",
      publicUrl: "",
      post,
      kind: "webhook",
      url: `${local.url}/services/x`,
    });
    assert.equal(line.perIncident, false);
    await verdicts(line, [
      [status(200, {}, "ok"), "accepted"],
      [status(400, {}, "invalid_payload"), "refused"],
      [status(404, {}, "no_service"), "refused"],
      [status(429, { "retry-after": "1" }), "limited 1000"],
      [status(503), "failing"],
    ]);
    assert.deepEqual(Object.keys(local.heard[0]!.body), ["text"]);
  });
});
