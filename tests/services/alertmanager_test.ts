/**
 * A real Alertmanager takes our alerts, shows them and lets them end; and its own amtool sees the same.
 *
 * Needs prometheus-alertmanager and amtool (Debian: prometheus-alertmanager). One that is missing fails.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Receiver } from "../../src/alerts/notifiers/receiver.ts";
import { testFire } from "../../src/commands/notify.ts";
import { freePorts, runToEnd } from "../../src/commands/services/launched.ts";
import { readConfig } from "../../src/config.ts";
import { receiversOf } from "../../src/node/receivers.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { localReceiver, noticeOf } from "../unit/alerts/local_receiver.ts";
import { transition } from "../unit/alerts/told.ts";

type Shown = { labels: Record<string, string>; status: { state: string }; endsAt: string };

describe("a real Alertmanager", () => {
  const passedOn = localReceiver(() => new Response(null, { status: 200 }));
  let folder = "";
  let url = "";
  let child: Deno.ChildProcess;
  let receiver: Receiver;
  const nowMs = systemClock.nowMs();
  const at = (minutesAgo: number) => new Date(nowMs - minutesAgo * minuteMs).toISOString();
  const alert = (state: "firing" | "resolved", city = "wien") =>
    transition(state, { minute: 6, city, since: at(9), at: at(state === "firing" ? 3 : 1) });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-alertmanager-"));
    const [port] = await freePorts(1) as [number];
    url = `http://127.0.0.1:${port}`;
    await writeFile(
      join(folder, "alertmanager.yml"),
      "route: {receiver: local, group_by: [alertname, city], group_wait: 0s, group_interval: 1s}\n" +
        `receivers: [{name: local, webhook_configs: [{url: "${passedOn.url}", send_resolved: true}]}]\n`,
    );
    child = new Deno.Command("prometheus-alertmanager", {
      args: [
        `--config.file=${join(folder, "alertmanager.yml")}`,
        `--storage.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--cluster.listen-address=",
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await eventually(
      "it answers",
      () => fetch(`${url}/-/ready`).then(async (r) => (await r.body?.cancel(), r.ok), () => false),
      30_000,
    );
    const config = readConfig({ WAYMARK_ALERTMANAGER_URL: url });
    [receiver] = receiversOf({ config, clock: systemClock }) as [Receiver];
  });
  after(async () => {
    child.kill("SIGTERM");
    await child.status;
    await passedOn.close();
    await rm(folder, { recursive: true });
  });

  const shown = async (): Promise<Shown[]> => await (await fetch(`${url}/api/v2/alerts`)).json();
  const send = (kind: "trigger" | "repeat" | "resolve", state: "firing" | "resolved", city?: string) =>
    receiver.send(noticeOf(kind, { alert: alert(state, city), atMs: systemClock.nowMs() }));
  const statuses = () =>
    passedOn.heard.filter(({ body }) => (body.commonLabels as Record<string, string>).city === "wien")
      .map(({ body }) => body.status);

  it("accepts a trigger, shows it as active, and passes it on", async () => {
    assert.equal((await send("trigger", "firing")).kind, "accepted");
    await eventually("it is shown", async () => (await shown()).length === 1);
    const [one] = await shown();
    assert.equal(one!.status.state, "active");
    assert.equal(one!.labels.alertname, "cancellation_rate_high");
    assert.equal(one!.labels.city, "wien");
    const output = await runToEnd("amtool", ["alert", "query", `--alertmanager.url=${url}`], "");
    assert.match(output, /cancellation_rate_high/);
    await eventually("it was passed on", () => statuses().length === 1);
  });

  it("takes it for the same alert when it is told again, with a later end", async () => {
    const [before] = await shown();
    assert.equal((await send("repeat", "firing")).kind, "accepted");
    await eventually("its end is later", async () => (await shown())[0]!.endsAt > before!.endsAt);
    assert.equal((await shown()).length, 1);
  });

  it("lets it end, and passes that on, once each", async () => {
    assert.equal((await send("resolve", "resolved")).kind, "accepted");
    await eventually("nothing is shown", async () => (await shown()).length === 0);
    await eventually("it was passed on", () => statuses().length === 2);
    assert.deepEqual(statuses(), ["firing", "resolved"]);
  });

  it("takes a test by hand", async () => {
    const tried = await testFire(receiver, "suite", systemClock);
    assert.equal(tried.taken, true, JSON.stringify(tried));
  });

  it("its own webhook has every field that ours has", async () => {
    const { webhookBody } = await import("../../src/alerts/notifiers/webhook.ts");
    const ours = webhookBody(noticeOf("trigger"), "webhook", "");
    const theirs = passedOn.heard[0]!.body;
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort());
    const [our] = ours.alerts as object[];
    const [their] = theirs.alerts as object[];
    assert.deepEqual(Object.keys(our!).sort(), Object.keys(their!).sort());
  });
});
