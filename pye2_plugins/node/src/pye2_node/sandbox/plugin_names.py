"""What custom code may expect by name although it is not there: PyE2's names, usual settings.

Facts only. Runs in the worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SETTINGS: Final[Mapping[str, Any]] = {
    "allow_empty_inputs": False,
    "encrypt_payload": False,
    "exec_timeout": 60,
    "forced_pause": False,
    "id_tags": {},
    "ignore_working_hours": False,
    "instance_command": {},
    "max_inputs_queue_size": 1,
    "plugin_loop_resolution": 20,
    "process_delay": 0.05,
    "resend_last_status_on_idle": False,
    "run_without_image": False,
    "send_manifest_each": 300,
    "tags": "",
    "use_local_comms_only": False,
    "working_hours": None,
    "working_hours_timezone": None,
}
"""Settings that every instance has, by lower-case key, and their values where none is given."""

_PREFIXES_OF_PYE2: Final = (
    "aggregation_",
    "alerter_",
    "audit_",
    "basic_ts_",
    "cacheapi_",
    "chatapi_",
    "cmdapi_",
    "dataapi_",
    "deapi_",
    "diskapi_",
    "get_",
    "is_",
    "limited_data_",
    "maybe_",
    "persistence_serialization_",
    "poseapi_",
    "set_",
    "testing_",
    "threadapi_",
    "timebins_",
    "trackapi_",
    "upload_",
)

_OTHERS_OF_PYE2: Final = """
    DefaultDotDict ElementTree NestedDefaultDotDict NestedDotDict PIL add_alerter_observation
    add_error add_info add_inputs add_warning const consts create_basic_ts_model create_sre
    create_statefull_rule_engine ct cv2 docker_branch download ds_consts dict_to_str ee_ver
    geometry_methods global_shmem gmt img_to_base64 initiator_addr initiator_id inputs inspect
    interval_to_local load_config_file lock_resource log modified_by_addr modified_by_id net_mon
    netmon network_monitor normalize_text now_in_schedule on_close on_command on_init os_environ
    os_path pause_loop payload_set_data payload_set_value pd plot_ts plt plugins_shmem pyplot
    pyplot_to_np python_version requests resume_loop run_cmd sanitize_name shapely_geometry
    should_progress shmem sns start_timer stop_timer str_to_datetime time_in_schedule torch th
    total_payload_count unlock_resource urlparse urlunparse utils working_hours yaml
    """

_NAMES_OF_PYE2: Final = frozenset(_OTHERS_OF_PYE2.split())


def is_of_pye2(name: str) -> bool:
    """Whether PyE2's nodes offer this name on their ``plugin`` object."""
    return name in _NAMES_OF_PYE2 or name.startswith(_PREFIXES_OF_PYE2)
