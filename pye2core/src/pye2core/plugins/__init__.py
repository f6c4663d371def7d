"""Finds, checks, loads and names plugins.

``records`` says what became of each plugin, ``discovery`` finds them without importing anything,
``loader`` takes one through its phases, ``offers`` has what the loaded ones offer, ``registry``
answers who offers what, and makes it. ``absences`` explains names that nobody offers, ``known``
says what to install for them, ``remedies`` what to do about a defect; ``whole_jobs`` makes presets
into jobs.
"""

from pye2core.plugins.discovery import Candidate, installed_candidates, policy_from
from pye2core.plugins.known import distribution_for
from pye2core.plugins.loader import PLUGIN_API, told
from pye2core.plugins.records import Phase, PluginRecord, PluginState
from pye2core.plugins.registry import PluginRegistry, installed_plugins
from pye2core.plugins.remedies import remedy
from pye2core.plugins.whole_jobs import stages_of

__all__ = [
    "PLUGIN_API",
    "Candidate",
    "Phase",
    "PluginRecord",
    "PluginRegistry",
    "PluginState",
    "distribution_for",
    "installed_candidates",
    "installed_plugins",
    "policy_from",
    "remedy",
    "stages_of",
    "told",
]
