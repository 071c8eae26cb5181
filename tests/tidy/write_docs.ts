/** Writes the generated parts of the documents again, from the code as it stands. */
import { writeFileSync } from "node:fs";
import { generatedParts, partIn, withPart } from "./generated.ts";
import { home, readText } from "./tree.ts";

for (const part of await generatedParts()) {
  const before = readText(part.document);
  if (partIn(before, part.name) === part.text) continue;
  writeFileSync(new URL(part.document, home), withPart(before, part));
  console.log(`${part.document}: ${part.name} written again`);
}
