/**
 * What a file imports, uses and extends, read from its syntax tree: words in comments and texts do not count.
 *
 * The parser is the linter's own (Deno.lint.runPlugin, which exists under `deno test` only).
 */
import { dirname, join } from "node:path/posix";
import type { TextFile } from "./tree.ts";

export type Import = {
  /** A path of the checkout, or a package's bare name. */
  from: string;
  ours: boolean;
  /** Nothing of it is left at run time. */
  typeOnly: boolean;
};

export type Syntax = {
  path: string;
  imports: Import[];
  /** `name` of every identifier that is called, `object.property` of every member that is used. */
  uses: Set<string>;
  /** The superclasses of its classes. */
  superclasses: string[];
};

export function syntaxOf({ path, text }: TextFile): Syntax {
  const found: Syntax = { path, imports: [], uses: new Set(), superclasses: [] };
  const take = (specifier: string, typeOnly: boolean) => {
    const ours = specifier.startsWith(".");
    found.imports.push({
      from: ours ? join(dirname(path), specifier) : specifier,
      ours,
      typeOnly,
    });
  };
  const plugin: Deno.lint.Plugin = {
    name: "tidy",
    rules: {
      read: {
        create: () => ({
          ImportDeclaration(node) {
            const typed = node.importKind === "type" ||
              node.specifiers.length > 0 &&
                node.specifiers.every((s) => s.type === "ImportSpecifier" && s.importKind === "type");
            take(node.source.value, typed);
          },
          ExportNamedDeclaration(node) {
            if (node.source !== null) take(node.source.value, node.exportKind === "type");
          },
          ExportAllDeclaration(node) {
            take(node.source.value, node.exportKind === "type");
          },
          ImportExpression(node) {
            if (node.source.type === "Literal" && typeof node.source.value === "string") {
              take(node.source.value, false);
            }
          },
          MemberExpression(node) {
            if (node.object.type === "Identifier" && node.property.type === "Identifier") {
              found.uses.add(`${node.object.name}.${node.property.name}`);
            }
          },
          CallExpression(node) {
            if (node.callee.type === "Identifier") found.uses.add(node.callee.name);
          },
          ClassDeclaration(node) {
            if (node.superClass?.type === "Identifier") found.superclasses.push(node.superClass.name);
            else if (node.superClass) found.superclasses.push("an expression");
          },
        }),
      },
    },
  };
  Deno.lint.runPlugin(plugin, path, text);
  return found;
}
