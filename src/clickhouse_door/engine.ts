/**
 * The door's own sessions with the embedded ClickHouse, apart from those of the sink and of the pages.
 *
 *   question ──► turn (a few at once, a few waiting) ──► session ──► SET param_… ──► statement ──► answer
 *
 * A reader's session gets its settings and then `readonly = 1`, which ClickHouse never takes back: whatever a
 * statement tries, the session stays as it was made. So it serves the next question with the same settings, and one
 * with other settings gets a session of its own (0.2 ms). Values for `{name:Type}` do stay behind in a session, which
 * is why a reader's statement may only name those that came with it. A writer's session serves one question. So does
 * one whose statement failed: chdb keeps what had been written of the answer and puts it before the next one.
 *
 * Statements run on threads of ClickHouse's; 24 at once hold the event loop for about 10 ms together. chdb lets a
 * closed session go only when what ran beside it has ended, so those count until then. With the last session of a
 * process it ends ClickHouse itself, and the next one starts it anew, tables, thread pools and all: one stays open.
 *
 * Where the door may write, every writer's statement is looked after (lost_writes.ts): chdb alone would call one
 * stored that a full disk refused, which no server does.
 */
import { Session } from "chdb";
import { messageOf, WaymarkError } from "../errors.ts";
import { fromUtf8 } from "../ids.ts";
import { type GuardedStatements, guardWrites, LostWrites } from "../sinks/lost_writes.ts";
import type { Clock } from "../time.ts";
import type { Asked } from "./asked.ts";
import type { DoorBounds } from "./bounds.ts";
import { type Failure, failureOf, refuse } from "./failure.ts";

export type Question = Pick<Asked, "database" | "parameters" | "settings"> & {
  statement: string;
  format: string;
  readOnly: boolean;
};

export type Answer = { ok: true; bytes: Uint8Array; rows: number; resultBytes: number; seconds: number };

export type Engine = {
  timezone: string;
  tableFunctions: string[];
  /**
   * One whose client goes while it waits is not asked; one that runs, runs to its end. The signal is asked for only
   * when there is waiting to do: taking a request's signal makes the runtime print a warning, once.
   */
  ask(question: Question, gone: () => AbortSignal): Promise<Answer | Failure>;
  /** Ends what waits at once, and readers' queries after bounds.closeMs. */
  close(): Promise<void>;
};

/** The data under `path` must be free or in use by this process. Throws data_dir_in_use. */
export async function openEngine(
  { path, bounds, clock, writes }: { path: string; bounds: DoorBounds; clock: Clock; writes: boolean },
): Promise<Engine> {
  const turns = takeTurns(bounds);
  const running = new Set<Promise<unknown>>();
  const closing = new Set<Promise<void>>();
  /** Sessions that can be used again, the one used longest ago first. */
  let idle: { key: string; session: Session }[] = [];
  let sessions = 0;

  function letGo(session: Session): void {
    const gone = Promise.allSettled([...running]).then(() => {
      sessions--;
      closing.delete(gone);
    });
    closing.add(gone);
    session.close();
  }

  async function room(): Promise<void> {
    while (sessions >= bounds.sessionsMax) {
      const oldest = idle.shift();
      if (oldest !== undefined) letGo(oldest.session);
      await Promise.race(closing);
    }
  }

  async function sessionFor(key: string): Promise<Session> {
    const kept = idle.findLast((one) => one.key === key);
    if (kept !== undefined) {
      idle = idle.filter((one) => one !== kept);
      return kept.session;
    }
    await room();
    const session = new Session(path);
    sessions++;
    try {
      if (key !== "") await run(session, key);
      return session;
    } catch (thrown) {
      letGo(session);
      throw thrown;
    }
  }

  function run(session: Session, sql: string, format = "TSV"): ReturnType<Session["queryAsync"]> {
    const answer = session.queryAsync(sql, { format });
    running.add(answer);
    answer.catch(() => {}).finally(() => running.delete(answer));
    return answer;
  }

  async function answer({ statement, format, readOnly, ...question }: Question): Promise<Answer> {
    const key = preparation({ ...question, readOnly, bounds });
    const session = await sessionFor(key);
    let fit = false;
    try {
      const values = question.parameters.map(([name, value]) => `param_${name} = ${quoted(value)}`);
      if (values.length > 0) await run(session, `SET ${values.join(", ")}`);
      const result = await run(session, statement, format);
      fit = readOnly;
      return {
        ok: true,
        bytes: result.bytes(),
        rows: result.rowsRead,
        resultBytes: result.bytesRead,
        seconds: result.elapsed,
      };
    } finally {
      if (fit) idle.push({ key, session });
      else letGo(session);
      while (idle.length > bounds.runningMax) letGo(idle.shift()!.session);
    }
  }

  function ownStatements(): GuardedStatements {
    const asked = { database: null, parameters: [], settings: [], readOnly: false, format: "JSONEachRow" };
    return {
      async query<Row>(sql: string): Promise<Row[]> {
        const text = fromUtf8((await answer({ ...asked, statement: sql })).bytes);
        return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Row);
      },
      async command(sql) {
        await answer({ ...asked, statement: sql });
      },
      close: () => Promise.resolve(),
    };
  }

  const first = openSession(path);
  const guard = writes ? guardWrites(ownStatements(), clock) : null;
  const lines = async (sql: string) => (await run(first, sql)).text().trim().split("\n");
  const [[timezone = "UTC"], tableFunctions] = [
    await lines("SELECT timezone()"),
    await lines("SELECT name FROM system.table_functions"),
  ];
  return {
    timezone,
    tableFunctions,
    async ask(question, gone) {
      const refused = await turns.wait(gone);
      if (refused !== null) return refused;
      try {
        if (guard === null) return await answer(question);
        if (!question.readOnly) return await guard.watched(() => answer(question));
        await guard.whole();
        return await answer(question);
      } catch (thrown) {
        return thrown instanceof LostWrites ? refuse("NOT_ENOUGH_SPACE", thrown.message) : failureOf(thrown);
      } finally {
        turns.done();
      }
    },
    async close() {
      const over = new AbortController();
      const ended = turns.end().then(() => over.abort());
      await clock.sleep(bounds.closeMs, over.signal);
      if (!over.signal.aborted) await run(first, endReaders, "Null");
      await ended;
      await guard?.close();
      for (const { session } of idle.splice(0)) letGo(session);
      await Promise.all(closing);
      first.close();
    },
  };
}

function openSession(path: string): Session {
  try {
    return new Session(path);
  } catch (thrown) {
    throw new WaymarkError(
      "data_dir_in_use",
      `cannot open the embedded ClickHouse at ${path}: ${
        messageOf(thrown)
      }; wanted: a folder used by one process`,
      { cause: thrown },
    );
  }
}

/** Only sessions of readers are `readonly`: the sink's statements and the pages' are left alone. */
const endReaders = "KILL QUERY WHERE Settings['readonly'] = '1' ASYNC";

/** What makes a session fit for a question. */
function preparation(
  { database, settings, readOnly, bounds }:
    & Pick<Question, "database" | "settings" | "readOnly">
    & { bounds: DoorBounds },
): string {
  const use = database === null || database === "" || database === "default" ? [] : [`USE \`${database}\``];
  const all = readOnly
    ? { ...readersSettings(bounds), ...Object.fromEntries(settings), readonly: "1" }
    : Object.fromEntries(settings);
  const set = Object.entries(all).map(([name, value]) => `${name} = ${quoted(value)}`);
  return [...use, ...(set.length > 0 ? [`SET ${set.join(", ")}`] : [])].join("; ");
}

const readersSettings = (bounds: DoorBounds): Record<string, string> => ({
  max_execution_time: String(bounds.queryMs / 1_000),
  timeout_overflow_mode: "throw",
  max_memory_usage: String(bounds.queryMemoryBytes),
  max_result_bytes: String(bounds.resultBytes),
  max_threads: String(bounds.queryThreads),
  max_query_size: String(bounds.readBytesMax),
  allow_introspection_functions: "0",
  implicit_select: "0",
});

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

type Turns = {
  /** Null when it is one's turn. */
  wait(gone: () => AbortSignal): Promise<Failure | null>;
  done(): void;
  /** Resolves when nobody has a turn any more. */
  end(): Promise<void>;
};

function takeTurns({ runningMax, waitingMax }: DoorBounds): Turns {
  const waiting = new Set<(refused: Failure | null) => void>();
  const empty = Promise.withResolvers<void>();
  let running = 0;
  let ended = false;
  const closed = () => refuse("ABORTED", "The door is closing");
  return {
    wait(gone) {
      if (ended) return Promise.resolve(closed());
      if (running < runningMax) {
        running++;
        return Promise.resolve(null);
      }
      if (waiting.size >= waitingMax) {
        const message = `Too many simultaneous queries: ${running} run and ${waiting.size} wait`;
        return Promise.resolve(refuse("TOO_MANY_SIMULTANEOUS_QUERIES", message));
      }
      const signal = gone();
      return new Promise((resolve) => {
        const leave = () => called(refuse("ABORTED", "The client has gone"));
        const called = (refused: Failure | null) => {
          waiting.delete(called);
          signal.removeEventListener("abort", leave);
          resolve(refused);
        };
        waiting.add(called);
        signal.addEventListener("abort", leave);
      });
    },
    done() {
      const [next] = waiting;
      if (next !== undefined) return next(null);
      running--;
      if (ended && running === 0) empty.resolve();
    },
    async end() {
      ended = true;
      for (const call of [...waiting]) call(closed());
      if (running === 0) empty.resolve();
      await empty.promise;
    },
  };
}
