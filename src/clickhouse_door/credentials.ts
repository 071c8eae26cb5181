/**
 * Who may ask: one of the read keys as ClickHouse's password, in each of the ways that its clients send it. The user
 * name is free. Keys are compared in constant time, so that the time tells nothing but the length.
 */
import { utf8 } from "../ids.ts";
import { basicPassword, isAmong } from "../keys.ts";
import { type Failure, refuse } from "./failure.ts";

/** Null when the request may pass. Without keys everybody may. */
export function refuseStranger(url: URL, headers: Headers, keys: readonly string[]): Failure | null {
  if (keys.length === 0) return null;
  const given = headers.get("x-clickhouse-key") ?? fromAuthorization(headers) ??
    url.searchParams.get("password");
  if (given === null || given === "") {
    return refuse("REQUIRED_PASSWORD", "Authentication failed: a read key is wanted as password");
  }
  return isAmong(keys.map(utf8), utf8(given))
    ? null
    : refuse("AUTHENTICATION_FAILED", "Authentication failed: the password is not one of the read keys");
}

function fromAuthorization(headers: Headers): string | null {
  const [, scheme, value] =
    /^(bearer|basic) +([\x21-\x7e]{1,1024})$/i.exec(headers.get("authorization") ?? "") ?? [];
  if (value === undefined || scheme?.toLowerCase() === "bearer") return value ?? null;
  return basicPassword(value);
}
