"""kafka-connect-py as the command `kc`."""

import json
import subprocess
import sys
from pathlib import Path

from steps import expect, is_all, once_there, until


def walk(url, steps):
    program = Path(sys.executable).parent / "kc"
    name, missing = steps.name, steps.missing

    def said(*words):
        ended = subprocess.run(
            [program, "--url", url, *words], capture_output=True, text=True, timeout=60, check=False
        )
        expect(ended.returncode == 0 and not ended.stderr, ended)
        return ended.stdout

    def kc(*words):
        text = said(*words)
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            raise RuntimeError(text) from None

    def status():
        return kc("status", name)

    def info():
        expect(kc("info")["kafka_cluster_id"], "no cluster id")

    def plugins():
        classes = [plugin["class"] for plugin in kc("list-plugins")]
        expect(any(name.endswith(".FileStreamSourceConnector") for name in classes), classes)

    def create():
        made = kc("create", "--config-data", json.dumps({"name": name, "config": steps.config}))
        expect(made["config"] == steps.named_config, made)

    def listed():
        until(once_there(status), is_all("RUNNING"))
        expect(name in kc("list", "--state", "running", "--pattern", name), "not listed")
        expect(kc("list", "--expand", "info")[name]["info"]["type"] == "source", "not listed with its type")

    def read():
        expect(kc("get", name)["name"] == name, "another name")
        expect(kc("config", name) == steps.named_config, "another configuration")

    def tasks():
        expect(kc("list-tasks", name)[0]["id"]["task"] == 0, "another task")
        expect(kc("task-status", name, "0")["state"] == "RUNNING", "another state")

    def pause():
        said("pause", name)
        until(status, is_all("PAUSED"))

    def resume():
        said("resume", name)
        until(status, is_all("RUNNING"))

    def restart():
        kc("restart", name)
        until(status, is_all("RUNNING"))
        kc("restart", name, "--include-tasks", "--only-failed")
        kc("restart-task", name, "0")
        until(status, is_all("RUNNING"))

    def topics():
        until(lambda: kc("list-topics", name), lambda found: found[name]["topics"] == [steps.topic])
        kc("reset-topics", name)

    def update():
        changed = {**steps.named_config, "batch.size": "100"}
        expect(kc("update", name, "--config-data", json.dumps(changed))["config"] == changed, changed)

    def errors():
        again = json.dumps({"name": name, "config": steps.config})
        expect("409 Client Error" in said("create", "--config-data", again), "created again")
        invalid = json.dumps({"name": missing, "config": {**steps.invalid_config, "name": missing}})
        expect("400 Client Error" in said("create", "--config-data", invalid), "created")
        for command in ["get", "config", "status", "list-tasks", "pause", "resume", "delete"]:
            text = said(command, missing)
            expect("404 Client Error" in text, text)

    def delete():
        said("delete", name)
        until(lambda: kc("list"), lambda names: name not in names)

    for action in [
        info,
        plugins,
        create,
        listed,
        read,
        tasks,
        pause,
        resume,
        restart,
        topics,
        update,
        errors,
        delete,
    ]:
        steps.step(action.__name__, action)
