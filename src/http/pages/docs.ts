/** `/docs`: the description of the interface, readable. Made of the same document as `/openapi.json`, and of nothing else. */
import type { Answer, JsonSchema, OpenApi, Operation } from "../openapi.ts";
import { place, type Slots } from "./layout.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import type { PageView } from "./page.ts";

export function docsPage(description: OpenApi, origin: string): PageView {
  const { info, paths, components } = description;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation }))
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  return {
    kind: "docs",
    status: 200,
    title: `Interface ${info.version} · Waymark`,
    parts: {
      heading: markup`Interface <small>${info.version}</small>`,
      intro:
        markup`<p>${info.description}</p><p><a href="/openapi.json">openapi.json</a>: the same for programs.</p>`,
      operations: markup`${
        tags.map((tag) =>
          markup`<section class="block"><h2>${tag}</h2>${
            operations.filter(({ operation }) => operation.tags[0] === tag).map((one) =>
              entry(one, origin)
            )
          }</section>`
        )
      }`,
      schemas: markup`<section class="block"><h2>schemas</h2>${
        Object.entries(components.schemas).map(([name, schema]) => schemaEntry(name, schema))
      }</section>`,
    },
  };
}

export const docsBody = (slot: Slots): Markup =>
  markup`<div class="head">${place(slot, "heading", "h1")}</div>
${place(slot, "intro", "section")}
${place(slot, "operations")}
${place(slot, "schemas")}`;

type Entry = { path: string; method: string; operation: Operation };

function entry({ path, method, operation }: Entry, origin: string): Markup {
  const { operationId, summary, parameters, requestBody, responses } = operation;
  return markup`<details class="card operation" id="${operationId}">
<summary><code>${method}</code> <code>${path}</code> <span>${summary}</span></summary>
<p class="quiet">${needs[operation["x-scope"]]}</p>
${parameters.length === 0 ? nothing : parameterTable(parameters)}
${
    requestBody === undefined
      ? nothing
      : markup`<h3>Body</h3><p>${requestBody.description}</p><p>${
        Object.entries(requestBody.content).map(([type, { schema }]) =>
          markup`<code>${type}</code> ${typeOf(schema)} `
        )
      }</p>`
  }
<h3>Answers</h3>
<dl class="answers">${Object.entries(responses).map(([status, answer]) => answerLine(status, answer))}</dl>
<pre tabindex="0" aria-label="Example"><code>${exampleOf({ path, method, operation }, origin)}</code></pre>
</details>`;
}

const needs: Record<Operation["x-scope"], string> = {
  open: "Needs no key.",
  read: "Needs a key that reads, where there are any.",
  ingest: "Needs a key that posts, where there are any.",
  admin: "Needs a key for administration, where there are any keys at all.",
};

const parameterTable = (parameters: Operation["parameters"]): Markup =>
  markup`<h3>Parameters</h3><dl class="answers">${
    parameters.map(({ name, in: at, required, description, schema }) =>
      markup`<div><dt><code>${name}</code></dt><dd>${at}${required ? "" : ", may be left out"} · ${
        typeOf(schema)
      } · ${description}</dd></div>`
    )
  }</dl>`;

function answerLine(status: string, { description, content = {} }: Answer): Markup {
  const types = Object.entries(content).map(([type, { schema }]) =>
    type === "application/json" ? typeOf(schema) : markup`<code>${type}</code>`
  );
  return markup`<div><dt><code>${status}</code></dt><dd>${types} ${description}</dd></div>`;
}

function schemaEntry(name: string, schema: JsonSchema): Markup {
  const properties = Object.entries(schema.properties as Record<string, JsonSchema> ?? {});
  const required = new Set(schema.required as string[] ?? []);
  return markup`<details class="card operation" id="schema-${name}">
<summary><code>${name}</code> <span>${String(schema.description ?? schema.title ?? "")}</span></summary>
<dl class="answers">${
    properties.map(([field, of]) =>
      markup`<div><dt><code>${field}</code></dt><dd>${typeOf(of)}${
        required.has(field) ? "" : ", may be absent"
      }</dd></div>`
    )
  }</dl></details>`;
}

/** A schema in a few words; named ones lead to their entry. */
function typeOf(schema: JsonSchema): Markup {
  const { $ref, anyOf, enum: words, type, items, additionalProperties, properties, const: only } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return markup`<a href="#schema-${name}">${name}</a>`;
  }
  if (Array.isArray(anyOf)) return joined(anyOf.map((one) => typeOf(one as JsonSchema)), " or ");
  if (only !== undefined) return markup`<code>${JSON.stringify(only)}</code>`;
  if (Array.isArray(words)) return joined(words.map((word) => markup`<code>${String(word)}</code>`), ", ");
  if (Array.isArray(type)) {
    return joined(type.map((one) => typeOf({ ...schema, type: one })), " or ");
  }
  if (type === "array") return markup`list of ${typeOf(items as JsonSchema ?? {})}`;
  if (type === "object" && typeof properties === "object" && properties !== null) {
    return markup`object of ${
      joined(Object.keys(properties).map((field) => markup`<code>${field}</code>`), ", ")
    }`;
  }
  if (type === "object" && typeof additionalProperties === "object") {
    return markup`table of ${typeOf(additionalProperties as JsonSchema)}`;
  }
  return markup`${typeof type === "string" ? type : "anything"}`;
}

const joined = (parts: readonly Markup[], between: string): Markup =>
  markup`${parts.flatMap((part, n) => n === 0 ? [part] : [between, part])}`;

function exampleOf({ path, method, operation }: Entry, origin: string): string {
  const address = `${origin}${path.replaceAll(/\{(\w+)\}/g, (_, name) => examples[name] ?? `<${name}>`)}`;
  const key = operation["x-scope"] === "open" ? "" : ' -H "authorization: Bearer $KEY"';
  if (method === "GET") return `curl '${address}'${key}`;
  return `curl -X ${method} '${address}'${key} -H 'content-type: application/json' -d '${
    bodies[operation.operationId] ?? "{}"
  }'`;
}

const examples: Readonly<Record<string, string>> = {
  id: "ride-abc-123",
  city: "bratislava",
  start: "2026-01-15T18:00:00.000Z",
  topic: "ride-events",
  partition: "0",
  offset: "17",
};

const bodies: Readonly<Record<string, string>> = {
  postEvents:
    '{"event_type":"requested","ride_id":"ride-abc-123","timestamp":"2026-01-15T18:03:11Z","city":"bratislava"}',
  postLocations: '{"driver_id":"driver-7","timestamp":"2026-01-15T18:03:11Z","lat":48.15,"lng":17.11}',
  erase: '{"user_id":"user-456"}',
};
