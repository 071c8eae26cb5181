/** Who is let in, and whom we let ourselves be led to: SASL, TLS, both, and what is said when it does not work. */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { after, before, describe, it } from "node:test";
import { saslUser } from "../../src/commands/services/kafka_brokers.ts";
import { keyStorePassword, makeCertificates } from "../../src/commands/services/kafka_certificates.ts";
import type { Services } from "../../src/commands/services.ts";
import { utf8 } from "../../src/ids.ts";
import { type KafkaSecurity, openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { type Clock, dayMs, systemClock } from "../../src/time.ts";
import { codeOf } from "../conformance/eventually.ts";
import { freshPrefix } from "./kafka_under_test.ts";
import { type Borrowed, borrowServices } from "./services_under_test.ts";

const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;

let borrowed: Borrowed;
let services: Services;
let ca: string;
before(async () => {
  borrowed = await borrowServices();
  services = borrowed.services;
  ca = await readFile(services.tlsAuthority, "utf8");
});
after(() => borrowed.giveBack());

const open = (brokers: string, security: KafkaSecurity = {}, clock: Clock = systemClock) =>
  openKafkaLog({ brokers: brokers.split(","), clock, security, replicationFactor: 1 });

/** The advertised address of the listener is used for everything after the first look-up. */
async function writesAndReads(log: Log): Promise<void> {
  const topic = `${freshPrefix()}in`;
  await log.ensureTopics([{ topic, partitions: 1, retentionMs: 60_000 }]);
  await log.append([{ topic, partition: 0, key: null, value: utf8("in") }]);
  assert.equal((await log.read({ topic, partition: 0 }, 0, 1)).length, 1);
  await log.close();
}

/** The message of the refusal, which came without trying again. */
async function saidAtOnce(brokers: string, security: KafkaSecurity): Promise<string> {
  let pauses = 0;
  const clock = {
    ...systemClock,
    sleep: (...args: Parameters<Clock["sleep"]>) => (pauses++, systemClock.sleep(...args)),
  };
  const error = await open(brokers, security, clock).then(
    () => assert.fail("it was let in"),
    (error) => error as Error & { code: string },
  );
  assert.deepEqual([error.code, pauses], ["log_unavailable", 0], error.message);
  return error.message;
}

describe("SASL", () => {
  for (const mechanism of mechanisms) {
    it(`${mechanism} lets in with the right password and says no at once with a wrong one`, async () => {
      const { saslBrokers } = services;
      await writesAndReads(await open(saslBrokers, { sasl: { mechanism, ...saslUser } }));
      const sasl = { mechanism, username: saslUser.username, password: "not-the-password" };
      const message = await saidAtOnce(saslBrokers, { sasl });
      assert.match(message, /uthenticat/);
      assert.ok(!message.includes("not-the-password"));
    });
  }
});

describe("TLS", () => {
  let expired: Awaited<ReturnType<typeof makeExpired>>;
  before(async () => void (expired = await makeExpired()));

  it("with the authority of the brokers lets in", async () => {
    await writesAndReads(await open(services.tlsBrokers, { tls: { ca } }));
  });

  for (const mechanism of mechanisms) {
    it(`and ${mechanism} let in together, and the password is still needed`, async () => {
      const { tlsSaslBrokers } = services;
      await writesAndReads(await open(tlsSaslBrokers, { tls: { ca }, sasl: { mechanism, ...saslUser } }));
      const sasl = { mechanism, username: saslUser.username, password: "wrong" };
      assert.match(await saidAtOnce(tlsSaslBrokers, { tls: { ca }, sasl }), /uthenticat/);
    });
  }

  it("another authority is refused at once, naming the broker and who issued what it shows", async () => {
    for (const tls of [{ ca: expired.authority }, true]) {
      const message = await saidAtOnce(services.tlsBrokers, { tls });
      assert.ok(message.includes(services.tlsBrokers.split(",")[0]!), message);
      assert.match(message, /certificate.*issued by CN=waymark services.*KAFKA_SSL_CA/);
    }
  });

  it("a certificate for another name is refused at once, naming both", async () => {
    const tls = { ca, servername: "kafka.example" };
    assert.match(await saidAtOnce(services.tlsBrokers, { tls }), /kafka\.example.*DNS:localhost/);
  });

  it("a certificate that has run out is refused at once, saying when", async () => {
    const server = createTlsServer({ pfx: expired.keyStore, passphrase: keyStorePassword });
    const port = await listening(server);
    const message = await saidAtOnce(`127.0.0.1:${port}`, { tls: { ca: expired.authority } });
    const until = Date.parse(/ until (\S+?);/.exec(message)?.[1] ?? message);
    const agoMs = systemClock.nowMs() - until;
    assert.ok(agoMs > 8 * dayMs && agoMs < 10 * dayMs, message);
    await new Promise((resolve) => server.close(resolve));
  });

  it("never falls back to plain text: nothing but a handshake is sent, and never a word to a listener without TLS", async () => {
    const firstBytes: number[] = [];
    const listener = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (bytes: Buffer) => {
        firstBytes.push(bytes[0]!);
        socket.destroy();
      });
    });
    const brokers = `127.0.0.1:${await listening(listener)}`;
    const timing = { connectMs: 500 };
    const sasl = { mechanism: "plain", ...saslUser } as const;
    for (const security of [{ tls: true }, { tls: { ca } }, { tls: { ca }, sasl }]) {
      const opening = () => openKafkaLog({ brokers: [brokers], clock: systemClock, security, timing });
      assert.equal(await codeOf(opening), "log_unavailable");
    }
    const handshake = 22;
    assert.ok(firstBytes.length >= 3 && firstBytes.every((byte) => byte === handshake), String(firstBytes));
    await new Promise((resolve) => listener.close(resolve));
  });

  it("without an identity, or without TLS, there is no way in where it is wanted", async () => {
    const timing = { connectMs: 500 };
    for (const brokers of [services.saslBrokers, services.tlsBrokers, services.tlsSaslBrokers]) {
      const opening = () => openKafkaLog({ brokers: brokers.split(","), clock: systemClock, timing });
      assert.equal(await codeOf(opening), "log_unavailable");
    }
  });
});

type Listener = { listen(port: number, host: string, listening: () => void): unknown; address(): unknown };

async function listening(server: Listener): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

/** A broker's certificate that ran out nine days ago, and the authority that signed it: nobody's here. */
async function makeExpired(): Promise<{ keyStore: Buffer; authority: string }> {
  const folder = await mkdtemp(join(tmpdir(), "waymark-certificates-"));
  try {
    const made = await makeCertificates(folder, ["-startdate", "-10d", "-validity", "1"]);
    return { keyStore: await readFile(made.keyStore), authority: await readFile(made.authority, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
}
