"""A PyE2 node, written from the description of its protocol and sharing no code with ours.

It takes commands, answers, and publishes as the engine of that time does (sections 5 and 8 to 13 of
the PyE2 wire protocol). It runs no code: an instance of custom code "returns" the text that it was
sent, and how often it ran; a request with ``raise`` in its text "raises"; a distributed job is done
at once.
"""

from __future__ import annotations

import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, Self

from attrs import define
from wire_format import (
    PATIENCE,
    PREFIX,
    NumpyTwoFloat,
    WireConnection,
    packed,
    unpacked,
    verifies,
    wire_time,
    without_prefix,
)
from wire_voice import Asker, NodeVoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Message = dict[str, Any]

    Path = tuple[str | None, ...]

CHAIN_DIST = "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST"
REST_CUSTOM_EXEC = "REST_CUSTOM_EXEC_01"
NOWHERE: Path = (None, None, None)


@define
class Instance:
    """An instance that is "running"."""

    path: Path
    settings: Message
    asker: Asker
    runs: int = 0
    confirms: bool = True
    last_request: Message | None = None


@define
class Habits:
    """What a node of PyE2's does, in several ways.

    Attributes:
        heartbeat_version: "v1" or "v2".
        signs_like_numpy_two: whether its payloads never verify (section 3.1, Q2).
        confirms_later: whether a changed configuration is confirmed only when :meth:`WireNode.run`
            is called, as after a long ``PROCESS_DELAY``.
        refuses: settings that it refuses with code -1.
        answers_requests: whether code that is to be run once gets a result.
        prefix: how it begins its own address in what it says (section 2).
    """

    heartbeat_version: str = "v2"
    signs_like_numpy_two: bool = False
    confirms_later: bool = False
    refuses: str | None = None
    answers_requests: bool = True
    prefix: str = PREFIX


class WireNode(NodeVoice):
    """A PyE2 node on a broker."""

    def __init__(
        self,
        url: str,
        name: str,
        *,
        allow: Iterable[str] = (),
        habits: Habits | None = None,
        root: str = "naeural",
    ) -> None:
        self.habits = habits or Habits()
        super().__init__(url, name, root, self.habits.prefix)
        self.commands: list[Message] = []
        self.dropped: list[Message] = []
        self.pipelines: dict[str, Message] = {}
        self.instances: dict[Path, Instance] = {}
        self._allowed = {without_prefix(each) for each in allow}
        self._seen: set[str] = set()
        self._told = threading.Condition()
        own = [f"{root}/{each}/config" for each in (name, self.key.address)]
        self._ear = WireConnection(
            url, f"{name}_COMMAND_{secrets.token_hex(4)}", own, self._on_command
        )
        self.beat()

    def close(self) -> None:
        self._ear.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_for_command(self, action: str) -> Message:
        """The last command of that action, decrypted, as soon as there is one."""

        def found() -> list[Message]:
            return [each for each in self.commands if each["ACTION"] == action]

        with self._told:
            assert self._told.wait_for(found, PATIENCE), f"no {action} came"
            return found()[-1]

    def wait_until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so, looking again after each command."""
        with self._told:
            assert self._told.wait_for(is_so, PATIENCE), "it did not become so"

    # --- what it publishes (sections 9 and 11) ----------------------------------------------------

    def beat(self) -> None:
        """Section 9."""
        with self._lock:
            status = self._status()
            if self.habits.heartbeat_version == "v1":
                body = {**status, "HEARTBEAT_VERSION": "v1"}
            else:
                body = {
                    "HEARTBEAT_VERSION": "v2",
                    "ENCODED_DATA": packed(json.dumps(status)),
                    "NR_INFERENCES": 0,
                    "NR_PAYLOADS": 0,
                    "NR_STREAMS_DATA": 0,
                }
            self.publish("ctrl", "HEARTBEAT", NOWHERE, body)

    def _status(self) -> Message:
        return {
            "CURRENT_TIME": wire_time(),
            "EE_ADDR": self.writes_address_as,
            "EE_WHITELIST": sorted(self._allowed),
            "EE_IS_SUPER": False,
            "EE_FORMATTER": "",
            "SECURED": True,
            "EE_HB_TIME": 10,
            "DEVICE_STATUS": "ONLINE",
            "MACHINE_MEMORY": 23.541,
            "AVAILABLE_MEMORY": 22.0,
            "CPU_USED": 51.0,
            "GPUS": "Pytorch or NVidia-SMI issue",
            "UPTIME": 154.8986295499999,
            "VERSION": "2.0.34 | 5.0.35 |1.1.37",
            "ACTIVE_PLUGINS": [
                {"STREAM_ID": path[0], "SIGNATURE": path[1], "INSTANCE_ID": path[2]}
                for path in self.instances
            ],
            "CONFIG_STREAMS": list(self.pipelines.values()),
        }

    def payload(self, instance: Instance, fields: Message) -> None:
        """Section 11."""
        asker = instance.asker
        pipeline, signature, instance_id = instance.path
        resolution = 19.5
        body = {
            "TIMESTAMP_EXECUTION": wire_time(),
            "STREAM": pipeline,
            "PIPELINE": pipeline,
            "STREAM_NAME": pipeline,
            "SIGNATURE": signature,
            "INSTANCE_ID": instance_id,
            "INITIATOR_ID": asker.name,
            "INITIATOR_ADDR": asker.address,
            "MODIFIED_BY_ID": asker.name,
            "MODIFIED_BY_ADDR": asker.address,
            "SESSION_ID": asker.session_id,
            "TAGS": "",
            "ID_TAGS": [],
            "COLLECTED": False,
            "ID": instance.runs,
            "STATUS": "N/A",
            "PLUGIN_CATEGORY": "general",
            "_P_PLUGIN_REAL_RESOLUTION": (
                NumpyTwoFloat(resolution) if self.habits.signs_like_numpy_two else resolution
            ),
            "_P_ALIVE_TIME_MINS": 0.0,
            **fields,
        }
        receiver = asker.address if instance.settings.get("ENCRYPT_PAYLOAD") else None
        self.publish("payloads", "PAYLOAD", instance.path, body, receiver)

    # --- hearing (section 8) ----------------------------------------------------------------------

    def _on_command(self, topic: str, data: bytes) -> None:
        message = json.loads(data)
        if message["EE_HASH"] in self._seen:
            return
        self._seen.add(message["EE_HASH"])
        if message["EE_ID"] not in (self.name, self.address) or not verifies(message):
            self.dropped.append(message)
            return
        if message["EE_IS_ENCRYPTED"]:
            inner = self.key.decrypt(message["EE_ENCRYPTED_DATA"], message["EE_SENDER"])
            message = {**message, **json.loads(inner or "null")}
        with self._lock:
            self._obey(message)
        with self._told:
            self.commands.append(message)
            self._told.notify_all()

    def _obey(self, message: Message) -> None:
        action, payload = message["ACTION"], message["PAYLOAD"]
        if action in ("FULL_HEARTBEAT", "TIMERS_ONLY_HEARTBEAT", "SIMPLE_HEARTBEAT"):
            self.beat()
            return
        if without_prefix(message["EE_SENDER"]) not in self._allowed:
            self.dropped.append(message)  # in silence, as PyE2's nodes do
            return
        asker = Asker(message["EE_SENDER"], message["INITIATOR_ID"], message["SESSION_ID"])
        handlers: dict[str, Callable[[Asker, Any], None]] = {
            "UPDATE_CONFIG": self._update_pipeline,
            "BATCH_UPDATE_PIPELINE_INSTANCE": self._update_instances,
            "UPDATE_PIPELINE_INSTANCE": self._update_instance,
            "PIPELINE_COMMAND": self._pipeline_command,
            "ARCHIVE_CONFIG": self._archive,
        }
        handlers[action](asker, payload)
        self.beat()

    # --- pipelines (sections 7 and 10) ------------------------------------------------------------

    def _update_pipeline(self, asker: Asker, config: Message) -> None:
        name = config["NAME"]
        what = "new" if name not in self.pipelines else "existing"
        who = f"{asker.name}:{asker.session_id}"
        text = f"Received VALIDATED command for {what} pipeline {name!r} from {who}"
        self.notify(asker, NOWHERE, None, text)
        if self.habits.refuses is not None and self.habits.refuses in json.dumps(config):
            text = f"The pipeline {name!r} has an invalid configuration"
            self.notify(asker, (name, None, None), -1, text, "EXCEPTION")
            return
        self.pipelines[name] = {
            **config,
            "INITIATOR_ADDR": asker.address,
            "INITIATOR_ID": asker.name,
            "MODIFIED_BY_ADDR": asker.address,
            "MODIFIED_BY_ID": asker.name,
            "SESSION_ID": asker.session_id,
            "VALIDATED": True,
            "LAST_UPDATE_TIME": wire_time(),
        }
        text = f"Successfully updated {what} configuration for pipeline {name!r}"
        self.notify(asker, (name, None, None), 1, text)
        stated = dict(_stated_instances(config))
        for path in [each for each in self.instances if each[0] == name and each not in stated]:
            del self.instances[path]
        for path, settings in stated.items():
            self._run_with(asker, path, settings)

    def _run_with(self, asker: Asker, path: Path, settings: Message) -> None:
        known = self.instances.get(path)
        if known is not None and known.settings == settings:
            return
        instance = Instance(path, settings, asker)
        self.instances[path] = instance
        if known is None:
            self.notify(asker, path, 120, "Plugin configured while being stopped")
            self.payload(instance, {"STATUS": "Working hours shift STARTED"})
            self.notify(asker, path, 112, "Starting new working hours shift NON-STOP")
        else:
            instance.runs, instance.last_request = known.runs, known.last_request
        if known is None or not self.habits.confirms_later:
            self._run(instance)

    def run_all(self) -> None:
        """Have each instance run once more."""
        with self._lock:
            for instance in self.instances.values():
                self._run(instance)

    def _run(self, instance: Instance) -> None:
        instance.runs += 1
        if instance.path[1] == CHAIN_DIST:
            self._finish_job(instance)
        elif instance.path[1] == REST_CUSTOM_EXEC:
            self._answer_request(instance)
        else:
            self.payload(instance, _result_of(instance))
        if instance.confirms:
            instance.confirms = False
            pipeline, signature, instance_id = instance.path
            text = (
                f" >>>>>>> Instance <stream='{pipeline}' sign='{signature}' inst='{instance_id}'>"
            )
            self.notify(instance.asker, instance.path, 100, f"{text} exec ok post config")

    def _answer_request(self, instance: Instance) -> None:
        """Each value of ``REQUEST`` is run once; after an error code 100 comes late."""
        request = instance.settings.get("REQUEST")
        if request is None and instance.runs == 1:
            self.payload(instance, {"INFO_MANIFEST": {"REQUEST": "what to run"}})
        if request is None or request == instance.last_request:
            return
        instance.last_request = request
        if not self.habits.answers_requests:
            return
        text = unpacked(request["DATA"]["CODE"])
        error = "RuntimeError: raised" if "raise" in text else None
        said = {
            str(instance.settings.get("RESULT_KEY", "exec_result")).upper(): None
            if error
            else {"text": text, "run": instance.runs},
            str(instance.settings.get("ERROR_KEY", "exec_errors")).upper(): error,
            "EXEC_WARNING": ["Result might be erroneous due to plugin being allowed to run"],
            "TIMESTAMP": request["TIMESTAMP"],
        }
        self.payload(instance, said)
        if error:
            self.notify(instance.asker, instance.path, None, f"Exception: {error}", "EXCEPTION")
            instance.confirms = False

    def _finish_job(self, instance: Instance) -> None:
        """The first payload has no progress, the last one is repeated (section 13)."""
        started = {"START_DATE": wire_time(), "ELAPSED_TIME": "0:00:00"}
        first: Message = {
            "PROGRESS": None,
            "PROGRESS_BY_NODE": {},
            "DATA": [],
            "STATE": "SPLIT_INPUT",
        }
        self.payload(instance, {**started, **first, "REMAINING_TIME": "Not yet implemented"})
        code = unpacked(instance.settings["CUSTOM_CODE_REMOTE_NODE"])
        last = {"PROGRESS": 100, "DATA": [code], "REMAINING_TIME": "0:00:00"}
        for _ in range(2):
            self.payload(instance, {**started, **last})

    def _archive(self, asker: Asker, name: str) -> None:
        path = (name, None, None)
        if self.pipelines.pop(name, None) is None:
            text = f"Pipeline {name!r} not found"
            self.notify(asker, path, -4, text, "ABNORMAL FUNCTIONING")
            return
        for each in [each for each in self.instances if each[0] == name]:
            del self.instances[each]
        self.notify(asker, path, None, f"Successfully deleted pipeline {name!r}")
        self.notify(asker, path, 4, f"Successfully archived pipeline {name!r}")

    def _pipeline_command(self, asker: Asker, payload: Message) -> None:
        path = (payload["NAME"], None, None)
        text = f"Prepared pipeline command for pipeline {payload['NAME']!r}"
        self.notify(asker, path, None, text)

    # --- instances --------------------------------------------------------------------------------

    def _update_instances(self, asker: Asker, updates: list[Message]) -> None:
        changed = [each for each in updates if self._store(asker, each)]
        text = (
            f"Successfully updated {len(changed)} pipelines with `batch_update_pipeline_instance`"
        )
        self.notify(asker, NOWHERE, None, text)
        for each in changed:
            self._apply(asker, each)

    def _update_instance(self, asker: Asker, update: Message) -> None:
        if self._store(asker, update):
            self._apply(asker, update)

    def _store(self, asker: Asker, update: Message) -> bool:
        path = _path_of(update)
        if path not in self.instances:
            self.notify(asker, path, -1, f"No instance {path}", "EXCEPTION")
            return False
        text = f"Successfully updated with VALIDATED command {path[2]}:{path[0]}:{path[1]}"
        self.notify(asker, path, 1, text)
        return True

    def _apply(self, asker: Asker, update: Message) -> None:
        path, changes = _path_of(update), dict(update["INSTANCE_CONFIG"])
        if "INSTANCE_COMMAND" in changes:
            self._instance_command(asker, path, changes["INSTANCE_COMMAND"])
            return
        changes.pop("INSTANCE_ID", None)
        settings = {**self.instances[path].settings, **changes}
        stored = self.pipelines[str(path[0])]
        for plugin in stored["PLUGINS"]:
            for each in plugin["INSTANCES"]:
                if (plugin["SIGNATURE"], each["INSTANCE_ID"]) == path[1:]:
                    each.update(changes)
        self._run_with(asker, path, settings)

    def _instance_command(self, asker: Asker, path: Path, command: Message) -> None:
        """The rest of the command is echoed as ``COMMAND_PARAMS`` (section 6)."""
        data = {key: value for key, value in command.items() if key != "COMMAND_PARAMS"}
        parameters = command.get("COMMAND_PARAMS", {})
        if parameters.get("FAIL"):
            self.notify(asker, path, -101, "the command failed", "EXCEPTION")
            return
        self.payload(self.instances[path], {"COMMAND_PARAMS": data, "SAID": parameters})
        self.notify(asker, path, 101, f"Command {data} executed.")


def _stated_instances(config: Message) -> Iterator[tuple[Path, Message]]:
    for plugin in config["PLUGINS"]:
        for each in plugin["INSTANCES"]:
            settings = {key: value for key, value in each.items() if key != "INSTANCE_ID"}
            yield (config["NAME"], plugin["SIGNATURE"], each["INSTANCE_ID"]), settings


def _path_of(update: Message) -> Path:
    return update["NAME"], update["SIGNATURE"], update["INSTANCE_ID"]


def _result_of(instance: Instance) -> Message:
    code = instance.settings.get("CODE")
    return {
        "EXEC_RESULT": {
            "text": unpacked(code) if code else None,
            "x": instance.settings.get("X"),
            "run": instance.runs,
        },
        "EXEC_ERRORS": None,
        "EXEC_WARNING": [],
        "EXEC_ITER": instance.runs,
    }
