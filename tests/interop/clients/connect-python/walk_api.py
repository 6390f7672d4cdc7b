"""kafka-connect-api, which ends some paths with a slash and knows the loggers."""

from kafka_connect_api.errors import ConnectApiException, GenericConflict, GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

from steps import expect, is_all, once_there, until


def raises(kind, action):
    try:
        answer = action()
    except kind as error:
        return error
    raise AssertionError(f"not refused: {answer}")


def walk(url, steps):
    host, port = url.removeprefix("http://").split(":")
    api = Api(hostname=host, port=int(port))
    cluster = Cluster(api)
    connector = Connector(cluster, steps.name)
    absent = Connector(cluster, steps.missing)

    def status():
        return connector.status

    def info():
        expect(cluster.version and cluster.kafka_cluster, repr(cluster))

    def plugins():
        classes = [plugin["class"] for plugin in api.get("connector-plugins")]
        expect(any(name.endswith(".FileStreamSourceConnector") for name in classes), classes)

    def create():
        made = api.post("/connectors", json={"name": steps.name, "config": steps.config})
        expect(made["name"] == steps.name, made)

    def listed():
        until(once_there(status), is_all("RUNNING"))
        expect(steps.name in cluster.connectors, cluster.connectors)
        expect(connector.exists(), "not there")

    def read():
        expect(connector.config == steps.named_config, connector.config)
        expect(connector.connector_class == "FileStreamSource", connector.connector_class)

    def tasks():
        (task,) = connector.tasks
        expect(task.id == 0 and task.is_running() and task.config["topic"] == steps.topic, task.status)

    def pause():
        connector.pause()
        until(status, is_all("PAUSED"))

    def resume():
        connector.resume()
        until(status, is_all("RUNNING"))

    def restart():
        connector.restart()
        until(status, is_all("RUNNING"))
        connector.restart_all_tasks()
        until(status, is_all("RUNNING"))
        connector.cycle_connector()
        until(status, is_all("RUNNING"))

    def update():
        changed = {**steps.named_config, "batch.size": "100"}
        connector.config = changed
        until(lambda: connector.config, lambda config: config == changed)

    def loggers():
        before = cluster.root_logger["level"]
        cluster.root_logger = "WARN"
        expect(cluster.root_logger["level"] == "WARN", cluster.root_logger)
        set_loggers = cluster.set_logger_log_level("root", before)
        expect("root" in set_loggers, set_loggers)

    def errors():
        create_again = {"name": steps.name, "config": steps.config}
        raises(GenericConflict, lambda: api.post("/connectors", json=create_again))
        raises(GenericNotFound, absent.exists)
        raises(GenericNotFound, lambda: absent.status)
        raises(GenericNotFound, absent.restart)
        raises(GenericNotFound, absent.delete)
        invalid = {"name": steps.missing, "config": {**steps.invalid_config, "name": steps.missing}}
        refused = raises(ConnectApiException, lambda: api.post("/connectors", json=invalid))
        expect(refused.code == 400, refused.code)

    def delete():
        connector.delete()
        until(lambda: cluster.connectors, lambda names: steps.name not in names)

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
        update,
        loggers,
        errors,
        delete,
    ]:
        steps.step(action.__name__, action)
