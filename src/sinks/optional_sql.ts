/**
 * What an installation may have beside the migrations: the files of sql/optional/. They stand in no ledger, because
 * they depend on values of this installation; each can be run again at any time, also with other values.
 */
import { readFile } from "node:fs/promises";
import { WaymarkError } from "../errors.ts";
import type { Analytics } from "./analytics.ts";
import { statementsOf } from "./migrations.ts";

/** `kafka_engine` asks for the values brokers, topic and group. */
export type OptionalName = "kafka_engine";

/** Nothing that ends a string in SQL: addresses, topics and groups of Kafka have no other characters. */
const plain = /^[\w.,:[\]-]+$/;

/** The statements with every `${name}` filled in. Throws config_invalid for a value that is missing or not plain. */
export async function optionalStatements(
  name: OptionalName,
  values: Readonly<Record<string, string>>,
): Promise<string[]> {
  const text = await readFile(new URL(`../../sql/optional/${name}.sql`, import.meta.url), "utf8");
  return statementsOf(text).map((statement) =>
    statement.replaceAll(/\$\{(\w+)\}/g, (_, key: string) => {
      const value = values[key] ?? "";
      if (plain.test(value)) return value;
      throw new WaymarkError(
        "config_invalid",
        `cannot fill in ${key} of sql/optional/${name}.sql: it is "${value}"; wanted: letters, digits and . , : _ - [ ]`,
      );
    })
  );
}

/** Runs the file. Throws config_invalid, analytics_unavailable. */
export async function applyOptional(
  analytics: Analytics,
  name: OptionalName,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  for (const statement of await optionalStatements(name, values)) await analytics.command(statement);
}
