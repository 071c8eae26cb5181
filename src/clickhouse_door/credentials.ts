/**
 * Who may ask: one of the read or admin keys as ClickHouse's password, in each of the ways that its clients send it.
 * The user name is free. Without keys for reading everybody may; whoever shows an admin key administers all the same.
 */
import { basicPassword, type KeyRing } from "../keys.ts";
import { type Failure, refuse } from "./failure.ts";

export type Reader = { ok: true; administers: boolean };

export function readerOf(
  url: URL,
  headers: Headers,
  { keys, nowMs }: { keys: KeyRing<"read" | "admin">; nowMs: number },
): Reader | Failure {
  const open = keys.count("read") === 0;
  const given = headers.get("x-clickhouse-key") ?? fromAuthorization(headers) ??
    url.searchParams.get("password") ?? "";
  const found = given === "" ? null : keys.find(given, nowMs);
  if (open) return { ok: true, administers: found?.lists.has("admin") === true };
  if (given === "") {
    return refuse("REQUIRED_PASSWORD", "Authentication failed: a read key is wanted as password");
  }
  if (found !== null && found.lists.size > 0) return { ok: true, administers: found.lists.has("admin") };
  return refuse(
    "AUTHENTICATION_FAILED",
    "Authentication failed: the password is not one of the read keys, or has ended",
  );
}

function fromAuthorization(headers: Headers): string | null {
  const [, scheme, value] =
    /^(bearer|basic) +([\x21-\x7e]{1,1024})$/i.exec(headers.get("authorization") ?? "") ?? [];
  if (value === undefined || scheme?.toLowerCase() === "bearer") return value ?? null;
  return basicPassword(value);
}
