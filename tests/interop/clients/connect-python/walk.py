"""Clients of Kafka Connect's REST API in Python, under the commands of ../README.md."""

import importlib
import sys
from importlib.metadata import version

from steps import Steps

PACKAGES = {"module": "kafka-connect-py", "command": "kafka-connect-py", "api": "kafka-connect-api"}


def main():
    client, command, *rest = sys.argv[1:]
    if command == "version":
        print(PACKAGES[client], version(PACKAGES[client]))
        return
    url, name, file = rest
    steps = Steps(name, file)
    importlib.import_module(f"walk_{client}").walk(url, steps)
    steps.end()


main()
