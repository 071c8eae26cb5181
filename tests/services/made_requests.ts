/**
 * Requests made from the description of the interface: what it allows, what it just does not allow, and what nobody
 * would send who means well. The same seed gives the same requests.
 */
import fc from "fast-check";
import type { JsonSchema, OpenApi, Operation } from "../../src/http/openapi.ts";

export type MadeRequest = {
  operation: string;
  method: string;
  /** Path and query. */
  target: string;
  headers: Record<string, string>;
  body: string | null;
};

/** Texts that have broken programs before. */
const hostileTexts = [
  ...[
    "",
    " ",
    "null",
    "undefined",
    "true",
    "0",
    "-1",
    "1e400",
    "NaN",
    "9007199254740993",
    "0x10",
    "%",
    "%00",
    "%ZZ",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "../../etc/passwd",
    "..",
    ".",
    "a/b",
    "a\\b",
    "?",
    "#",
  ],
  ...[
    "' OR 1=1 --",
    '"; DROP TABLE ride_events; --',
    "<script>alert(1)</script>",
    "{{7*7}}",
    "${7*7}",
    "\u0000",
    "\r\n",
  ],
  ...[
    "\u202e",
    "\ufeff",
    "😀",
    "é",
    "ﷺ".repeat(40),
    "x".repeat(129),
    "x".repeat(5_000),
    "2026-02-30T25:61:00Z",
  ],
  ...[
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "2026-01-15T18:00:00+99:99",
    "-271821-04-20T00:00:00Z",
  ],
];

const hostileValues: unknown[] = [
  ...[null, true, 0, -0, -1, 1e308, 5e-324, 2 ** 53, [], {}, [[[[[]]]]], { __proto__: null }, ["x", 1, null]],
  JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
  Array.from({ length: 400 }, (_, n) => n),
  Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`k${n}`, n])),
  ...hostileTexts,
];

const rawBodies = [
  ...[
    "",
    " ",
    "{",
    "[",
    "[1,",
    "nul",
    "{}",
    "[]",
    "null",
    "1",
    '"x"',
    "[[]]",
    "\ufeff{}",
    '{"a":1}{"a":2}',
    "\n\n",
  ],
  ...[
    "[".repeat(20_000),
    '{"a":'.repeat(5_000),
    '{"timestamp":1e400}',
    '{"ride_id":"\\ud800"}',
    "\u0000",
    ",".repeat(999),
  ],
];

export function requestsOf(document: OpenApi): fc.Arbitrary<MadeRequest> {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      requestOf(path, method.toUpperCase(), operation, document)
    )
  );
  return fc.oneof(...all);
}

function requestOf(
  path: string,
  method: string,
  operation: Operation,
  document: OpenApi,
): fc.Arbitrary<MadeRequest> {
  const value = (schema: JsonSchema) =>
    fc.oneof(
      { arbitrary: valueOf(schema, document), weight: 6 },
      { arbitrary: fc.constantFrom(...hostileValues), weight: 2 },
      { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 },
    );
  const inPath = operation.parameters.filter((one) => one.in === "path");
  const inQuery = operation.parameters.filter((one) => one.in === "query");
  const stray = fc.oneof(
    { arbitrary: fc.constant(null), weight: 9 },
    { arbitrary: fc.constantFrom(...hostileTexts).map((text) => ["stray", text] as const), weight: 1 },
  );
  const content = Object.entries(operation.requestBody?.content ?? {});
  const body = content.length === 0 ? fc.constant(null) : fc.oneof(
    ...content.map(([type, { schema }]) =>
      fc.tuple(
        fc.constant(type),
        type === "application/json" ? value(schema).map(textOf) : ndjson(value, content),
      )
    ),
    fc.tuple(
      fc.constantFrom(...content.map(([type]) => type), "text/plain", "application/json; charset=utf-16"),
      fc.constantFrom(...rawBodies),
    ),
  );
  return fc.record({
    path: fc.tuple(...inPath.map(({ schema }) => value(schema).map(textOf))),
    query: fc.tuple(
      ...inQuery.map(({ name, schema }) =>
        fc.option(value(schema).map((given) => [name, textOf(given)] as const), { freq: 2 })
      ),
    ),
    stray,
    body,
    method: fc.oneof(
      { arbitrary: fc.constant(method), weight: 19 },
      { arbitrary: fc.constantFrom("DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"), weight: 1 },
    ),
    headers: headersAtAll,
  }).map(({ path: parts, query, stray, body, method, headers }) => {
    let at = 0;
    const filled = path.replaceAll(/\{\w+\}/g, () => encoded(parts[at++]!));
    const pairs = [...query, stray].flatMap((pair) =>
      pair === null ? [] : [`${pair[0]}=${encoded(pair[1])}`]
    );
    const carries = body !== null && !["GET", "HEAD"].includes(method);
    return {
      operation: operation.operationId,
      method,
      target: `${filled}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`,
      headers: { ...headers, ...(carries && { "content-type": body[0] }) },
      body: carries ? body[1] : null,
    };
  });
}

const headersAtAll: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 8 },
  {
    arbitrary: fc.constantFrom<Record<string, string>[]>(
      { authorization: "Bearer nobody-knows-this-key" },
      { authorization: "Basic ====" },
      { authorization: "x" },
      { accept: "text/html" },
      { accept: "text/event-stream" },
      { "accept-encoding": "gzip" },
      { "content-encoding": "gzip" },
      { "content-encoding": "zstd" },
      { "content-encoding": "br" },
      { "x-waymark-forwarded": "nobody" },
      { "last-event-id": "x.y.z" },
      { "if-none-match": '"x"' },
      { "x-request-id": "a b" },
    ),
    weight: 2,
  },
);

const ndjson = (
  value: (schema: JsonSchema) => fc.Arbitrary<unknown>,
  content: [string, { schema: JsonSchema }][],
): fc.Arbitrary<string> => {
  const json = content.find(([type]) => type === "application/json")?.[1].schema ?? {};
  return fc.array(value(json).map(textOf), { maxLength: 5 }).map((lines) => lines.join("\n"));
};

const textOf = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value);

/** As URLs carry it; what cannot be encoded is sent as it may not be. */
function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return "%ED%A0%80";
  }
}

/** Values of the schema, as far as our schemas go. */
function valueOf(schema: JsonSchema, document: OpenApi, depth = 0): fc.Arbitrary<unknown> {
  const { $ref, anyOf, enum: words, const: only, type } = schema;
  if (typeof $ref === "string") {
    return valueOf(document.components.schemas[$ref.slice($ref.lastIndexOf("/") + 1)]!, document, depth + 1);
  }
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map((one) => valueOf(one, document, depth + 1)));
  if (only !== undefined) return fc.constant(only);
  if (Array.isArray(words)) return fc.constantFrom(...words);
  if (Array.isArray(type)) {
    return fc.oneof(...type.map((one) => valueOf({ ...schema, type: one }, document, depth + 1)));
  }
  const { minimum = -1e6, maximum = 1e6 } = schema as { minimum?: number; maximum?: number };
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: Math.max(minimum, -(2 ** 31)), max: Math.min(maximum, 2 ** 31) });
    case "number":
      return fc.double({ min: minimum, max: maximum, noNaN: true });
    case "array":
      return fc.array(valueOf(schema.items as JsonSchema ?? {}, document, depth + 1), { maxLength: 4 });
    case "object":
      return objectOf(schema, document, depth);
    case "string":
      return stringOf(schema);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objectOf(schema: JsonSchema, document: OpenApi, depth: number): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties as Record<string, JsonSchema> ?? {});
  const required = new Set(schema.required as string[] ?? []);
  const fields = properties.map(([name, of]) => {
    const value = valueOf(of, document, depth + 1).map((given) => [name, given] as const);
    return required.has(name) ? value : fc.option(value, { freq: 2 });
  });
  return fc.tuple(...fields).map((pairs) => Object.fromEntries(pairs.filter((pair) => pair !== null)));
}

function stringOf({ pattern, minLength = 0, maxLength = 200 }: JsonSchema): fc.Arbitrary<string> {
  const times = fc.date({ min: new Date("2020-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
    .map((at) => at.toISOString());
  if (typeof pattern === "string") {
    const matching = fc.stringMatching(new RegExp(pattern));
    return pattern.includes("\\d{4}-\\d{2}") ? fc.oneof(times, matching) : matching;
  }
  const known = fc.constantFrom("wien", "ride-1", "driver-1", "ride-events", "7");
  const any = fc.string({
    minLength: minLength as number,
    maxLength: Math.min(maxLength as number, 200),
    unit: "binary",
  });
  return fc.oneof(known, any);
}
