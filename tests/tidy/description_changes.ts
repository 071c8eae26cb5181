/**
 * What a change of the description of the interface means for those who use it: two OpenAPI documents, and every
 * difference that could break a client written against the older one. Pure.
 *
 *   asked of clients (parameters, bodies)    may get wider: more is taken than was
 *   told to clients (answers)                may get narrower, and have more fields: what was promised is still told
 *
 * A word more in a list of words of an answer is no breach: clients take words that they do not know.
 */
import type { JsonSchema, OpenApi, Operation } from "../../src/http/openapi.ts";

/** Every breach in words; empty when whoever used the older one can use the newer one. */
export function breaches(older: OpenApi, newer: OpenApi): string[] {
  const found: string[] = [];
  for (const [path, methods] of Object.entries(older.paths)) {
    for (const [method, before] of Object.entries(methods)) {
      const after = newer.paths[path]?.[method];
      const where = `${method.toUpperCase()} ${path}`;
      if (after === undefined) found.push(`${where} is gone`);
      else {found.push(
          ...operationBreaches(before, after, { older, newer }).map((what) => `${where}: ${what}`),
        );}
    }
  }
  return found;
}

/** Whether the version says that something breaks: a greater major, or while that is 0 a greater minor. */
export function announces(newer: string, older: string): boolean {
  const [a, b] = [newer, older].map((text) => text.split(/[.-]/).slice(0, 2).map(Number)) as [
    number[],
    number[],
  ];
  if (a[0] !== b[0]) return a[0]! > b[0]!;
  return b[0] === 0 && a[1]! > b[1]!;
}

type Documents = { older: OpenApi; newer: OpenApi };

const openness = ["open", "read", "ingest", "admin"];

function operationBreaches(before: Operation, after: Operation, documents: Documents): string[] {
  const found: string[] = [];
  if (after.operationId !== before.operationId) {
    found.push(`is called ${after.operationId} instead of ${before.operationId}`);
  }
  const [had, has] = [before["x-scope"], after["x-scope"]];
  if (had !== has && !(openness.indexOf(has) < openness.indexOf(had) && has === "open")) {
    found.push(`needs the scope ${has} instead of ${had}`);
  }
  const parameters = new Map(after.parameters.map((one) => [`${one.in} ${one.name}`, one]));
  for (const old of before.parameters) {
    const name = `${old.in} ${old.name}`;
    const now = parameters.get(name);
    parameters.delete(name);
    if (now === undefined) found.push(`does not take the parameter ${old.name} any more`);
    else {
      if (now.required && !old.required) found.push(`the parameter ${old.name} must be given`);
      found.push(...narrowed(old.schema, now.schema, `the parameter ${old.name}`, documents));
    }
  }
  for (const { name, required } of parameters.values()) {
    if (required) found.push(`the parameter ${name} is new and must be given`);
  }
  found.push(...bodyBreaches(before, after, documents), ...answerBreaches(before, after, documents));
  return found;
}

function bodyBreaches(before: Operation, after: Operation, documents: Documents): string[] {
  if (before.requestBody === undefined) {
    return after.requestBody === undefined ? [] : ["a body is new and must be given"];
  }
  return Object.entries(before.requestBody.content).flatMap(([type, { schema }]) => {
    const now = after.requestBody?.content[type];
    return now === undefined
      ? [`does not take ${type} any more`]
      : narrowed(schema, now.schema, "the body", documents);
  });
}

function answerBreaches(before: Operation, after: Operation, documents: Documents): string[] {
  return Object.entries(before.responses).filter(([status]) => status.startsWith("2")).flatMap(
    ([status, { content = {} }]) => {
      const now = after.responses[status];
      if (now === undefined) return [`does not answer ${status} any more`];
      return Object.entries(content).flatMap(([type, { schema }]) => {
        const same = now.content?.[type];
        return same === undefined
          ? [`does not answer with ${type} any more`]
          : widened(schema, same.schema, `the answer ${status}`, documents);
      });
    },
  );
}

/** What was taken and is not any more. */
function narrowed(old: JsonSchema, now: JsonSchema, where: string, documents: Documents): string[] {
  const [before, after] = [resolved(old, documents.older), resolved(now, documents.newer)];
  const alternatives = alternativesOf(before);
  if (alternatives.length > 1 || alternativesOf(after).length > 1) {
    return paired(alternatives, alternativesOf(after), documents, (a, b) => narrowed(a, b, where, documents))
      .flatMap((best) => best ?? [`${where} may not be all that it could be`]);
  }
  const found = bounds.flatMap(([keyword, tighter]) => {
    const [was, is] = [before[keyword], after[keyword]];
    return is !== undefined && (was === undefined || tighter(is as number, was as number))
      ? [`${where} has a tighter ${keyword}`]
      : [];
  });
  if (after.pattern !== undefined && after.pattern !== before.pattern) {
    found.push(`${where} has another pattern`);
  }
  if (!includes(typesOf(after), typesOf(before))) found.push(`${where} may not be all types it could be`);
  const words = after.enum as unknown[] | undefined;
  if (words !== undefined && !(before.enum as unknown[] | undefined)?.every((word) => words.includes(word))) {
    found.push(`${where} may not be all words it could be`);
  }
  const required = new Set(before.required as string[] ?? []);
  for (const name of after.required as string[] ?? []) {
    if (!required.has(name)) found.push(`${where}: ${name} must be given`);
  }
  const properties = after.properties as Record<string, JsonSchema> | undefined;
  for (const [name, schema] of Object.entries(before.properties as Record<string, JsonSchema> ?? {})) {
    const same = properties?.[name];
    if (same !== undefined) found.push(...narrowed(schema, same, `${where}: ${name}`, documents));
    else if (after.additionalProperties === false) found.push(`${where}: ${name} is not taken any more`);
  }
  if (before.items !== undefined && after.items !== undefined) {
    found.push(
      ...narrowed(before.items as JsonSchema, after.items as JsonSchema, `${where}: items`, documents),
    );
  }
  return found;
}

/** What was promised and is not any more. */
function widened(old: JsonSchema, now: JsonSchema, where: string, documents: Documents): string[] {
  const [before, after] = [resolved(old, documents.older), resolved(now, documents.newer)];
  const alternatives = alternativesOf(after);
  if (alternatives.length > 1 || alternativesOf(before).length > 1) {
    return paired(alternatives, alternativesOf(before), documents, (a, b) => widened(b, a, where, documents))
      .flatMap((best) => best ?? [`${where} may be what it could not be`]);
  }
  const found: string[] = [];
  if (!includes(typesOf(before), typesOf(after))) found.push(`${where} may be of types it could not be`);
  const required = new Set(after.required as string[] ?? []);
  for (const name of before.required as string[] ?? []) {
    if (!required.has(name)) found.push(`${where}: ${name} may be missing`);
  }
  const properties = after.properties as Record<string, JsonSchema> | undefined;
  for (const [name, schema] of Object.entries(before.properties as Record<string, JsonSchema> ?? {})) {
    const same = properties?.[name];
    if (same === undefined) found.push(`${where}: ${name} is gone`);
    else found.push(...widened(schema, same, `${where}: ${name}`, documents));
  }
  for (const part of ["items", "additionalProperties"] as const) {
    if (typeof before[part] === "object" && typeof after[part] === "object") {
      found.push(
        ...widened(before[part] as JsonSchema, after[part] as JsonSchema, `${where}: each`, documents),
      );
    }
  }
  return found;
}

/** For each of `some` the fewest breaches against any of `others`; null where there is nothing to compare with. */
function paired(
  some: readonly JsonSchema[],
  others: readonly JsonSchema[],
  _: Documents,
  compare: (one: JsonSchema, other: JsonSchema) => string[],
): (string[] | null)[] {
  return some.map((one) =>
    others.map((other) => compare(one, other)).toSorted((a, b) => a.length - b.length)[0] ?? null
  );
}

const bounds: readonly (readonly [string, (is: number, was: number) => boolean])[] = [
  ["maximum", (is, was) => is < was],
  ["maxLength", (is, was) => is < was],
  ["maxItems", (is, was) => is < was],
  ["minimum", (is, was) => is > was],
  ["minLength", (is, was) => is > was],
  ["minItems", (is, was) => is > was],
];

function resolved(schema: JsonSchema, document: OpenApi): JsonSchema {
  const reference = schema.$ref;
  if (typeof reference !== "string") return schema;
  const named = document.components.schemas[reference.slice(reference.lastIndexOf("/") + 1)];
  if (named === undefined) throw new Error(`${reference} leads nowhere`);
  return named;
}

const alternativesOf = (schema: JsonSchema): JsonSchema[] =>
  (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined ?? [schema];

/** Null: of any type. An integer is a number. */
function typesOf({ type, enum: words, const: only }: JsonSchema): string[] | null {
  if (type === undefined) {
    const values = words ?? (only === undefined ? undefined : [only]);
    return values === undefined
      ? null
      : (values as unknown[]).map((value) => value === null ? "null" : typeof value);
  }
  return ([] as string[]).concat(type as string | string[]);
}

const includes = (all: string[] | null, some: string[] | null): boolean =>
  all === null ||
  (some !== null &&
    some.every((type) => all.includes(type) || (type === "integer" && all.includes("number"))));
