/** sql/optional/ with the values of an installation. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../../src/errors.ts";
import { optionalStatements } from "../../../src/sinks/optional_sql.ts";

const values = { brokers: "k1:9092,[::1]:9093", topic: "eu.ride-events", group: "waymark-kafka-engine" };

describe("optionalStatements", () => {
  it("fills in the values, and nothing else is left to fill in", async () => {
    const statements = await optionalStatements("kafka_engine", values);
    const queue = statements.find((statement) => statement.startsWith("CREATE TABLE ride_events_queue"));
    assert.match(queue ?? "", /kafka_broker_list = 'k1:9092,\[::1\]:9093'/);
    assert.match(queue ?? "", /kafka_topic_list = 'eu\.ride-events'/);
    assert.match(queue ?? "", /kafka_group_name = 'waymark-kafka-engine'/);
    assert.equal(statements.some((statement) => statement.includes("${")), false);
  });

  it("the view that starts the reading is the first to go and the last to come", async () => {
    const statements = await optionalStatements("kafka_engine", values);
    assert.equal(statements[0], "DROP VIEW IF EXISTS ride_events_queue_feed");
    assert.match(statements.at(-1) ?? "", /^CREATE MATERIALIZED VIEW ride_events_queue_feed /);
  });

  for (const brokers of ["", "k1:9092', kafka_format = 'x", "k1:9092\\"]) {
    it(`refuses ${JSON.stringify(brokers)}`, async () => {
      await assert.rejects(
        optionalStatements("kafka_engine", { ...values, brokers }),
        (thrown) => thrown instanceof WaymarkError && thrown.code === "config_invalid",
      );
    });
  }
});
