/**
 * The style of the house, executed: who may import whom, what only one file may do, the shape of files, and that the
 * documents speak of what is there. Each rule is tried on a planted breach first, then on the checkout.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settings } from "../src/config.ts";
import { limits } from "../src/limits.ts";
import { foldVersions } from "../src/stages/context.ts";
import { registry } from "../src/telemetry/metrics.ts";
import { changed } from "./simulation/planted/bug.ts";
import { bugs } from "./simulation/planted/bugs.ts";
import { bannedUses } from "./tidy/banned.ts";
import { sectionBreaches } from "./tidy/code_sections.ts";
import {
  anchorsOf,
  brokenLinks,
  deadNames,
  decisionBreaches,
  functionsOf,
  mapBreaches,
  type Named,
} from "./tidy/documents.ts";
import { faultBreaches } from "./tidy/fault_rows.ts";
import { badNames, extendsOther, openMarks, tooLong } from "./tidy/file_shape.ts";
import { codeRoles, generatedParts, partIn, withPart } from "./tidy/generated.ts";
import { glossaryBreaches, otherWords, words } from "./tidy/glossary.ts";
import { importBreaches } from "./tidy/import_direction.ts";
import { boundaries, guaranteeBreaches, threatBreaches } from "./tidy/named_tests.ts";
import { type Lock, lockBreaches } from "./tidy/package_lock.ts";
import { syntaxOf } from "./tidy/syntax.ts";
import { allPaths, anyCode, anyDocument, filesMatching, productCode, readText } from "./tidy/tree.ts";

const paths = allPaths();
const product = filesMatching(productCode).map(syntaxOf);
const code = filesMatching(anyCode);
const documents = filesMatching(anyDocument);

const planted = (path: string, text: string) => [syntaxOf({ path, text })];
const one = (path: string, text: string) => [{ path, text }];
const none = (breaches: string[]) => assert.deepEqual(breaches, []);

describe("import direction", () => {
  const breaches: [what: string, path: string, text: string, count: number][] = [
    ["a schema that imports a root file", "schemas/a.ts", `import { x } from "../src/time.ts";`, 1],
    [
      "an actor that imports telemetry",
      "actors/a.ts",
      `import { metrics } from "../src/telemetry/metrics.ts";`,
      1,
    ],
    ["an actor that does input", "actors/a.ts", `import { readFileSync } from "node:fs";`, 1],
    ["windows that import a stage", "src/windows/a.ts", `export { x } from "../stages/rides.ts";`, 1],
    ["a runtime that imports an adapter", "src/runtime/a.ts", `import { x } from "../log/sqlite.ts";`, 1],
    ["a runtime that imports an actor later", "src/runtime/a.ts", `await import("../../actors/ride.ts");`, 1],
    ["one adapter that imports another", "src/log/a.ts", `import { x } from "../snapshots/sqlite.ts";`, 1],
    [
      "an adapter in its own row that imports another",
      "src/snapshots/redis.ts",
      `import { x } from "./sqlite.ts";`,
      1,
    ],
    ["a port's neighbour that imports an adapter", "src/log/a.ts", `import { x } from "./kafka/a.ts";`, 1],
    ["a value where types only are allowed", "src/sinks/a.ts", `import { x } from "../http/handles.ts";`, 1],
    ["a root file that imports a folder", "src/a.ts", `import { x } from "./log/port.ts";`, 1],
    ["a door that imports the composition", "src/http/a.ts", `import { x } from "../node/service.ts";`, 1],
    ["a folder without a row", "src/else/a.ts", ``, 1],
    ["a package of another area", "src/http/a.ts", `import { z } from "redis";`, 1],
    [
      "types where types only are allowed",
      "src/sinks/a.ts",
      `import { type X } from "../http/handles.ts";`,
      0,
    ],
    ["a runtime that imports a port", "src/runtime/a.ts", `import { x } from "../log/topics.ts";`, 0],
    [
      "an adapter that imports its port",
      "src/log/kafka/a.ts",
      `import { x } from "../port.ts"; import "kafkajs";`,
      0,
    ],
    ["composition", "src/node/a.ts", `import { x } from "../http/app.ts"; import y from "chdb";`, 0],
  ];
  for (const [what, path, text, count] of breaches) {
    it(`${what} is ${count === 0 ? "allowed" : "a breach"}`, () => {
      assert.equal(importBreaches(planted(path, text)).length, count);
    });
  }

  it("holds everywhere", () => none(importBreaches(product)));
});

describe("banned uses", () => {
  const uses: [text: string, path: string, count: number][] = [
    [`const at = Date.now();`, "src/stages/a.ts", 1],
    [`const at = performance.now();`, "src/runtime/a.ts", 1],
    [`setTimeout(() => {}, 1);`, "src/http/a.ts", 1],
    [`globalThis.setInterval(() => {}, 1);`, "src/http/a.ts", 1],
    [`const x = Math.random();`, "src/traffic/a.ts", 1],
    [`await fetch("http://x");`, "src/sinks/a.ts", 1],
    [`Deno.env.get("X");`, "src/config.ts", 1],
    [`console.log("x");`, "src/sinks/a.ts", 1],
    [`// Date.now() and setTimeout(…)\nconst text = "Math.random()";`, "src/stages/a.ts", 0],
    [`app.fetch(request);`, "src/http/a.ts", 0],
    [`const at = Date.now();`, "src/time.ts", 0],
    [`console.log("x");`, "src/commands/a.ts", 0],
  ];
  for (const [text, path, count] of uses) {
    it(`${JSON.stringify(text)} in ${path} is ${count === 0 ? "allowed" : "a breach"}`, () => {
      assert.equal(bannedUses(planted(path, text)).length, count);
    });
  }

  it("the message names the replacement", () => {
    assert.match(bannedUses(planted("src/stages/a.ts", "Date.now();"))[0]!, /take a Clock \(src\/time\.ts\)/);
  });

  it("happen nowhere", () => none(bannedUses(product)));
});

describe("shape of files", () => {
  it("attics and other cases are found by name", () => {
    const found = badNames([
      "src/log/index.ts",
      "src/utils.ts",
      "src/logPort.ts",
      "src/log/port.ts",
      "scripts/a-b.mjs",
    ]);
    assert.deepEqual(found.map((breach) => breach.split(":")[0]), [
      "src/log/index.ts",
      "src/utils.ts",
      "src/logPort.ts",
    ]);
  });

  it("a class that extends anything but an error is found", () => {
    assert.equal(extendsOther(planted("src/a.ts", "class A extends B {}")).length, 1);
    assert.equal(
      extendsOther(planted("src/a.ts", "class A extends WaymarkError {} class C extends Error {}")).length,
      0,
    );
  });

  it("401 lines are too long, 400 are not", () => {
    assert.equal(tooLong(one("src/a.ts", "x\n".repeat(401))).length, 1);
    assert.equal(tooLong(one("src/a.ts", "x\n".repeat(400))).length, 0);
  });

  it("something left open is found with its line", () => {
    assert.deepEqual(openMarks(one("src/a.ts", `\n// ${"TO" + "DO"}: later`)).map((b) => b.split(" ")[0]), [
      "src/a.ts:2",
    ]);
  });

  it("names are nouns in snake_case", () => none(badNames(paths)));
  it("only errors extend", () => none(extendsOther(product)));
  it("no file is longer than 400 lines", () => none(tooLong(code)));
  it("nothing is left open", () =>
    none(openMarks([...code, ...documents, ...filesMatching(/^(sql|\.ci)\//)])));
});

describe("package lock", () => {
  const lock = (packages: Lock["packages"]) => lockBreaches({ packages }, { dependencies: { a: "1.0.0" } });

  it("a missing optional part, an address and another version are found", () => {
    none(lock({ "node_modules/a": { version: "1.0.0", optionalDependencies: {} } }));
    assert.match(
      lock({ "node_modules/a": { version: "1.0.0", optionalDependencies: { b: "1" } } })[0]!,
      /^b is missing/,
    );
    assert.match(
      lock({ "node_modules/a": { version: "1.0.0", resolved: "http://x" } })[0]!,
      /has an address/,
    );
    assert.match(lock({ "node_modules/a": { version: "1.0.1" } })[0]!, /names a 1.0.0, the lock 1.0.1/);
  });

  it("is complete and tied to no registry", () => {
    none(lockBreaches(JSON.parse(readText("package-lock.json")), JSON.parse(readText("package.json"))));
  });
});

describe("documents", () => {
  /** Variables that commands read beside the settings of the service. */
  const variables = filesMatching(/^src\/commands\//).flatMap(({ text }) =>
    text.match(/\bWAYMARK_[A-Z_]+/g) ?? []
  );
  const named: Named = {
    paths,
    functions: functionsOf(code),
    settings: new Set([...Object.keys(settings), ...variables]),
    limits: new Set(Object.keys(limits)),
    metrics: new Set(registry.getMetricsAsArray().map((metric) => metric.name)),
    scripts: new Set(Object.keys(JSON.parse(readText("package.json")).scripts)),
  };

  it("a link to nothing is found, file or heading", () => {
    const text = "# A part\n[a](B.md) [b](#a-part) [c](#other) [d](https://x.org) `[e](F.md)`";
    assert.deepEqual(brokenLinks(one("docs/A.md", text), new Set(["docs/A.md"])), [
      "docs/A.md links to B.md, which does not exist",
      "docs/A.md links to #other, but docs/A.md has no such heading",
    ]);
  });

  it("headings become anchors as on the web page", () => {
    assert.deepEqual([...anchorsOf("## `log_trimmed`\n### What it does, not")], [
      "log_trimmed",
      "what-it-does-not",
    ]);
  });

  it("a name that stands for nothing is found, whatever its kind", () => {
    const text =
      "`src/none.ts` `noSuch()` `WAYMARK_NONE` `limits.none` `waymark_none_total` `npm run none`\n" +
      "`src/limits.ts` `decideRide()` `WAYMARK_PORT` `limits.drainMs` `waymark_http_streams` `npm test` `rides`";
    assert.deepEqual(
      deadNames(one("A.md", text), named).map((breach) => breach.split(" names the ")[1]!.split(" ")[0]),
      [
        "path",
        "function",
        "setting",
        "limit",
        "metric",
        "script",
      ],
    );
  });

  it("a folder without an entry, and an entry without a folder, are found", () => {
    const there = new Set(["src", "src/main.ts", "src/log", "src/log/port.ts", "README.md"]);
    assert.deepEqual(
      mapBreaches("| `src/` | x |\n| `src/main.ts` | x |\n| `src/gone/` | x |\n| `README.md` | x |", there),
      [
        "the file map leaves out src/log/",
        "the file map has src/gone/, which is not there",
      ],
    );
  });

  it("a decision without a part, and a number taken twice, are found", () => {
    const text = "# 0001 x\n\n## Context\n\n## Decision\n\n## Rejected\n";
    assert.deepEqual(decisionBreaches(one("docs/decisions/0001-x.md", text)), [
      `docs/decisions/0001-x.md: has no part "## Consequences"`,
    ]);
    assert.deepEqual(
      decisionBreaches([
        ...one("docs/decisions/0001-w.md", text),
        ...one("docs/decisions/0001-x.md", text),
      ])[1],
      `docs/decisions/0001-x.md: a decision has a number of its own, such as 0042-`,
    );
  });

  it("every link leads somewhere", () => none(brokenLinks(documents, paths)));
  it("what they name exists", () => none(deadNames(documents, named)));
  it("ARCHITECTURE.md maps every folder and top-level file", () =>
    none(mapBreaches(readText("docs/ARCHITECTURE.md"), paths)));
  it("decisions are numbered and whole", () =>
    none(decisionBreaches(filesMatching(/^docs\/decisions\/.*\.md$/))));
});

describe("generated parts", () => {
  it("a part is found between its markers, and replaced there only", () => {
    const marked =
      "a\n<!-- generated: x -->\n<!-- deno-fmt-ignore-start -->\n\nold\n\n<!-- deno-fmt-ignore-end -->\n<!-- end of x -->\nb\n";
    assert.equal(partIn(marked, "x"), "old");
    assert.equal(partIn("a", "x"), null);
    assert.equal(withPart(marked, { document: "", name: "x", text: "new" }), marked.replace("old", "new"));
  });

  it("say what the code says (else: deno run -A tests/tidy/write_docs.ts)", async () => {
    for (const { document, name, text } of await generatedParts()) {
      assert.equal(partIn(readText(document), name), text, `${document}: ${name}`);
    }
  });
});

describe("codes", () => {
  it("a code without a section, with half a section or with the wrong status is found", () => {
    const codes = new Map([["a", ["HTTP 503"]], ["b", ["exit code 2"]]]);
    const page =
      "## Codes\n### `a`\nHTTP 500.\n**What happened.** x **Why.** x **What to do.** x\n### `c`\n## Else\n";
    assert.deepEqual(sectionBreaches(page, codes), [
      `the section of a does not say "HTTP 503"`,
      "there is no section for b",
      "c has a section but is no code",
    ]);
  });

  it("every code has a section in OPERATIONS.md", () =>
    none(sectionBreaches(readText("docs/OPERATIONS.md"), codeRoles())));
});

describe("faults", () => {
  const textOf = (path: string) => paths.has(path) ? readText(path) : null;

  it("a row without its test, with a file that is gone, or left out is found", () => {
    const page = "| 1 | a | `tests/tidy_test.ts` no such test<br>`tests/gone.ts` x | |\n";
    assert.deepEqual(faultBreaches(page, (path) => path === "tests/tidy_test.ts" ? "" : null).slice(0, 3), [
      'row 1: tests/tidy_test.ts has no test "no such test"',
      "row 1: `tests/gone.ts` x names no file",
      "row 2 is left out",
    ]);
  });

  it("every row names tests that are there", () => none(faultBreaches(readText("docs/FAULTS.md"), textOf)));
});

describe("fold versions", () => {
  it("the present ones have a kept data directory: deno run -A tests/kept/kept.ts --make NAME", () => {
    const kept = [...paths].filter((path) => /^tests\/kept\/.*\/about\.json$/.test(path));
    const versions = kept.map((path) => JSON.stringify(JSON.parse(readText(path)).fold_versions));
    assert.ok(versions.includes(JSON.stringify(foldVersions)), `there are ${versions.join(", ")}`);
  });
});

describe("promises and threats", () => {
  const textOf = (path: string) => paths.has(path) ? readText(path) : null;
  const read = (path: string) => path === "tests/tidy_test.ts" ? "a test" : null;

  it("a promise without a test, or with one that is gone, is found", () => {
    const page = "## 1. A\n**Promise.** x\n\n## 2. B\n**Promise.** x\n\n**Fails without it.**\n\n" +
      "- `tests/tidy_test.ts` a\n  test\n- `tests/tidy_test.ts` no test\n- `tests/gone.ts` x\n\nMore.\n";
    assert.deepEqual(guaranteeBreaches(page, read), [
      '"1. A" names no test',
      '"2. B": tests/tidy_test.ts has no test "no test"',
      '"2. B": `tests/gone.ts` x names no file',
    ]);
  });

  it("a threat without a test, or a boundary without a threat, is found", () => {
    const page = "| boundary | threat | control | tests | what is left |\n| --- | --- | --- | --- | --- |\n" +
      "| posting | bombs | bounds | `tests/tidy_test.ts` a test<br>`tests/tidy_test.ts` none | nothing |\n";
    const found = threatBreaches(page, read);
    assert.deepEqual(found.slice(0, 2), [
      'posting, bombs: tests/tidy_test.ts has no test "none"',
      "boundary reading is left out",
    ]);
    assert.equal(found.length, boundaries.length);
  });

  it("every promise names tests that are there", () =>
    none(guaranteeBreaches(readText("docs/GUARANTEES.md"), textOf)));
  it("every threat names tests that are there", () =>
    none(threatBreaches(readText("docs/THREATS.md"), textOf)));
});

describe("planted bugs", () => {
  it("one whose text is gone is found", async () => {
    const changes = [{ file: "deno.json", find: "no such text", put: "" }];
    await assert.rejects(changed({ name: "x", by: "simulation", changes }, readText), /0 times, wanted once/);
  });

  it("can all be planted: a change of the code takes its bugs along (tests/simulation/planted/)", async () => {
    for (const bug of bugs) await changed(bug, readText);
  });
});

describe("glossary", () => {
  it("a missing and a repeated word are found", () => {
    const text = words.filter((word) => word !== "pane").map((word) => `- **${word}** x\n`).join("") +
      "- **late** x\n";
    assert.deepEqual(glossaryBreaches(text), [
      "the glossary has no entry for pane",
      "the glossary has late twice",
    ]);
  });

  it("another word for one of ours is found", () => {
    assert.equal(otherWords(one("docs/A.md", "the high watermark")).length, 1);
  });

  it("has every word", () => none(glossaryBreaches(readText("docs/GLOSSARY.md"))));
  it("is the language of code and documents", () => none(otherWords([...code, ...documents])));
});
