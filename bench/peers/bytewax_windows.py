"""The query on Bytewax, for bench/peers/peers.ts: python -m bytewax.run 'bytewax_windows:flow(...)'.

    flow(brokers, input, output)

One stateful operator by city, as its own logic: Bytewax's window operators drop what is behind the greatest time that
a worker has seen, and a worker reads the partitions of a backlog unevenly, so that they lose a tenth to a fifth of the
counts. Here lateness is three hours, as for Kafka Streams. Each window has its figures and a set of riders; windows
that changed are published every second. Records are decoded a batch at a time. No recovery store: a crash loses the
state.
"""

import os
from datetime import datetime, timedelta, timezone

import orjson
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow

PANES = int(os.environ.get("WINDOW_MINUTES", "5"))
UPDATES = timedelta(seconds=1)
LATENESS_MINUTES = 3 * 60

FIELD = {"requested": 1, "completed": 2, "cancelled": 3}


class Window:
    """Total, requests, completions, cancellations, cents of fares, fares; and who rode."""

    __slots__ = ("figures", "riders")

    def __init__(self):
        self.figures = [0, 0, 0, 0, 0, 0]
        self.riders = set()


class City(op.StatefulBatchLogic):
    def __init__(self):
        self.windows = {}
        self.changed = set()
        self.due = None
        self.newest = 0

    def on_batch(self, events):
        windows, changed = self.windows, self.changed
        for minute, field, cents, rider in events:
            if minute > self.newest:
                self.newest = minute
            for start in range(minute - PANES + 1, minute + 1):
                window = windows.get(start)
                if window is None:
                    window = windows[start] = Window()
                figures = window.figures
                figures[0] += 1
                if field:
                    figures[field] += 1
                if cents is not None:
                    figures[4] += cents
                    figures[5] += 1
                window.riders.add(rider)
                changed.add(start)
        if self.due is None:
            self.due = datetime.now(timezone.utc) + UPDATES
        return (), op.StatefulBatchLogic.RETAIN

    def on_notify(self):
        changed = [(start, self.windows[start]) for start in sorted(self.changed)]
        rows = [(start, [*window.figures, len(window.riders)]) for start, window in changed]
        self.changed.clear()
        self.due = None
        oldest = self.newest - LATENESS_MINUTES
        for start in [start for start in self.windows if start + PANES <= oldest]:
            del self.windows[start]
        return rows, op.StatefulBatchLogic.RETAIN

    def notify_at(self):
        return self.due

    def snapshot(self):
        """Asked for with every epoch, and let go of where there is no recovery store."""
        return None


MINUTES = {}


def minute_of(timestamp):
    """Minutes since 1970 of a time in UTC; what is before its seconds is read once."""
    minute = MINUTES.get(timestamp[:16])
    if minute is None:
        at = datetime.fromisoformat(timestamp[:16]).replace(tzinfo=timezone.utc)
        minute = MINUTES[timestamp[:16]] = int(at.timestamp()) // 60
    return minute


def decode(messages):
    events = []
    for message in messages:
        event = orjson.loads(message.value)
        fare = event.get("estimated_fare")
        cents = None if fare is None else round(fare * 100)
        counted = (minute_of(event["timestamp"]), FIELD.get(event["event_type"], 0), cents, event["user_id"])
        events.append((event["city"], counted))
    return events


def iso(minute):
    return datetime.fromtimestamp(minute * 60, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def encode(row):
    city, (start, (total, requests, completions, cancellations, cents, fares, riders)) = row
    value = {
        "city": city,
        "window_start": iso(start),
        "window_end": iso(start + PANES),
        "total_events": total,
        "requests": requests,
        "completions": completions,
        "cancellations": cancellations,
        "avg_fare": None if fares == 0 else round(cents / fares) / 100,
        "unique_riders": riders,
    }
    return KafkaSinkMessage(key=f"{city}|{start}".encode(), value=orjson.dumps(value))


def flow(brokers, source, sink):
    at = brokers.split(",")
    made = Dataflow("windows")
    messages = op.input("read", made, KafkaSource(at, [source], batch_size=5_000))
    events = op.flat_map_batch("decode", messages, decode)
    rows = op.stateful_batch("windows", events, lambda state: City())
    out = op.map("encode", rows, encode)
    op.output("write", out, KafkaSink(at, sink, {"compression.type": "lz4", "linger.ms": "50"}))
    return made
