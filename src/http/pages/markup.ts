/**
 * HTML as values: what is put into a template is escaped, unless it is markup itself.
 *
 * Names of cities, rides, drivers and reasons come from outside. Only `markup` makes markup, so there is no way to
 * forget escaping one of them.
 */
import { html as template, raw } from "hono/html";
import { invariant } from "../../invariant.ts";

declare const made: unique symbol;
/** Markup, as opposed to text. */
export type Markup = { readonly [made]: true; toString(): string };

type Value = Markup | string | number | false | null | undefined | readonly Value[];

/** Text is escaped, markup taken as it is, lists are joined; null, undefined and false are nothing. */
export function markup(parts: TemplateStringsArray, ...values: Value[]): Markup {
  return template(parts, ...values) as unknown as Markup;
}

/** A style sheet of ours as an element. What stands in it is not escaped: it is no place for anything from outside. */
export function styleElement(sheet: string): Markup {
  invariant(!sheet.includes("</"), "a style sheet must not end its element");
  return raw(`<style>${sheet}</style>`) as unknown as Markup;
}

export const nothing: Markup = raw("") as unknown as Markup;
