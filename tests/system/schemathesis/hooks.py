"""What schemathesis cannot know of a worker: connectors that are there, configurations that are nearly right, and the
failures that Kafka Connect's API answers with 500, which its clients rely on. Any other 500 is a finding."""

import fnmatch
import json
import random

import schemathesis

# What a body must be, the routes between workers of a group, and what connectors and clients themselves refuse.
NAMED = [
    "the request body *",
    "cannot parse the request body as JSON: *",
    "the value of * must be a string, not *",
    'cannot read *"*": *',
    'an element of "offsets" must be a JSON object, not *',
    "Offsets may only contain primitive types as values, but field * contains *",
    "Non-string value found in original settings for key *: null",
    'Unrecognized field *',
    '"*" must be *',
    "initial_state is '*', not one of RUNNING, PAUSED, STOPPED",
    "Standalone workers do not take requests of other workers",
    "the level is empty",
    "*.BadRequestException: Connector config * contains no connector type",
    "*.BadRequestException: Failed to find any class that implements Connector and which name matches *",
    "*.ConfigException: Invalid value *",
    "Failed to transition connector * to state STARTED: *",
    "Failed to start task: *",
    "Failed to modify offsets for sink connector *",
    "Missing required configuration *",
    "* must *have the key *",
    "* must be an integer*",
    "offsets of standard input are not tracked *",
    "a source partition may not be null",
]
CONNECTORS = ["source", "sink", "stopped", "nobody"]
SOURCE = {"connector.class": "FileStreamSource", "topic": "fuzz", "file": "in.txt"}
PLUGINS = ["FileStreamSource", "FileStreamSink", "Json", "StringConverter", "Long", "NoSuch"]


@schemathesis.check
def server_errors_are_named(ctx, response, case):
    if response.status_code < 500:
        return
    try:
        message = json.loads(response.text)["message"]
    except (ValueError, KeyError):
        message = response.text
    if not any(fnmatch.fnmatchcase(str(message), pattern) for pattern in NAMED):
        raise AssertionError(f"{response.status_code}: {message}")


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    for key, known in (("connector", CONNECTORS), ("plugin", PLUGINS)):
        if path_parameters and key in path_parameters and random.random() < 0.7:
            path_parameters[key] = random.choice(known)
    return path_parameters


@schemathesis.hook
def map_body(ctx, body):
    path = ctx.operation.path
    if isinstance(body, dict) and random.random() < 0.6:
        if path.endswith("/config") or path.endswith("/validate"):
            return {**SOURCE, **body}
        if path == "/connectors" and isinstance(body.get("config"), dict):
            return {**body, "config": {**SOURCE, **body["config"]}}
    return body
