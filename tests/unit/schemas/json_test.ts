import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { schemaFiles } from "../../../scripts/write-schemas.ts";

const folder = new URL("../../../schemas/json/", import.meta.url);

describe("schemas/json", () => {
  for (const [name, text] of schemaFiles()) {
    it(`${name} is what scripts/write-schemas.ts writes`, () => {
      assert.equal(Deno.readTextFileSync(new URL(name, folder)), text);
    });
  }

  it("holds no other file", () => {
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
    assert.deepEqual(names, [...schemaFiles().keys()].sort());
  });

  it("allows unknown fields, and asks of producers for what the contract requires", () => {
    const required = Object.fromEntries(
      [...schemaFiles()].map(([name, text]) => {
        const schema = JSON.parse(text);
        // A file that people write: a misspelt name must not go unnoticed.
        const isWritten = name === "alert_rules.schema.json";
        assert.equal(schema.additionalProperties, isWritten ? false : undefined, name);
        return [name, schema.required];
      }),
    );
    assert.deepEqual(required["ride_event.schema.json"], ["event_type", "ride_id", "timestamp"]);
    assert.deepEqual(required["driver_location.schema.json"], ["driver_id", "timestamp", "lat", "lng"]);
  });
});
