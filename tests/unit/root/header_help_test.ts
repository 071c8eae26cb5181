import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { headerOf } from "../../header_help.ts";

describe("headerOf", () => {
  it("is the first comment without its stars", () => {
    assert.equal(
      headerOf("/**\n * One.\n *\n *   two --three\n */\nconst a = 1;\n"),
      "One.\n\n  two --three",
    );
    assert.equal(headerOf("/** One line. */\n"), "One line.");
  });

  it("refuses a file without one", () => {
    assert.throws(() => headerOf("const a = 1; /** no header */"), /does not begin with a comment/);
  });

  it("is what every program beside the service answers to --help", () => {
    const { tasks } = JSON.parse(readFileSync("deno.json", "utf8")) as { tasks: Record<string, string> };
    const ofTasks = Object.values(tasks).flatMap((task) => /\b(?:bench|tests)\/\S+\.ts/.exec(task) ?? []);
    const benches = ["bench", "bench/peers"].flatMap((folder) =>
      readdirSync(folder).filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name}`)
    ).filter((file) => readFileSync(file, "utf8").includes("parseArgs("));
    const programs = [...new Set([...ofTasks, ...benches])];
    assert.ok(programs.length > 15, programs.join());
    for (const file of programs) {
      const text = readFileSync(file, "utf8");
      const answers = text.includes("headerHelp(import.meta.url);") || text.includes("(--help)");
      assert.ok(answers, `${file} has no --help`);
      headerOf(text);
    }
  });
});
