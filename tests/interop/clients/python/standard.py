"""What the three Python programs share: the standard records, the commands, the report. ../README.md tells of both."""

import random
import sys
import time
import traceback
import uuid

COUNT = 1000
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PATIENCE_S = 30


def key(number):
    return {0: None, 1: b""}.get(number % 5, b"key-%d" % number)


def value(number):
    if number % 7 == 0 and number % 5 != 0:
        return None
    return {1: b""}.get(number % 7, f"{number} größe 日本 {'x' * (number % 300)}".encode())


def headers(number):
    return [[], [("number", b"%d" % number)], [("h", b"1"), ("h", b"2"), ("empty", b"")]][number % 3]


def verify(number, record):
    """Compares (offset, key, value, headers) with the standard record of this number."""
    expected = (number, key(number), value(number), headers(number))
    assert record == expected, f"expected {expected}, got {record}"


def noise(size):
    """Bytes that no codec makes smaller, the same each time."""
    return random.Random(size).randbytes(size)


def unique(what):
    return f"{what}-{uuid.uuid4()}"


def until(what, holds):
    """Calls `holds` until it does."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"


class Report:
    """Runs checks and prints a line for each."""

    def __init__(self):
        self.failed = False

    def run(self, name, check, *arguments):
        try:
            check(*arguments)
            print("ok", name, flush=True)
        except Exception as error:
            self.failed = True
            print(f"FAILED {name}: {error!r}", flush=True)
            traceback.print_exc()


def announce(partitions):
    print("assigned", *sorted(partitions), flush=True)


def announce_record(partition, offset, value):
    print("record", partition, offset, value.decode(), flush=True)


def main(client):
    """Carries out a command with the client: a module or object with a function a command."""
    command, *arguments = sys.argv[1:]
    if command == "version":
        print(client.version())
        return
    server, *rest = arguments
    report = Report()
    if command == "checks":
        for name, check in client.CHECKS.items():
            report.run(name, check, server)
    elif command == "produce":
        prefix, *codecs = rest
        for codec in codecs:
            report.run(f"produced {codec}", client.produce_standard, server, f"{prefix}-{codec}", codec)
    elif command == "consume":
        for topic in rest:
            report.run(f"consumed {topic}", client.consume_standard, server, topic)
    elif command == "fill":
        topic, start, end = rest
        client.fill(server, topic, range(int(start), int(end)))
    elif command == "member":
        client.member(server, *rest)
    else:
        sys.exit(f"no such command: {command}")
    sys.exit(report.failed)
