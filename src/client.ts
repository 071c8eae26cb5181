/**
 * A client of Waymark's doors, typed by the schemas they answer with. It needs nothing but `fetch`: for Deno, browsers
 * and Node, as it is or bundled. Imports of the schemas are of types only. Examples: docs/CLIENT.md.
 *
 *   const waymark = createClient({ url: "http://127.0.0.1:8080", key });
 *   await waymark.postEvents([{ event_type: "requested", ride_id: "ride-1", timestamp: new Date().toISOString() }]);
 *
 * Methods are called as the operations in the description are (`/openapi.json`); a test holds the two together. What is
 * refused is thrown as a Refusal. Nothing is tried again by itself: `retryAfterS` says where that makes sense, and
 * posting events again is safe when they carry an event_id.
 */
import type { Acknowledgement, Silence } from "../schemas/alert_journal.ts";
import type {
  AcknowledgementRequest,
  NotedAlertsAnswer,
  SilenceRequest,
  SilencesAnswer,
} from "../schemas/alert_notes.ts";
import type { DriverLocationWire } from "../schemas/driver_location.ts";
import type { ErasuresAnswer, ErasureView } from "../schemas/erasure.ts";
import type { WindowExplanation } from "../schemas/explanation.ts";
import type {
  DriverRow,
  DriversAnswer,
  DriverView,
  IngestVerdict,
  LedgerAnswer,
  PartitionsAnswer,
  RideRow,
  RidesAnswer,
  RideView,
} from "../schemas/http.ts";
import type {
  CitiesAnswer,
  CityAnswer,
  CityWindowsAnswer,
  RawRecordAnswer,
} from "../schemas/http_answers.ts";
import type { RideEventWire } from "../schemas/ride_event.ts";

export type ClientOptions = {
  /** Of the doors, such as `http://127.0.0.1:8080`. */
  url: string;
  key?: string;
  /** Another way to send a request than the platform's. */
  fetch?: typeof globalThis.fetch;
};

export type RidesQuery = {
  city?: string;
  state?: readonly string[];
  driver_id?: string;
  limit?: number;
  cursor?: string;
};
export type DriversQuery = {
  city?: string;
  status?: readonly string[];
  ride_id?: string;
  limit?: number;
  cursor?: string;
};
export type WindowsQuery = { from?: Date | string; to?: Date | string; limit?: number };
export type StreamQuery = {
  /** window, alert, partition, city, status; the first three by default. */
  events?: readonly string[];
  /** Goes on after that event, where the node still has it. */
  lastEventId?: string;
  signal?: AbortSignal;
};
export type StreamedEvent = { event: string; id: string | null; data: unknown };

/** What a door refused: its code is stable, and has a section in docs/OPERATIONS.md. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  /** Null where trying again makes no sense. */
  readonly retryAfterS: number | null;
  /** The whole answer. */
  readonly answer: unknown;

  constructor(response: Response, answer: unknown) {
    const error = (answer as { error?: { code?: string; message?: string; field?: string } } | null)?.error;
    super(`${error?.code ?? response.status}: ${error?.message ?? "the answer is none of Waymark's"}`);
    this.name = "Refusal";
    this.status = response.status;
    this.code = error?.code ?? "unknown";
    this.field = error?.field ?? null;
    const after = response.headers.get("retry-after");
    this.retryAfterS = after === null ? null : Number(after);
    this.answer = answer;
  }
}

export type Client = ReturnType<typeof createClient>;

export function createClient({ url, key, fetch: send = globalThis.fetch }: ClientOptions) {
  const base = url.replace(/\/+$/, "");
  const authorization: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };

  async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await send(`${base}${path}`, {
      ...init,
      headers: { accept: "application/json", ...authorization, ...init.headers },
    });
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new Refusal(response, answer);
    return answer as T;
  }

  const post = <T>(path: string, body: unknown): Promise<T> =>
    ask<T>(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });

  const client = {
    /** Resolves when the log has everything that was accepted; the verdict lists what was not, and why. */
    postEvents: (events: RideEventWire | readonly RideEventWire[]) =>
      post<IngestVerdict>("/v1/events", events),
    postLocations: (points: DriverLocationWire | readonly DriverLocationWire[]) =>
      post<IngestVerdict>("/v1/locations", points),

    rides: (query: RidesQuery = {}) => ask<RidesAnswer>(`/v1/rides${queryText(query)}`),
    ride: (id: string) => ask<RideView>(`/v1/rides/${part(id)}`),
    drivers: (query: DriversQuery = {}) => ask<DriversAnswer>(`/v1/drivers${queryText(query)}`),
    driver: (id: string) => ask<DriverView>(`/v1/drivers/${part(id)}`),
    /** Every ride that fits, page after page. Throws when not every partition could be searched. */
    async *everyRide(query: Omit<RidesQuery, "cursor"> = {}): AsyncGenerator<RideRow> {
      for (let cursor: string | null | undefined = undefined; cursor !== null;) {
        const page: RidesAnswer = await client.rides({ ...query, ...(cursor !== undefined && { cursor }) });
        if (!page.complete) throw new Error(`not searched: ${page.missing.join(", ")}`);
        yield* page.rides;
        cursor = page.next;
      }
    },
    async *everyDriver(query: Omit<DriversQuery, "cursor"> = {}): AsyncGenerator<DriverRow> {
      for (let cursor: string | null | undefined = undefined; cursor !== null;) {
        const page: DriversAnswer = await client.drivers({
          ...query,
          ...(cursor !== undefined && { cursor }),
        });
        if (!page.complete) throw new Error(`not searched: ${page.missing.join(", ")}`);
        yield* page.drivers;
        cursor = page.next;
      }
    },

    cities: () => ask<CitiesAnswer>("/v1/cities"),
    city: (city: string) => ask<CityAnswer>(`/v1/cities/${part(city)}`),
    windows: (city: string, query: WindowsQuery = {}) =>
      ask<CityWindowsAnswer>(`/v1/cities/${part(city)}/windows${queryText(query)}`),
    explain: (city: string, windowStart: Date | string) =>
      ask<WindowExplanation>(`/v1/cities/${part(city)}/windows/${part(timeText(windowStart))}/explain`),
    alerts: () => ask<NotedAlertsAnswer>("/v1/alerts"),
    silences: () => ask<SilencesAnswer>("/v1/alerts/silences"),
    silence: (silence: SilenceRequest) => post<Silence>("/v1/alerts/silences", silence),
    endSilence: (id: string, by: string) => post<Silence>(`/v1/alerts/silences/${part(id)}/end`, { by }),
    acknowledge: (taken: AcknowledgementRequest) =>
      post<Acknowledgement>("/v1/alerts/acknowledgements", taken),

    partitions: () => ask<PartitionsAnswer>("/v1/partitions"),
    ledger: () => ask<LedgerAnswer>("/v1/ledger"),
    record: (topic: string, partition: number, offset: number) =>
      ask<RawRecordAnswer>(`/v1/records/${part(topic)}/${partition}/${offset}`),

    erase: (user_id: string) => post<ErasureView>("/v1/erasures", { user_id }),
    erasures: () => ask<ErasuresAnswer>("/v1/erasures"),
    erasure: (id: string) => ask<ErasureView>(`/v1/erasures/${part(id)}`),

    description: () => ask<Record<string, unknown>>("/openapi.json"),

    /** What changes, as it happens, until the signal is aborted or the node ends the stream. */
    async *stream({ events, lastEventId, signal }: StreamQuery = {}): AsyncGenerator<StreamedEvent> {
      const response = await send(`${base}/v1/stream${queryText({ events })}`, {
        headers: {
          accept: "text/event-stream",
          ...authorization,
          ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
        },
        ...(signal !== undefined && { signal }),
      });
      if (!response.ok) throw new Refusal(response, await response.json().catch(() => null));
      yield* streamed(response.body!);
    },
  };
  return client;
}

const part = encodeURIComponent;
const timeText = (time: Date | string): string => typeof time === "string" ? time : time.toISOString();

function queryText(
  query: Readonly<Record<string, string | number | Date | readonly string[] | undefined>>,
): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
    const text = value instanceof Date ? value.toISOString() : Array.isArray(value) ? value.join(",") : value;
    return [`${name}=${part(String(text))}`];
  });
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** Server-sent events, as Waymark writes them: one `data` line each. */
async function* streamed(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamedEvent> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const value = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [event, data] = [value("event"), value("data")];
      if (event !== undefined && data !== undefined) {
        yield { event, id: value("id") ?? null, data: JSON.parse(data) };
      }
    }
  }
}
