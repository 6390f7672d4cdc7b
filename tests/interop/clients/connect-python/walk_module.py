"""kafka-connect-py as a module."""

from kafka_connect import KafkaConnect
from requests.exceptions import HTTPError

from steps import expect, is_all, once_there, refused, until


def walk(url, steps):
    connect = KafkaConnect(url=url)
    name, missing = steps.name, steps.missing

    def status():
        return connect.get_connector_status(name)

    def info():
        cluster = connect.get_cluster_info()
        expect(cluster["version"] and cluster["kafka_cluster_id"], cluster)

    def plugins():
        found = connect.list_connector_plugins()
        mine = [plugin for plugin in found if plugin["class"].endswith(".FileStreamSourceConnector")]
        expect(len(mine) == 1 and mine[0]["type"] == "source" and mine[0]["version"], found)

    def validate():
        verdict = connect.validate_connector_config("FileStreamSource", steps.named_config)
        expect(verdict["error_count"] == 0 and verdict["groups"], verdict["error_count"])
        verdict = connect.validate_connector_config("FileStreamSource", steps.invalid_config)
        wrong = [each["value"]["name"] for each in verdict["configs"] if each["value"]["errors"]]
        expect(verdict["error_count"] == 1 and wrong == ["topic"], wrong)

    def create():
        made = connect.create_connector({"name": name, "config": steps.config})
        expect(made["config"] == steps.named_config and made["type"] == "source", made)

    def listed():
        until(once_there(status), is_all("RUNNING"))
        expect(name in connect.list_connectors(), connect.list_connectors())
        by_status = connect.list_connectors(expand="status", pattern=name, state="running")
        expect(by_status[name]["status"]["type"] == "source", by_status)
        by_info = connect.list_connectors(expand="info")
        expect(by_info[name]["info"]["tasks"] == [{"connector": name, "task": 0}], by_info)

    def read():
        expect(connect.get_connector(name)["config"] == steps.named_config, connect.get_connector(name))
        expect(connect.get_connector_config(name) == steps.named_config, connect.get_connector_config(name))

    def tasks():
        found = connect.list_connector_tasks(name)
        expect([task["id"] for task in found] == [{"connector": name, "task": 0}], found)
        expect(found[0]["config"]["file"] == steps.config["file"], found)
        task = connect.get_connector_task_status(name, 0)
        expect(task["id"] == 0 and task["state"] == "RUNNING" and task["worker_id"], task)

    def pause():
        connect.pause_connector(name)
        until(status, is_all("PAUSED"))

    def resume():
        connect.resume_connector(name)
        until(status, is_all("RUNNING"))

    def stop():
        connect.stop_connector(name)
        until(status, is_all("STOPPED", tasks=0))
        connect.resume_connector(name)
        until(status, is_all("RUNNING"))

    def restart():
        expect(connect.restart_connector(name) is None, "an answer")
        until(status, is_all("RUNNING"))
        accepted = connect.restart_connector(name, include_tasks=True, only_failed=False)
        states = [accepted["connector"]["state"]] + [task["state"] for task in accepted["tasks"]]
        expect(states == ["RESTARTING", "RESTARTING"], accepted)
        until(status, is_all("RUNNING"))
        connect.restart_all_connectors(include_tasks=True, pattern=name)
        until(status, is_all("RUNNING"))
        connect.restart_connector_task(name, 0)
        until(status, is_all("RUNNING"))

    def topics():
        until(lambda: connect.list_connector_topics(name), lambda found: found[name]["topics"] == [steps.topic])
        connect.reset_connector_topics(name)

    def update():
        changed = {**steps.named_config, "batch.size": "100"}
        expect(connect.update_connector(name, changed)["config"] == changed, changed)
        until(lambda: connect.get_connector_config(name), lambda config: config == changed)
        until(status, is_all("RUNNING"))

    def errors():
        refused(409, lambda: connect.create_connector({"name": name, "config": steps.config}))
        invalid = {"name": missing, "config": {**steps.invalid_config, "name": missing}}
        refused(400, lambda: connect.create_connector(invalid))
        for ask in [
            connect.get_connector,
            connect.get_connector_config,
            connect.get_connector_status,
            connect.list_connector_tasks,
            connect.pause_connector,
            connect.resume_connector,
            connect.stop_connector,
            connect.delete_connector,
        ]:
            refused(404, lambda ask=ask: ask(missing))
        refused(404, lambda: connect.get_connector_task_status(name, 99))
        try:
            connect.restart_connector(missing)
        except HTTPError as error:
            # This client passes on the body alone.
            expect('"error_code":404' in str(error), error)
        else:
            raise AssertionError("restarted what is not there")

    def delete():
        connect.delete_connector(name)
        until(connect.list_connectors, lambda names: name not in names)
        refused(404, lambda: connect.get_connector(name))

    for action in [
        info,
        plugins,
        validate,
        create,
        listed,
        read,
        tasks,
        pause,
        resume,
        stop,
        restart,
        topics,
        update,
        errors,
        delete,
    ]:
        steps.step(action.__name__, action)
