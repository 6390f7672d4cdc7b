"""What the clients do alike: names, configurations, waiting, and a line a step."""

import sys
import time

PATIENCE = 60


class Steps:
    def __init__(self, name, file):
        self.name = name
        self.missing = f"{name}-missing"
        self.topic = f"{name}-topic"
        self.config = {
            "connector.class": "FileStreamSource",
            "tasks.max": "1",
            "file": file,
            "topic": self.topic,
        }
        self.failed = False

    @property
    def named_config(self):
        return {**self.config, "name": self.name}

    @property
    def invalid_config(self):
        """Without the topic, which the connector needs."""
        return {key: value for key, value in self.named_config.items() if key != "topic"}

    def step(self, name, action):
        try:
            action()
            print("ok", name, flush=True)
        except Exception as error:
            self.failed = True
            print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)

    def end(self):
        sys.exit(1 if self.failed else 0)


def expect(holds, seen):
    if not holds:
        raise AssertionError(f"unexpected: {seen}")


def until(look, holds):
    """Looks again until it holds; gives what was seen."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if holds(seen):
            return seen
        expect(time.monotonic() < deadline, seen)
        time.sleep(0.05)


def once_there(look):
    """Looks so that None stands for the first moments, in which a worker of a group has no status yet."""

    def attempt():
        try:
            return look()
        except Exception as error:
            if "404" not in str(error):
                raise
            return None

    return attempt


def is_all(state, tasks=1):
    """Whether a status says that the connector and its tasks, as many as these, are in a state."""

    def holds(status):
        if status is None:
            return False
        states = [task["state"] for task in status["tasks"]]
        return status["connector"]["state"] == state and states == [state] * tasks

    return holds


def refused(status, action):
    """The action must end with an error of this HTTP status, whose `response` the error has."""
    try:
        answer = action()
    except Exception as error:
        expect(getattr(getattr(error, "response", None), "status_code", None) == status, repr(error))
        return error
    raise AssertionError(f"not refused: {answer}")
