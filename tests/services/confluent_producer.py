"""Sends ride events as a ride service in Python does: a file of JSON lines to a topic, keyed by ride_id.

    python confluent_producer.py BROKERS TOPIC FILE

Waits some milliseconds to fill a batch, packs it with lz4, and leaves the choice of the partition to the library:
the CRC-32 of the key. Exit code 1 when the brokers refused an event or did not answer in time.
"""

import json
import sys

from confluent_kafka import Producer

# Seconds that the last events may take to be acknowledged.
FLUSH_MAX = 60

brokers, topic, path = sys.argv[1:]
refused = []
producer = Producer(
    {
        "bootstrap.servers": brokers,
        "linger.ms": 50,
        "batch.num.messages": 1000,
        "compression.type": "lz4",
    }
)


def note_refusal(error, message):
    if error is not None:
        refused.append(f"{message.key()}: {error}")


sent = 0
with open(path, encoding="utf-8") as lines:
    for line in lines:
        event = json.loads(line)
        producer.produce(topic, key=event["ride_id"], value=json.dumps(event), on_delivery=note_refusal)
        producer.poll(0)
        sent += 1

unanswered = producer.flush(FLUSH_MAX)
print(f"{sent - unanswered - len(refused)} of {sent} events acknowledged")
for refusal in refused[:10]:
    print(refusal, file=sys.stderr)
sys.exit(1 if refused or unanswered else 0)
