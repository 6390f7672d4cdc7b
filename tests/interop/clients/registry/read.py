"""Reads a topic with Confluent's Python deserializers and prints each record as Kafka Connect prints a struct.

read.py BOOTSTRAP REGISTRY FORMAT TOPIC COUNT
"""

import importlib
import pathlib
import sys
import tempfile

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def protobuf_class(text, name):
    """The class of a message, made by protoc from the text that the registry has."""
    from grpc_tools import protoc

    folder = tempfile.mkdtemp()
    (pathlib.Path(folder) / "registered.proto").write_text(text)
    code = protoc.main(["protoc", f"-I{folder}", f"--python_out={folder}", "registered.proto"])
    if code != 0:
        sys.exit(f"protoc refuses what was registered:\n{text}")
    sys.path.insert(0, folder)
    return getattr(importlib.import_module("registered_pb2"), name)


def deserializer(registry, form, topic):
    latest = registry.get_latest_version(f"{topic}-value").schema
    if form == "avro":
        return AvroDeserializer(registry)
    if form == "json":
        return JSONDeserializer(latest, schema_registry_client=registry)
    message = protobuf_class(latest.schema_str, "Order")
    return ProtobufDeserializer(message, {"use.deprecated.format": False})


def shown(value):
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "DESCRIPTOR"):
        return shown({field.name: getattr(value, field.name) for field in value.DESCRIPTOR.fields})
    if isinstance(value, dict):
        return "Struct{" + ",".join(f"{name}={shown(part)}" for name, part in value.items()) + "}"
    return str(value)


def main():
    bootstrap, address, form, topic, count = sys.argv[1:]
    registry = SchemaRegistryClient({"url": address})
    deserialize = deserializer(registry, form, topic)
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"read-{topic}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    context = SerializationContext(topic, MessageField.VALUE)
    left = int(count)
    while left:
        record = consumer.poll(30)
        if record is None:
            sys.exit(f"{left} records are missing")
        if record.error():
            sys.exit(str(record.error()))
        print(shown(deserialize(record.value(), context)))
        left -= 1
    consumer.close()


main()
