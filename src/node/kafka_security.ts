/** How the settings say that Kafka is spoken to: encrypted or not, and as whom. */
import { readFile } from "node:fs/promises";
import type { Config } from "../config.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type { KafkaSecurity } from "../log/kafka/options.ts";

/** Throws config_invalid when the file of authorities cannot be read. */
export async function kafkaSecurity(config: Config): Promise<KafkaSecurity> {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } =
    config;
  return {
    ...(config.KAFKA_SSL && { tls: await authoritiesOf(config) }),
    ...(mechanism !== "" && { sasl: { mechanism, username, password } }),
  };
}

async function authoritiesOf({ KAFKA_SSL_CA: path }: Config): Promise<true | { ca: string }> {
  if (path === "") return true;
  try {
    return { ca: await readFile(path, "utf8") };
  } catch (error) {
    throw new WaymarkError(
      "config_invalid",
      `KAFKA_SSL_CA is "${path}", which cannot be read: ${messageOf(error)}`,
    );
  }
}
