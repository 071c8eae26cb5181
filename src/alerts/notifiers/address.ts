/**
 * Which addresses a webhook may be sent to: public ones. Its address is often given by people who do not run the
 * machines, and a page must not become a way to reach what only these machines reach.
 *
 * The name is resolved once, every address it has must be public, and the connection goes to the very address that was
 * looked at: a name that answers otherwise the next time changes nothing.
 */
import { BlockList, isIP } from "node:net";

export type Address = { address: string; family: 4 | 6 };

/** What a name stands for; throws when nobody knows it. */
export type Resolve = (host: string) => Promise<Address[]>;

/** IANA's special-purpose registry for IPv4, and what clouds keep there. */
const notPublic = new BlockList();
for (
  const [net, prefix] of [
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.88.99.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
    ["224.0.0.0", 4],
    ["240.0.0.0", 4],
  ] as const
) notPublic.addSubnet(net, prefix, "ipv4");

/** Of IPv6 only global unicast is public, and there not what carries an IPv4 address inside, nor documentation. */
const globalUnicast = new BlockList();
globalUnicast.addSubnet("2000::", 3, "ipv6");
const globalButNotPublic = new BlockList();
for (const [net, prefix] of [["2001::", 23], ["2001:db8::", 32], ["2002::", 16], ["3fff::", 20]] as const) {
  globalButNotPublic.addSubnet(net, prefix, "ipv6");
}

export function isPublic({ address, family }: Address): boolean {
  if (isIP(address) !== family) return false;
  return family === 4
    ? !notPublic.check(address, "ipv4")
    : globalUnicast.check(address, "ipv6") && !globalButNotPublic.check(address, "ipv6");
}

export type Checked = { ok: true; address: Address } | { ok: false; detail: string };

/** The address to connect to, or why none may be. A name with one private address is refused whole. */
export async function chosenAddress(
  host: string,
  { resolve, publicOnly }: { resolve: Resolve; publicOnly: boolean },
): Promise<Checked> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const literal = isIP(bare);
  const found = literal === 0 ? await resolve(bare) : [{ address: bare, family: literal as 4 | 6 }];
  const wrong = publicOnly ? found.find((address) => !isPublic(address)) : undefined;
  if (wrong !== undefined) {
    return { ok: false, detail: `${wrong.address} is not a public address; nothing was sent` };
  }
  const [address] = found;
  return address === undefined ? { ok: false, detail: "the name has no address" } : { ok: true, address };
}
