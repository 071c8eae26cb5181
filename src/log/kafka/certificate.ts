/**
 * Why a broker's certificate was not taken, in words that an operator can act on.
 *
 * The runtime's error does not tell an authority that is not trusted from a certificate that has run out (both are
 * "unable to verify"), so what the broker shows is looked at once more, on a connection that is closed before anything
 * is sent on it.
 */
import { isIP } from "node:net";
import { connect } from "node:tls";
import { deadline } from "@std/async";
import { isoTime } from "../../time.ts";
import type { KafkaSecurity } from "./options.ts";

/** By the codes of OpenSSL, which the runtime uses. */
const codes = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

export const isCertificateFailure = (error: unknown): boolean =>
  codes.has((error as { code?: string }).code ?? "");

export type Asked = { host: string; port: number; tls: KafkaSecurity["tls"]; connectMs: number };

/** `one for <names>, issued by <name>, valid from <time> until <time>`; empty when the broker does not show it again. */
export async function shownCertificate({ host, port, tls, connectMs }: Asked): Promise<string> {
  // Without the authorities, which decide nothing here and may themselves be what is wrong.
  const { ca: _, ...given } = typeof tls === "object" ? tls : {};
  const name = isIP(host) === 0 ? { servername: host } : {};
  const shown = Promise.withResolvers<string>();
  const socket = connect({ host, port, ...name, ...given, rejectUnauthorized: false }, () => {
    const { subjectaltname, subject, issuer, valid_from, valid_to } = socket.getPeerCertificate();
    const [from, until] = [valid_from, valid_to].map((time) => isoTime(Date.parse(time)));
    shown.resolve(
      `one for ${subjectaltname ?? nameIn(subject)}, issued by ${
        nameIn(issuer)
      }, valid from ${from} until ${until}`,
    );
  });
  socket.once("error", () => shown.resolve(""));
  try {
    return await deadline(shown.promise, connectMs);
  } catch {
    return "";
  } finally {
    socket.destroy();
  }
}

const nameIn = (name: object | undefined): string =>
  Object.entries(name ?? {}).map(([part, value]) => `${part}=${value}`).join(", ");
