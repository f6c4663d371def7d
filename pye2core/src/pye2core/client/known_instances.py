"""The instances that a pipeline has, or is to have: finding, changing and removing them.

You are in the client room, between ``temporary`` and ``pipeline``, which makes new ones. Nothing is
sent from here: what is changed is proposed, and ``deployment`` sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import evolve

from pye2core.client.arguments import check_callbacks, check_kind, check_names, check_settings
from pye2core.client.delegating import with_delegation, with_delegations
from pye2core.client.differences import key_of
from pye2core.client.instance import Instance
from pye2core.client.signatures import class_for_existing, instances_in, signature_of
from pye2core.client.temporary import TemporaryInstances
from pye2core.errors import InstanceNotFound, SettingsError
from pye2core.messages.configuration import upper_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.client.differences import InstanceKey
    from pye2core.client.instance import OnData, OnNotification
    from pye2core.client.pipeline import Pipeline
    from pye2core.messages import InstanceConfig

_LONGEST_LIST = 10
_INSTANCE = "an instance of this pipeline: see pipeline.instances"


class KnownInstances(TemporaryInstances):
    """The part of a pipeline that knows its instances, whoever made them."""

    # --- finding instances ------------------------------------------------------------------------

    @property
    def instances(self) -> list[Instance]:
        """The instances that the next deployment leaves running, those on the node included."""
        return [
            self._existing(each, each.signature) for each in self.configurations.proposed.instances
        ]

    def attach_to_plugin_instance(
        self,
        *,
        signature: str | type[Instance],
        instance_id: str,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
    ) -> Instance:
        """Find an instance of this pipeline, wherever it was made, and add callbacks.

        Args:
            signature: the plugin's name, or the class of its client's side.
            instance_id: the instance's id.
            on_data: as for :meth:`create_plugin_instance`.
            on_notification: as for :meth:`create_plugin_instance`.

        Raises:
            InstanceNotFound: there is no such instance; lists those that there are.
            SettingsError: something given cannot be used.
        """
        check_names(instance_id=instance_id)
        check_callbacks(on_data=on_data, on_notification=on_notification)
        wanted = (signature_of(signature), instance_id)
        with self._lock:
            found = self.configurations.proposed.instance(*wanted)
            if found is None:
                raise self._no_instance(wanted)
            instance = self._existing(found, signature)
        instance.temporary_attach(on_data, on_notification)
        return instance

    def _existing(self, config: InstanceConfig, signature: str | type[Instance]) -> Instance:
        with self._lock:
            known = self._instances.get(key_of(config))
            if known is None:
                kind = class_for_existing(signature, self.session.registry)
                known = kind(cast("Pipeline", self), config.signature, config.instance_id)
                self._instances[known.key] = known
            return known

    def _no_instance(self, wanted: InstanceKey) -> InstanceNotFound:
        signature, instance_id = wanted
        there = [
            f"{each.signature}/{each.instance_id}"
            for each in self.configurations.proposed.instances[:_LONGEST_LIST]
        ]
        return InstanceNotFound(
            f"the pipeline {self.name!r} has no instance {instance_id!r} of {signature}; it has:"
            f" {', '.join(there) or 'none'}",
            signature=signature,
            instance_id=instance_id,
        )

    def attach_to_custom_plugin_instance(
        self,
        *,
        instance_id: str,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
    ) -> Instance:
        """As :meth:`attach_to_plugin_instance`, for an instance that runs custom code."""
        return self.attach_to_plugin_instance(
            signature=self._custom_code_signature(),
            instance_id=instance_id,
            on_data=on_data,
            on_notification=on_notification,
        )

    def _custom_code_signature(self) -> str:
        from pye2core.descriptors import Role

        return self.session.registry.signature_for(Role.CUSTOM_CODE).name

    # --- changing and removing instances ----------------------------------------------------------

    def change_instance(self, instance: Instance, changes: Mapping[str, Any]) -> None:
        """Propose changed settings of an instance.

        Raises:
            InstanceNotFound: it was removed.
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        with self._proposing() as proposed:
            before = proposed.instance(*instance.key)
            if before is None:
                raise self._no_instance(instance.key)
            changed = before.changed(changes)
            settings = with_delegation(self, type(instance), changed.settings, before.settings)
            self.configurations.propose_instance(evolve(changed, settings=settings))

    def replace_instance(self, instance: Instance) -> None:
        """Let an object take the place of the one for the same instance."""
        with self._lock:
            before = self._instances.get(instance.key)
            self._instances[instance.key] = instance
        if before is not None and before is not instance:
            before.ended()

    def remove_plugin_instance(self, instance: Instance) -> None:
        """Propose that an instance is gone.

        Raises:
            InstanceNotFound: it is not of this pipeline, or was removed.
            ConfigurationPending: an earlier change awaits its confirmation.
            SettingsError: it is no instance.
        """
        check_kind(Instance, _INSTANCE, instance=instance)
        with self._proposing() as proposed:
            if instance.pipeline is not self or proposed.instance(*instance.key) is None:
                raise self._no_instance(instance.key)
            self.configurations.propose_removal(instance.key)

    def detach_from_instance(self, instance: Instance) -> None:
        """Remove all callbacks of an instance; it goes on running.

        Raises:
            InstanceNotFound: it is not of this pipeline.
            SettingsError: it is no instance.
        """
        check_kind(Instance, _INSTANCE, instance=instance)
        if instance.pipeline is not self:
            raise self._no_instance(instance.key)
        instance.detach_all()

    def update_full_configuration(
        self, config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Propose another configuration of the whole pipeline, in PyE2's form.

        Args:
            config: settings of the data source; ``PLUGINS``, if given, lists all the instances that
                there are to be: ``[{"SIGNATURE": …, "INSTANCES": [{"INSTANCE_ID": …, …}]}]``.
            kwargs: further settings.

        Raises:
            SettingsError: the list of plugins is not of that form, or another name is given, or
                something else cannot be used.
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        check_settings(config=config)
        changes = upper_keys({**(config or {}), **kwargs})
        plugins = changes.pop("PLUGINS", None)
        if changes.pop("NAME", self.name) != self.name:
            message = f"the pipeline {self.name!r} keeps its name; make a new one instead"
            raise SettingsError(message, setting="NAME")
        with self._proposing() as proposed:
            instances = proposed.instances
            if plugins is not None:
                given = instances_in(plugins)
                instances = with_delegations(given, self.session, self.name, self.node_addr)
            data_source = changes.pop("TYPE", proposed.data_source)
            check_names(TYPE=data_source)
            settings = {**proposed.settings, **changes}
            self.configurations.propose(
                evolve(proposed, instances=instances, data_source=data_source, settings=settings)
            )
