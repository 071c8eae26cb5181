/** The manifests of deploy/kubernetes as data, and the environment that a pod of them is given. */
import { parse, parseAllDocuments } from "yaml";
import { filesMatching, readText } from "../../tidy/tree.ts";

// deno-lint-ignore no-explicit-any -- manifests have no types of ours; the schemas are another suite's
export type Manifest = any;

export const folder = "deploy/kubernetes";

export const kustomization = (): Manifest => parse(readText(`${folder}/kustomization.yaml`));

/** Every object below the path. */
export const manifestsIn = (pattern: RegExp): Manifest[] =>
  filesMatching(pattern).flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS()));

export const base = (): Manifest[] =>
  manifestsIn(/^deploy\/kubernetes\/[a-z]+\.yaml$/).filter(({ kind }) => kind !== "Kustomization");
export const optional = (): Manifest[] => manifestsIn(/^deploy\/kubernetes\/optional\//);

export function only(all: readonly Manifest[], kind: string, name = "waymark"): Manifest {
  const found = all.filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1) throw new Error(`${found.length} objects ${kind}/${name}; wanted: one`);
  return found[0];
}

/** What the first container of a pod is given: ConfigMaps, then `env`, as Kubernetes puts them together. */
export function podEnvironment(
  pod: Manifest,
  { maps, secrets, fields }: {
    maps: readonly Manifest[];
    secrets: Readonly<Record<string, string>>;
    fields: Readonly<Record<string, string>>;
  },
): Record<string, string> {
  const [container] = pod.spec.containers;
  const given: Record<string, string> = {};
  for (const { configMapRef } of container.envFrom ?? []) {
    Object.assign(given, only(maps, "ConfigMap", configMapRef.name).data);
  }
  for (const { name, value, valueFrom } of container.env) {
    const { fieldRef, secretKeyRef } = valueFrom ?? {};
    const text = value ?? (fieldRef ? fields[fieldRef.fieldPath] : secrets[secretKeyRef.key]);
    if (text === undefined) throw new Error(`${name} has no value: ${JSON.stringify(valueFrom)}`);
    given[name] = text.replace(/\$\((\w+)\)/g, (found: string, other: string) => given[other] ?? found);
  }
  return given;
}

/** Every key of a secret that is asked for anywhere in an object. */
export function secretKeysOf(object: Manifest): string[] {
  if (Array.isArray(object)) return object.flatMap(secretKeysOf);
  if (object === null || typeof object !== "object") return [];
  const own = object.name === "waymark" && typeof object.key === "string" ? [object.key] : [];
  return [...own, ...Object.values(object).flatMap(secretKeysOf)];
}

export const fits = (labels: Record<string, string>, selector: Record<string, string>): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);
