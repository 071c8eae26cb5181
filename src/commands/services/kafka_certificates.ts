/**
 * The certificates of the test bed's TLS listeners: an authority made at each start, and one broker certificate of it.
 *
 * Made by `keytool`, which comes with every Java runtime. The authority's certificate is for clients to trust; its key
 * is thrown away once it has signed. The broker's key stays in a folder that only its owner can read and that is
 * removed with the services.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runToEnd } from "./launched.ts";

export type Certificates = {
  /** PKCS 12, with the broker's key and its chain. */
  keyStore: string;
  /** The authority's certificate as PEM. */
  authority: string;
};

/** A key store has to have a password; this one is in a folder of the test bed, and protects nothing. */
export const keyStorePassword = "waymark-services";

const advice = "It comes with Java (Debian: apt-get install default-jre-headless)";
const days = 30;

/** `validity` says how long the brokers' certificate is valid, as keytool wants it. */
export async function makeCertificates(
  folder: string,
  validity = ["-validity", String(days)],
): Promise<Certificates> {
  const home = join(folder, "certificates");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const keyStore = join(home, "brokers.p12");
  const authority = join(home, "authority.pem");
  const store = ["-keystore", keyStore, "-storetype", "PKCS12", "-storepass", keyStorePassword];
  const key = ["-keyalg", "EC", "-groupname", "secp256r1"];
  const keytool = (...args: string[]) => runToEnd("keytool", [...args, ...store], advice);
  const authorityArgs = ["-dname", "CN=waymark services", "-ext", "bc:c", "-validity", String(days)];
  await keytool("-genkeypair", "-alias", "authority", ...key, ...authorityArgs);
  const names = ["-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1"];
  const signed = ["-signer", "authority", ...validity];
  await keytool("-genkeypair", "-alias", "broker", ...key, ...names, ...signed);
  await keytool("-exportcert", "-rfc", "-alias", "authority", "-file", authority);
  await keytool("-delete", "-alias", "authority");
  return { keyStore, authority };
}
