/**
 * A Redis of one test's own: killed, frozen and begun again on the same port, over the dump that is given; with TLS
 * where it is wanted, by an authority that is made for it.
 */
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createClient } from "redis";
import { freePorts, runToEnd } from "../../src/commands/services/launched.ts";
import { redisAnswers } from "../../src/commands/services/redis_server.ts";
import { eventually } from "../conformance/eventually.ts";

export type RedisProcess = {
  port: number;
  tlsPort: number;
  /** Where it writes its dump on SAVE, and what it begins from. */
  dump: string;
  start(): Promise<void>;
  /** As a crash would. */
  kill(): Promise<void>;
  /** The answer of a command, as its administrator. */
  ask(...command: string[]): Promise<unknown>;
};

export async function redisProcess(
  { folder, certificate }: { folder: string; certificate?: Certificate },
): Promise<RedisProcess> {
  const [port, tlsPort] = await freePorts(2) as [number, number];
  await mkdir(folder, { recursive: true });
  const tls = certificate === undefined ? [] : [
    ...[
      "--tls-port",
      String(tlsPort),
      "--tls-auth-clients",
      "no",
      "--tls-ca-cert-file",
      certificate.authority,
    ],
    ...["--tls-cert-file", certificate.certificate, "--tls-key-file", certificate.key],
  ];
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", ...tls];
  let running: { pid: number; gone: Promise<unknown> } | null = null;
  return {
    port,
    tlsPort,
    dump: join(folder, "dump.rdb"),
    async start() {
      const child = spawn("redis-server", settings, { stdio: "ignore" });
      const gone = new Promise((resolve) => child.once("exit", resolve));
      await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
      running = { pid: child.pid!, gone };
      await eventually("Redis answers", () => redisAnswers(port));
    },
    async kill() {
      if (running === null) return;
      const { pid, gone } = running;
      running = null;
      process.kill(pid, "SIGKILL");
      await gone;
    },
    async ask(...command) {
      const client = createClient({ url: `redis://127.0.0.1:${port}` });
      client.on("error", () => {});
      await client.connect();
      try {
        return await client.sendCommand(command);
      } finally {
        client.destroy();
      }
    },
  };
}

/** Paths of PEM files: the authority's certificate, and a server's with its key. */
export type Certificate = { authority: string; certificate: string; key: string };

const advice = "Install it (Debian: apt-get install openssl)";

/** An authority and a certificate of it for loopback, good for a day. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => runToEnd("openssl", args, advice);
  const key = (name: string) => [
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at(name)],
  ];
  const isAuthority = ["-addext", "basicConstraints=critical,CA:TRUE", "-days", "1"];
  const authority = ["-subj", "/CN=a test's authority", "-out", at("authority.pem")];
  await openssl("req", "-x509", ...key("authority.key"), ...isAuthority, ...authority);
  const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  await openssl("req", ...key("server.key"), "-subj", "/CN=localhost", ...names, "-out", at("server.csr"));
  const signer = ["-CA", at("authority.pem"), "-CAkey", at("authority.key"), "-CAcreateserial"];
  const signed = ["-copy_extensions", "copy", "-days", "1", "-out", at("server.pem")];
  await openssl("x509", "-req", "-in", at("server.csr"), ...signer, ...signed);
  return { authority: at("authority.pem"), certificate: at("server.pem"), key: at("server.key") };
}
