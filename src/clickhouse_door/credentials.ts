/**
 * Who may ask: one of the read keys as ClickHouse's password, in each of the ways that its clients send it. The user
 * name is free.
 */
import { basicPassword, type KeyRing } from "../keys.ts";
import { type Failure, refuse } from "./failure.ts";

/** Null when the request may pass. Without keys everybody may. */
export function refuseStranger(
  url: URL,
  headers: Headers,
  { keys, nowMs }: { keys: KeyRing<"read">; nowMs: number },
): Failure | null {
  if (keys.count("read") === 0) return null;
  const given = headers.get("x-clickhouse-key") ?? fromAuthorization(headers) ??
    url.searchParams.get("password");
  if (given === null || given === "") {
    return refuse("REQUIRED_PASSWORD", "Authentication failed: a read key is wanted as password");
  }
  const found = keys.find(given, nowMs);
  return found !== null && found.lists.size > 0 ? null : refuse(
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
