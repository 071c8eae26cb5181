/** docker-compose.yml as data, as Compose reads it, and the rules of the house for one, each breach in words. */
import { parse } from "yaml";
import { limits } from "../../../src/limits.ts";
import { isPinned } from "./dockerfile.ts";

export type Service = {
  image?: string;
  build?: unknown;
  hostname?: string;
  command?: string[];
  restart?: string;
  read_only?: boolean;
  tmpfs?: string[];
  cap_drop?: string[];
  security_opt?: string[];
  stop_grace_period?: string;
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  secrets?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  deploy?: { resources?: { limits?: { cpus?: string; memory?: string } } };
};

export type Compose = {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  secrets: Record<string, { environment?: string; file?: string }>;
};

/** Throws where a variable that must be there is not, as Compose does. */
export function parseCompose(text: string, variables: Readonly<Record<string, string>>): Compose {
  return filled(parse(text, { merge: true }), variables) as Compose;
}

function filled(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string") return interpolated(value, variables);
  if (Array.isArray(value)) return value.map((item) => filled(item, variables));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, variables)]));
}

const interpolated = (text: string, variables: Readonly<Record<string, string>>) =>
  text.replace(/\$\$|\$\{(\w+):\?([^}]*)\}|\$/g, (found, name?: string, message?: string) => {
    if (found === "$$") return "$";
    if (name === undefined) throw new Error(`"${text}" has a $ that is neither $$ nor \${NAME:?message}`);
    const value = variables[name] ?? "";
    if (value === "") throw new Error(`required variable ${name} is missing a value: ${message}`);
    return value;
  });

/** Variables that the file asks for. */
export const variablesOf = (text: string): Set<string> =>
  new Set([...withoutComments(text).matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!));

const withoutComments = (text: string) => text.replace(/^\s*#.*$/gm, "");

/** Names of .env.example with what stands behind them. */
export const exampleOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
  );

export const isOneShot = ({ restart }: Service): boolean => restart === "no";

/** `imageIsHealthy`: images that bring a health check of their own. */
export function composeBreaches(
  { services, volumes, secrets }: Compose,
  { imageIsHealthy, exists }: { imageIsHealthy(service: Service): boolean; exists(path: string): boolean },
): string[] {
  const breaches: string[] = [];
  const hasHealth = (service: Service) =>
    service.healthcheck?.disable !== true &&
    (service.healthcheck?.test !== undefined || imageIsHealthy(service));
  for (const [name, service] of Object.entries(services)) {
    const say = (what: string) => breaches.push(`${name}: ${what}`);
    if (!isPinned(service.image ?? "")) say(`the image ${service.image ?? "(none)"} is not pinned by a tag`);
    const { cpus, memory } = service.deploy?.resources?.limits ?? {};
    if (cpus === undefined || memory === undefined) say("no bound of processors and memory");
    if (!service.security_opt?.includes("no-new-privileges:true")) say("may gain privileges");
    if (service.restart === undefined) say("says nothing of restarts");
    for (const port of service.ports ?? []) {
      if (!/^127\.0\.0\.1:\d+:\d+$/.test(port)) say(`publishes ${port}; wanted: 127.0.0.1:PORT:PORT`);
    }
    for (const mount of service.volumes ?? []) {
      const [from = ""] = mount.split(":");
      if (from.startsWith("./")) {
        if (!exists(from.slice(2))) say(`mounts ${from}, which does not exist`);
        if (!mount.endsWith(":ro")) say(`may write to ${from}`);
      } else if (!Object.hasOwn(volumes, from)) say(`mounts ${from}, which is no volume`);
    }
    for (const secret of service.secrets ?? []) {
      if (secrets[secret] === undefined) say(`wants the secret ${secret}, which is none`);
      if (service.read_only && secrets[secret]?.file === undefined) {
        say(`is read-only, so that Compose cannot write ${secret} into it`);
      }
    }
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const before = services[other];
      if (before === undefined) say(`waits for ${other}, which is no service`);
      else if (condition === "service_healthy" && !hasHealth(before)) say(`waits for the health of ${other}`);
      else if (condition === "service_completed_successfully" && !isOneShot(before)) {
        say(`waits for the end of ${other}`);
      } else if (condition === "service_started") say(`waits for the mere start of ${other}`);
    }
    const door = (service.ports ?? []).length > 0;
    if (door && !hasHealth(service)) say("has a door and no health check");
    if (isOneShot(service) && !isAwaited(name, services)) {
      say("ends, and nobody waits for it: up --wait would call that a failure");
    }
  }
  const used = new Set(Object.values(services).flatMap((s) => s.volumes ?? []).map((v) => v.split(":")[0]!));
  for (const volume of Object.keys(volumes)) if (!used.has(volume)) breaches.push(`nobody uses ${volume}`);
  return breaches;
}

const isAwaited = (name: string, services: Compose["services"]) =>
  Object.values(services).some((s) =>
    !isOneShot(s) && s.depends_on?.[name]?.condition === "service_completed_successfully"
  );

/** A second SIGTERM, or SIGKILL, must not come while a process still drains. */
export const leavesTimeToDrain = ({ stop_grace_period }: Service): boolean =>
  Number(/^(\d+)s$/.exec(stop_grace_period ?? "")?.[1] ?? 0) * 1_000 > limits.drainMs;
