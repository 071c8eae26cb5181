/**
 * A real Chromium, and pages in it that are watched: what they load, what they complain of, what moves under the
 * reader's eyes.
 */
import { createRequire } from "node:module";
import { mkdir, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { eventually } from "../conformance/eventually.ts";

const executablePath = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";

/** Chromium asks its makers for updates and lists of its own accord; these switches keep it at home. */
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Its own bounds are for machines with nothing else to do. */
const launchMs = 180_000;
const pageMs = 90_000;

export type Size = readonly [width: number, height: number];
export type Look = { size: Size; scheme: "light" | "dark"; scripts?: boolean; key?: string };

export type Watched = {
  page: Page;
  /** Errors of scripts, refusals of the content policy, failed loads. */
  complaints: string[];
  /** Origins other than the page's own that anything was asked of. */
  strangers: string[];
  /** How much has moved without the reader's doing: cumulative layout shift. */
  shifted(): Promise<number>;
  /** Milliseconds to the first paint; bytes of the page and all its files, and how many of them were sent. */
  cost(): Promise<{ firstPaintMs: number; bytes: number; sentBytes: number }>;
  close(): Promise<void>;
};

export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({ executablePath, args, timeout: launchMs });
}

export async function openPage(browser: Browser, url: string, look: Look): Promise<Watched> {
  const [width, height] = look.size;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: look.scheme,
    javaScriptEnabled: look.scripts ?? true,
    locale: "en-GB",
    ...(look.key !== undefined && { httpCredentials: { username: "anyone", password: look.key } }),
  });
  context.setDefaultTimeout(pageMs);
  const page = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  const origin = new URL(url).origin;
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("request", (request) => {
    const asked = new URL(request.url()).origin;
    if (asked !== origin) strangers.push(request.url());
  });
  if (look.scripts !== false) await observeShifts(context);
  await page.goto(url);
  return {
    page,
    complaints,
    strangers,
    shifted: () => page.evaluate("globalThis.shifted"),
    cost: () => page.evaluate(costOf),
    close: () => context.close(),
  };
}

/** A figure that gets a digit more moves by that much; a hundredth of what counts as good is nothing that is seen. */
export const shiftMax = 0.001;

/** From before the first paint on. */
async function observeShifts(context: BrowserContext): Promise<void> {
  await context.addInitScript(`
    globalThis.shifted = 0;
    globalThis.shiftedWhat = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        globalThis.shifted += entry.value;
        for (const { node } of entry.sources) globalThis.shiftedWhat.push(node?.outerHTML?.slice(0, 90) ?? "?");
      }
    }).observe({ type: "layout-shift", buffered: true });
  `);
}

const costOf = `(() => {
  const loads = performance.getEntriesByType("resource").filter((entry) => entry.initiatorType !== "other");
  const [document] = performance.getEntriesByType("navigation");
  return {
    firstPaintMs: performance.getEntriesByName("first-paint")[0]?.startTime ?? 0,
    bytes: [document, ...loads].reduce((sum, entry) => sum + entry.decodedBodySize, 0),
    sentBytes: [document, ...loads].reduce((sum, entry) => sum + entry.encodedBodySize, 0),
  };
})()`;

/** Resolves when the page says that it is live. */
export async function untilLive({ page }: Watched): Promise<void> {
  await eventually("the page is live", async () => await textOf(page, "#link") === "live");
}

export const textOf = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).first().innerText().catch(() => "")).replaceAll("\u202f", " ").trim();

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
let axeSource: string | null = null;

/** What the accessibility checker finds serious or critical, by rule and element. */
export async function accessibilityBreaches(page: Page): Promise<string[]> {
  axeSource ??= await readFile(axePath, "utf8");
  // Evaluated by the debugger, which the page's own policy does not bind.
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(`axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  })`) as { violations: Violation[] };
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").flatMap((found) =>
    found.nodes.map(({ target, failureSummary }) => `${found.id} at ${target.join(" ")}: ${failureSummary}`)
  );
}

type Violation = {
  id: string;
  impact: string | null;
  nodes: { target: string[]; failureSummary: string }[];
};

/** A folder of this run for pictures and for what was measured; the suite's runner names it, and it stays. */
export async function pictureFolder(): Promise<string> {
  const folder = Deno.env.get("TEST_PICTURES") ?? await mkdtemp(join(tmpdir(), "waymark-pictures-"));
  await mkdir(folder, { recursive: true });
  return folder;
}

/** What was measured in a run, one line each. */
export const measuredFile = "measured.txt";
