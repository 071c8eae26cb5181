/** Which addresses a webhook is sent to, and that what was checked is what is connected to. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Address, isPublic, type Resolve } from "../../../src/alerts/notifiers/address.ts";
import { createPost } from "../../../src/alerts/notifiers/http_post.ts";
import { webhook } from "../../../src/alerts/notifiers/webhook.ts";
import { systemClock } from "../../../src/time.ts";
import { localReceiver, noticeOf } from "./local_receiver.ts";

const familyOf = (address: string): 4 | 6 => address.includes(":") ? 6 : 4;

describe("isPublic", () => {
  const table: Record<string, boolean> = {
    "8.8.8.8": true,
    "93.184.215.14": true,
    "172.32.0.1": true,
    "100.128.0.1": true,
    "2606:4700:4700::1111": true,
    "2a00:1450:4001:829::200e": true,
    "0.0.0.0": false,
    "10.1.2.3": false,
    "100.64.0.1": false,
    "127.0.0.1": false,
    "127.255.255.254": false,
    "169.254.169.254": false,
    "172.16.0.1": false,
    "172.31.255.255": false,
    "192.0.0.192": false,
    "192.168.1.1": false,
    "198.19.0.1": false,
    "224.0.0.1": false,
    "255.255.255.255": false,
    "::": false,
    "::1": false,
    "::ffff:10.0.0.1": false,
    "::ffff:8.8.8.8": false,
    "64:ff9b::a00:1": false,
    "2001::1": false,
    "2001:db8::1": false,
    "2002:a00:1::": false,
    "fc00::1": false,
    "fd12:3456::1": false,
    "fe80::1": false,
    "fec0::1": false,
    "ff02::1": false,
    "10.1": false,
    "0x7f.1": false,
    "2130706433": false,
    "": false,
  };
  for (const [address, expected] of Object.entries(table)) {
    it(`${address || "nothing"}: ${expected}`, () => {
      assert.equal(isPublic({ address, family: familyOf(address) }), expected);
    });
  }
});

describe("createPost over names", () => {
  const post = (url: string, publicOnly: boolean, resolve?: Resolve) =>
    createPost({ clock: systemClock, publicOnly, ...(resolve && { resolve }) })({
      url,
      body: "{}",
      headers: {},
    });

  it("sends nothing to a private address, whichever way it is written", async () => {
    const receiver = localReceiver();
    try {
      for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"]) {
        const posted = await post(`http://${host}:${receiver.port}/x`, true);
        assert.deepEqual([host, posted.ok, posted.ok || posted.cause], [host, false, "address"]);
      }
      assert.deepEqual(receiver.heard, []);
    } finally {
      await receiver.close();
    }
  });

  it("sends nothing to a name with a private address among public ones", async () => {
    const receiver = localReceiver();
    try {
      const mixed: Address[] = [{ address: "8.8.8.8", family: 4 }, { address: "127.0.0.1", family: 4 }];
      const posted = await post(`http://hooks.test:${receiver.port}/x`, true, () => Promise.resolve(mixed));
      assert.deepEqual(posted, {
        ok: false,
        cause: "address",
        detail: "127.0.0.1 is not a public address; nothing was sent",
      });
      assert.deepEqual(receiver.heard, []);
    } finally {
      await receiver.close();
    }
  });

  it("looks a name up once and connects to what it found, under its name", async () => {
    const receiver = localReceiver();
    const answers = ["127.0.0.1", "10.255.255.1"];
    let asked = 0;
    const rebinding: Resolve = () => Promise.resolve([{ address: answers[asked++]!, family: 4 }]);
    try {
      const posted = await post(`http://hooks.test:${receiver.port}/x`, false, rebinding);
      assert.equal(posted.ok && posted.status, 202);
      assert.equal(asked, 1);
      assert.equal(receiver.heard[0]!.headers.get("host"), `hooks.test:${receiver.port}`);
    } finally {
      await receiver.close();
    }
  });

  it("follows no redirect", async () => {
    const inner = localReceiver();
    const receiver = localReceiver(() => Response.redirect(`${inner.url}/inner`, 307));
    try {
      const posted = await post(`${receiver.url}/x`, false);
      assert.equal(posted.ok && posted.status, 307);
      const hook = webhook({
        name: "webhook",
        url: receiver.url,
        secret: "",
        publicUrl: "",
        post: createPost({ clock: systemClock, publicOnly: false }),
      });
      assert.equal((await hook.send(noticeOf("trigger"))).kind, "refused");
      assert.deepEqual(inner.heard, []);
    } finally {
      await Promise.all([receiver.close(), inner.close()]);
    }
  });

  it("a name that nobody knows is tried again, a private address is not", async () => {
    const unknown: Resolve = () => Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" }));
    const hook = (url: string, resolve?: Resolve) =>
      webhook({
        name: "webhook",
        url,
        secret: "",
        publicUrl: "",
        post: createPost({ clock: systemClock, publicOnly: true, ...(resolve && { resolve }) }),
      });
    assert.deepEqual(await hook("https://hooks.test/x", unknown).send(noticeOf("trigger")), {
      kind: "later",
      cause: "failing",
      detail: "ENOTFOUND",
    });
    assert.equal((await hook("http://169.254.169.254/latest").send(noticeOf("trigger"))).kind, "refused");
  });
});
