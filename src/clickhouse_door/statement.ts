/**
 * What a reader may ask: one statement that reads, decided from its text before ClickHouse sees it.
 *
 * ClickHouse's own `readonly = 1` refuses writing, table functions that reach out, and other settings, but not settings
 * of a subquery: `SELECT * FROM (SELECT … SETTINGS readonly = 0)` takes it back. So SETTINGS is refused anywhere. So is
 * what `readonly` lets pass in process: several statements in one text, INTO OUTFILE (writes a file), KILL QUERY (ends
 * the sink's inserts), and functions that read files or speak to others, `file('/etc/passwd')` above all.
 *
 * The text is cut into tokens as ClickHouse does it. Where the two readings could differ (dollar signs, letters
 * outside ASCII, a comment in a comment, an escape in a quoted name) the statement is refused, so that nothing can
 * be hidden from one of the two.
 */
import { type Failure, refuse } from "./failure.ts";

export type Statement = {
  ok: true;
  /** What `FORMAT` says; null without. */
  format: string | null;
  /** What stands as `{name:Type}`. */
  placeholders: Placeholder[];
};

/** A value of type Identifier becomes a name of the statement itself. */
export type Placeholder = { name: string; identifier: boolean };

type Token = { kind: "word" | "name" | "text" | "symbol"; value: string };

/** Statements that read. `(` may stand before them. */
const reading = new Set(["select", "with", "from", "show", "describe", "desc", "exists", "explain"]);

/**
 * Functions that read files, load libraries, speak to others, or tell about the process more than about its data, and
 * a table whose reading interrupts every thread. Refused wherever the word stands, because a function may be handed to
 * another one: `arrayMap(file, ['/etc/passwd'])`.
 */
const reachingOut: ReadonlySet<string> = new Set([
  "stack_trace",
  "file",
  "catboostevaluate",
  "aiclassify",
  "aiembed",
  "aiextract",
  "aigenerate",
  "aitranslate",
  "eval",
  "showcertificate",
  "getserversetting",
  "logtrace",
  "addresstoline",
  "addresstolinewithinlines",
  "addresstosymbol",
]);

/** Table functions that make rows out of nothing, or of what is in the statement. All others are refused by name too. */
const tableFunctions = new Set([
  "numbers",
  "numbers_mt",
  "zeros",
  "zeros_mt",
  "primes",
  "generate_series",
  "generateseries",
  "generaterandom",
  "values",
  "null",
  "format",
  "view",
]);

/** Formats whose writing reads or leaves schema files. */
const formatsWithFiles = /^(template|protobuf|capnproto|mysql|postgresql)/i;

/** Names of table functions that a reader may not call, of those that this ClickHouse has. */
export const refusedFunctions = (known: readonly string[]): ReadonlySet<string> =>
  new Set(known.map((name) => name.toLowerCase()).filter((name) => !tableFunctions.has(name)));

/** Whether a reader's value may become a name of the statement. */
export const isPlainName = (value: string): boolean =>
  /^[A-Za-z_]\w*$/.test(value) && !reachingOut.has(value.toLowerCase());

/** Tables of ClickHouse's own in which statements of others stand, with whatever they name. */
const othersStatements =
  /^(processes|processlist|(query|query_thread|query_views|text|part|opentelemetry_span)_log|query_cache)$/i;

/**
 * Whether a word of a statement names what only an administrator may read. `people`: parts of the names of tables with
 * rows of people. They are refused wherever the word stands, also inside of another one, for there are many ways to
 * read a table: a subquery, a condition of SHOW, a name in quotes.
 */
export const namesPeople = (people: readonly string[]) => (word: string): boolean =>
  othersStatements.test(word) || people.some((name) => word.toLowerCase().includes(name));

export const refusePeople = (word: string): Failure =>
  refuse("ACCESS_DENIED", `Not enough privileges: ${word} tells of people, which takes an admin key`);

export const refuseFormat = (format: string): Failure | null =>
  formatsWithFiles.test(format) ? refuse("UNKNOWN_FORMAT", `The format ${format} is not offered here`) : null;

/** The statement when it only reads. `hidden`: words that its reader may not use. */
export function readStatement(
  sql: string,
  refused: ReadonlySet<string>,
  hidden: (word: string) => boolean = () => false,
): Statement | Failure {
  const lexed = tokensOf(sql);
  if (!Array.isArray(lexed)) return lexed;
  const tokens = withoutEnd(lexed);
  const first = tokens.find(({ value }) => value !== "(");
  if (first === undefined) return refuse("SYNTAX_ERROR", "Empty query");
  if (tokens.some(({ kind, value }) => kind === "symbol" && value === ";")) {
    return refuse("SYNTAX_ERROR", "Multi-statements are not allowed");
  }
  if (first.kind !== "word" || !reading.has(first.value.toLowerCase())) {
    return refuse("READONLY", `Cannot execute ${first.value.toUpperCase()} in readonly mode`);
  }
  const breach = tokens.map((_, at) => breachAt(tokens, at, refused)).find((found) => found !== null);
  if (breach !== undefined) return breach;
  const people = tokens.find(({ kind, value }) => (kind === "word" || kind === "name") && hidden(value));
  if (people !== undefined) return refusePeople(people.value);
  const format = formatOf(tokens);
  return (format === null ? null : refuseFormat(format)) ??
    { ok: true, format, placeholders: placeholdersOf(tokens) };
}

/** What `FORMAT` says in a statement that need not be one that reads; null where it cannot be told. */
export function statedFormat(sql: string): string | null {
  const lexed = tokensOf(sql);
  return Array.isArray(lexed) ? formatOf(withoutEnd(lexed)) : null;
}

function breachAt(tokens: readonly Token[], at: number, refused: ReadonlySet<string>): Failure | null {
  const { kind, value } = tokens[at]!;
  const next = tokens[at + 1];
  if (kind === "symbol") {
    return value === "}" && next?.value === "("
      ? refuse("READONLY", "A parameter cannot name a function here")
      : null;
  }
  if (kind === "word" && isWord(tokens[at], "outfile")) {
    return refuse("READONLY", "Cannot write INTO OUTFILE in readonly mode");
  }
  if (isSettingsClause(tokens, at)) {
    return refuse("READONLY", "Cannot use SETTINGS in readonly mode: settings go beside the statement");
  }
  if (isWord(tokens[at], "parallel") && isWord(next, "with")) {
    return refuse("SYNTAX_ERROR", "Multi-statements are not allowed");
  }
  if (kind === "word" || kind === "name") {
    if (reachingOut.has(value.toLowerCase()) || (isSymbol(next, "(") && refused.has(value.toLowerCase()))) {
      return refuse("READONLY", `Cannot use ${value} in readonly mode`);
    }
  }
  return null;
}

/** `system.settings`, and `SHOW [CHANGED] SETTINGS`, are something else. A setting may stand there without a value. */
function isSettingsClause(tokens: readonly Token[], at: number): boolean {
  if (!isWord(tokens[at], "settings")) return false;
  const [before, last, next] = [tokens[at - 2], tokens[at - 1], tokens[at + 1]];
  const table = isSymbol(last, ".") && isWord(before, "system");
  const shown = isWord(tokens[0], "show") && (at === 1 || (at === 2 && isWord(last, "changed")));
  return !table && !shown && (next?.kind === "word" || next?.kind === "name");
}

const isWord = (token: Token | undefined, word: string): boolean =>
  token?.kind === "word" && token.value.toLowerCase() === word;

const isSymbol = (token: Token | undefined, symbol: string): boolean =>
  token?.kind === "symbol" && token.value === symbol;

function withoutEnd(tokens: readonly Token[]): Token[] {
  return tokens.slice(0, tokens.findLastIndex((token) => !isSymbol(token, ";")) + 1);
}

function formatOf(tokens: readonly Token[]): string | null {
  const at = tokens.findLastIndex((token, i) => isWord(token, "format") && tokens[i + 1]?.kind === "word");
  return at < 0 ? null : tokens[at + 1]!.value;
}

function placeholdersOf(tokens: readonly Token[]): Placeholder[] {
  return tokens.flatMap((token, i) =>
    isSymbol(token, "{") && isSymbol(tokens[i + 2], ":")
      ? [{ name: tokens[i + 1]!.value, identifier: tokens[i + 3]?.value.toLowerCase() === "identifier" }]
      : []
  );
}

const shapes = {
  space: /[ \t\r\n\f\v]+/y,
  lineComment: /(?:--|#[ !])[^\n]*/y,
  word: /[A-Za-z_][A-Za-z0-9_]*/y,
  number: /[0-9]+/y,
  symbol: /[!%-/:-@[\]^{|}~]/y,
};

function tokensOf(sql: string): Token[] | Failure {
  const tokens: Token[] = [];
  let at = 0;
  const take = (shape: RegExp): string | null => {
    shape.lastIndex = at;
    const found = shape.exec(sql)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  };
  while (at < sql.length) {
    if (take(shapes.space) !== null || take(shapes.lineComment) !== null) continue;
    if (sql.startsWith("/*", at)) {
      const end = sql.indexOf("*/", at + 2);
      if (end < 0 || sql.slice(at + 2, end).includes("/*")) {
        return unclear("a comment that does not end, or holds another");
      }
      at = end + 2;
      continue;
    }
    const quote = sql[at]!;
    if (quote === "'" || quote === '"' || quote === "`") {
      const end = endOfQuoted(sql, at);
      const inner = sql.slice(at + 1, end);
      if (end < 0 || inner.includes("\0")) return unclear("a quote that does not end");
      if (quote !== "'" && inner.includes("\\")) return unclear("an escape in a quoted name");
      tokens.push({ kind: quote === "'" ? "text" : "name", value: inner.replaceAll(quote + quote, quote) });
      at = end + 1;
      continue;
    }
    const word = take(shapes.word);
    const value = word ?? take(shapes.number) ?? take(shapes.symbol);
    if (value === null) return unclear(`the character ${JSON.stringify(sql[at])} outside of quotes`);
    tokens.push({ kind: word === null ? "symbol" : "word", value });
  }
  return tokens;
}

const unclear = (what: string): Failure => refuse("SYNTAX_ERROR", `The statement has ${what}`);

/** Where the quoted text ends that begins here; -1 when it does not. A doubled quote and one after `\` stand for themselves. */
function endOfQuoted(sql: string, from: number): number {
  const quote = sql[from];
  for (let at = from + 1; at < sql.length; at++) {
    if (sql[at] === "\\") at++;
    else if (sql[at] === quote && sql[at + 1] === quote) at++;
    else if (sql[at] === quote) return at;
  }
  return -1;
}
