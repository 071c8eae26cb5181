/**
 * The description of the interface, OpenAPI 3.1, made from the table of routes (routes.ts), what is said of each
 * (described.ts) and the schemas. Pure: the same release gives the same text on every node.
 *
 * Answers allow fields that are not named: a later release may add some. What may be asked is exactly what is described.
 */
import { z } from "zod";
import type { Scope } from "./auth.ts";
import { components, type Described, described } from "./described.ts";
import { type HttpErrorCode, httpErrorCodes } from "./errors.ts";
import type { Route } from "./routes.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };
export type Answer = {
  description: string;
  content?: Record<string, { schema: JsonSchema }>;
  headers?: Record<string, { description: string; schema: JsonSchema }>;
};
export type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  security: Record<string, string[]>[];
  "x-scope": Scope;
  parameters: {
    name: string;
    in: "path" | "query";
    required: boolean;
    description: string;
    schema: JsonSchema;
  }[];
  requestBody?: { required: true; description: string; content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, Answer>;
};
export type OpenApi = {
  openapi: "3.1.0";
  info: { title: string; version: string; description: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema>; securitySchemes: Record<string, JsonSchema> };
};

export type RouteFacts = Pick<Route, "method" | "path" | "scope" | "description">;

/** What any route with that scope may answer with. */
const always: Record<Scope, readonly HttpErrorCode[]> = {
  open: ["query_invalid", "internal"],
  read: keyed(),
  ingest: keyed(),
  admin: keyed(),
};

function keyed(): readonly HttpErrorCode[] {
  const keys = ["key_missing", "key_unknown", "key_expired", "key_scope", "key_rate_exceeded"] as const;
  return [...keys, "origin_refused", "query_invalid", "overloaded", "internal"];
}

/** Routes without an entry in described.ts, such as pages, are left out. */
export function openApiOf(routes: readonly RouteFacts[], version: string): OpenApi {
  const paths: OpenApi["paths"] = {};
  for (const route of routes) {
    const about = described[`${route.method} ${route.path}`];
    if (about === undefined) continue;
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route, about);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Waymark",
      version,
      description:
        "Rides, drivers and exact city windows. Times are ISO 8601 in UTC, money is a number with at most two " +
        "decimals, ids are strings of 1 to 128 characters. Every refusal has the shape Error; its code is stable, and " +
        "has a section in docs/OPERATIONS.md. Readers see people masked; a key for administration sees them as they are.",
    },
    paths,
    components: {
      schemas: namedSchemas,
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "One of the keys of the installation." },
        password: {
          type: "http",
          scheme: "basic",
          description: "For browsers: a key as password, any name.",
        },
      },
    },
  };
}

function operationOf({ scope, description }: RouteFacts, about: Described): Operation {
  const named = (at: "path" | "query", some: Described["path"] = {}) =>
    Object.entries(some).map(([name, { schema, says }]) => ({
      ...{ name, in: at, required: at === "path", description: says, schema: schemaOf(schema) },
    }));
  return {
    operationId: about.operation,
    summary: description,
    tags: [about.tag],
    security: scope === "open"
      ? []
      : scope === "read"
      ? [{ key: [] }, { password: [] }, {}]
      : [{ key: [] }, {}],
    "x-scope": scope,
    parameters: [...named("path", about.path), ...named("query", about.query)],
    ...(about.body && {
      requestBody: {
        required: true,
        description: about.body.says,
        content: Object.fromEntries(
          about.body.types.map((type) => [
            type,
            { schema: type === "application/json" ? schemaOf(about.body!.schema) : { type: "string" } },
          ]),
        ),
      },
    }),
    responses: { ...answersOf(about), ...refusalsOf([...about.refusals, ...always[scope]], about) },
  };
}

function answersOf({ answers }: Described): Record<string, Answer> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { says, schema, type = "application/json" }]) => [
      status,
      {
        description: says,
        content: { [type]: { schema: schema === undefined ? {} : schemaOf(schema) } },
      },
    ]),
  );
}

function refusalsOf(codes: readonly HttpErrorCode[], { answers }: Described): Record<string, Answer> {
  const byStatus = new Map<number, HttpErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = httpErrorCodes[code];
    // A status with an answer of its own keeps it, with both shapes.
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => {
      const own = answers[status]?.schema;
      const refused = { $ref: "#/components/schemas/Error" };
      const schema = own === undefined ? refused : { anyOf: [schemaOf(own), refused] };
      return [String(status), {
        description: some.map((code) => `\`${code}\`: ${httpErrorCodes[code].help}.`).join(" "),
        content: { "application/json": { schema } },
        ...(some.some((code) => "retryAfterS" in httpErrorCodes[code]) && { headers: retryAfter }),
      }];
    }),
  );
}

const retryAfter = {
  "retry-after": {
    description: "Seconds to wait before trying again.",
    schema: { type: "integer", minimum: 0 },
  },
};

const registered = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(components)) registered.add(schema, { id });
const nameOf = new Map(Object.entries(components).map(([name, schema]) => [schema, name]));

const namedSchemas: Record<string, JsonSchema> = Object.fromEntries(
  Object.entries(
    z.toJSONSchema(registered, { io: "input", uri: (id) => `#/components/schemas/${id}` }).schemas,
  ).map(([name, schema]) => [name, bare(schema)]),
);

/** A reference where the schema has a name, else the schema itself. */
function schemaOf(schema: z.ZodType): JsonSchema {
  const name = nameOf.get(schema);
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if (schema instanceof z.ZodUnion) {
    return { anyOf: (schema.options as z.ZodType[]).map(schemaOf) };
  }
  if (schema instanceof z.ZodArray) return { type: "array", items: schemaOf(schema.element as z.ZodType) };
  return bare(z.toJSONSchema(schema, { io: "input" }));
}

function bare(schema: object): JsonSchema {
  const { $schema: _, $id: __, ...rest } = schema as Record<string, unknown>;
  return rest;
}
