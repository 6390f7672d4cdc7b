"""A member of a consumer group in a process of its own, so that it can be killed.

Usage: group_member.py HOST:PORT GROUP TOPIC. Prints its number of partitions whenever that changes, until it is ended.
"""

import sys

from confluent_kafka import Consumer


def main():
    server, group, topic = sys.argv[1:]
    consumer = Consumer({
        "bootstrap.servers": server,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 500,
    })
    consumer.subscribe([topic])
    shown = None
    while True:
        consumer.poll(0.2)
        share = len(consumer.assignment())
        if share != shown:
            print(share, flush=True)
            shown = share


if __name__ == "__main__":
    main()
