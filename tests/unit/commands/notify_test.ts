/** The test of receivers by hand: what is sent says that it is a test, and the table says what became of it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testFire, testTable } from "../../../src/commands/notify.ts";
import { readConfig } from "../../../src/config.ts";
import { receiversOf } from "../../../src/node/receivers.ts";
import { systemClock } from "../../../src/time.ts";
import { localReceiver } from "../alerts/local_receiver.ts";

const key = "a-routing-key-of-ours";

describe("testFire", () => {
  it("opens and ends an incident that says it is a test", async () => {
    const local = localReceiver();
    try {
      const config = readConfig({ WAYMARK_PAGERDUTY_KEY: key, WAYMARK_PAGERDUTY_URL: local.url });
      const [receiver] = receiversOf({ config, clock: systemClock });
      const tried = await testFire(receiver!, "staging", systemClock);
      assert.equal(tried.taken, true);
      assert.deepEqual([local.pages, local.ends, local.open.size], [1, 1, 0]);
      const { payload, dedup_key } = local.heard[0]!.body as {
        payload: { summary: string };
        dedup_key: string;
      };
      assert.match(
        payload.summary,
        /^\[TEST\] Waymark \(staging\) tests its receivers; nothing has happened/,
      );
      assert.equal(dedup_key, "staging:notify_test:nowhere");
      assert.match(
        testTable([tried]),
        /^receiver +trigger +resolve\npagerduty +accepted: 202 .* accepted: 202 /,
      );
    } finally {
      await local.close();
    }
  });

  it("tells what a receiver says instead, without the secrets that it repeats", async () => {
    const local = localReceiver(({ body }) =>
      new Response(`no such key: ${body.routing_key}`, { status: 400 })
    );
    try {
      const config = readConfig({ WAYMARK_PAGERDUTY_KEY: key, WAYMARK_PAGERDUTY_URL: local.url });
      const [receiver] = receiversOf({ config, clock: systemClock });
      const tried = await testFire(receiver!, "staging", systemClock);
      assert.deepEqual([tried.taken, tried.trigger], [false, "refused: 400 no such key: (not shown)"]);
    } finally {
      await local.close();
    }
  });
});

describe("receiversOf", () => {
  const names = (environment: Record<string, string>) =>
    receiversOf({ config: readConfig(environment), clock: systemClock }).map((receiver) => receiver.name);

  it("are none without settings, and each by its name", () => {
    assert.deepEqual(names({}), []);
    assert.deepEqual(
      names({
        WAYMARK_PAGERDUTY_KEY: key,
        WAYMARK_PAGERDUTY_PIPELINE_KEY: key,
        WAYMARK_ALERTMANAGER_URL: "http://a:9093,http://b:9093",
        WAYMARK_SLACK_URL: "https://hooks.example/x",
        WAYMARK_WEBHOOK_URL: "https://hook.example/y",
      }),
      ["pagerduty", "pagerduty-pipeline", "alertmanager", "alertmanager-2", "slack", "webhook"],
    );
  });
});
