"""Pipelines and their instances, as a client sees them.

You are in the client room: here instances are made, found and removed; ``deployment`` sends.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2core.client.arguments import (
    FOREVER,
    check_callbacks,
    check_code,
    check_kind,
    check_names,
    check_seconds,
    check_settings,
)
from pye2core.client.delegating import with_delegation
from pye2core.client.differences import key_of
from pye2core.client.instance import Instance
from pye2core.client.signatures import (
    class_for_existing,
    class_for_new,
    instances_in,
    signature_of,
)
from pye2core.client.temporary import TemporaryInstances
from pye2core.errors import AlreadyExists, InstanceNotFound, SettingsError
from pye2core.messages import InstanceConfig
from pye2core.messages.configuration import upper_keys, with_grants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2core.client.differences import InstanceKey
    from pye2core.client.instance import OnData, OnNotification

_LONGEST_LIST = 10
_INSTANCE = "an instance of this pipeline: see pipeline.instances"


class Pipeline(TemporaryInstances):
    """One data source feeding plugin instances on one node.

    Made by ``Session.create_pipeline`` and its like, never directly. What is changed here is
    proposed; :meth:`deploy` sends it.

    Example:
        >>> pipeline = session.create_pipeline(node="naeural-1", name="numbers")
        >>> pipeline.create_custom_plugin_instance(
        ...     instance_id="first", custom_code=my_function, on_data=print
        ... )
        >>> pipeline.deploy()
    """

    # --- making instances -------------------------------------------------------------------------

    def create_plugin_instance(
        self,
        *,
        signature: str | type[Instance],
        instance_id: str,
        config: Mapping[str, Any] | None = None,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        **kwargs: Any,
    ) -> Instance:
        """Propose a new instance.

        Args:
            signature: the plugin's name, or the class of its client's side.
            instance_id: unique within this pipeline and signature.
            config: settings, keys in any case.
            on_data: called with ``(pipeline, payload)``, unless the signature says otherwise.
            on_notification: called with ``(pipeline, payload)``.
            kwargs: what the signature understands; otherwise further settings.

        Raises:
            AlreadyExists: there is such an instance.
            UnknownSignature: neither an installed plugin nor the node knows the signature.
            SignatureNotOnNode: the node says that it lacks the signature.
            ConfigurationPending: an earlier change awaits its confirmation.
            CodeError: code that was given cannot be read back or is refused.
            PipelineNotFound: the pipeline was closed.
            SettingsError: something given cannot be used.
        """
        check_names(instance_id=instance_id)
        check_settings(config=config)
        check_callbacks(on_data=on_data, on_notification=on_notification)
        session = self.session
        kind = class_for_new(signature, session.registry, session.peers, self.node_addr)
        self.check_on_node(signature_of(signature))
        given = upper_keys(config or {})
        settings = {**given, **kind.settings_from(**with_grants_of(given, kwargs))}
        settings = with_delegation(self, kind, settings)
        wanted = InstanceConfig(signature_of(signature), instance_id, settings)
        with self._proposing() as proposed:
            if proposed.instance(*key_of(wanted)) is not None:
                raise AlreadyExists(
                    f"the pipeline {self.name!r} has an instance {instance_id!r} of"
                    f" {wanted.signature} already; give the new one another instance_id, or use"
                    " attach_to_plugin_instance",
                    name=instance_id,
                )
            self.configurations.propose_instance(wanted)
            instance = kind(self, wanted.signature, instance_id)
            self._instances[instance.key] = instance
        instance.temporary_attach(on_data, on_notification)
        return instance

    def create_custom_plugin_instance(
        self,
        *,
        instance_id: str,
        custom_code: Callable[..., Any] | str,
        config: Mapping[str, Any] | None = None,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        **kwargs: Any,
    ) -> Instance:
        """Propose a new instance that runs your code again and again.

        Args:
            instance_id: unique within this pipeline.
            custom_code: a function of one parameter, ``plugin``; or source as text; or a file.
            config: settings, keys in any case; the code reads them as ``plugin.cfg_<key>``.
            on_data: called with ``(pipeline, result, payload)`` for each result.
            on_notification: called with ``(pipeline, payload)``.
            kwargs: further settings, for example ``process_delay`` in seconds.

        Raises:
            CodeError: the code cannot be read back or is refused.
            UnknownSignature: no installed plugin runs custom code; says what to install.
            AlreadyExists, ConfigurationPending, PipelineNotFound, SettingsError: as for
                :meth:`create_plugin_instance`.
        """
        check_code(custom_code=custom_code)
        return self.create_plugin_instance(
            signature=self._custom_code_signature(),
            instance_id=instance_id,
            config=config,
            on_data=on_data,
            on_notification=on_notification,
            custom_code=custom_code,
            **kwargs,
        )

    def create_chain_dist_custom_plugin_instance(
        self,
        *,
        main_node_process_real_time_collected_data: Callable[..., Any] | str,
        main_node_finish_condition: Callable[..., Any] | str,
        main_node_finish_condition_kwargs: Mapping[str, Any] | None,
        main_node_aggregate_collected_data: Callable[..., Any] | str,
        worker_node_code: Callable[..., Any] | str,
        nr_remote_worker_nodes: int,
        instance_id: str | None = None,
        worker_node_pipeline_config: Mapping[str, Any] | None = None,
        worker_node_plugin_config: Mapping[str, Any] | None = None,
        worker_node_plugin_signature: str | None = None,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        **kwargs: Any,
    ) -> Instance:
        """Propose the main node's instance of a distributed job.

        Args:
            main_node_process_real_time_collected_data: what to keep of a worker's data; a function
                ``(plugin, job_id, collected_data, data)``, source as text, or a preset's name, as
                for the ones that follow.
            main_node_finish_condition: whether it is done: ``(plugin, collected_data)``.
            main_node_finish_condition_kwargs: read there as
                ``plugin.cfg_finish_condition_kwargs``.
            main_node_aggregate_collected_data: the result: ``(plugin, collected_data)``.
            worker_node_code: what the workers run again and again: ``(plugin)``.
            nr_remote_worker_nodes: how many workers share the work.
            instance_id: unique within this pipeline; made up if None.
            worker_node_pipeline_config: settings of the workers' pipelines.
            worker_node_plugin_config: settings of the workers' instances.
            worker_node_plugin_signature: what the workers run; None for custom code.
            on_data: called with ``(pipeline, payload)`` for partial results and the last one.
            on_notification: called with ``(pipeline, payload)``.
            kwargs: what else the signature understands; otherwise further settings.

        Raises:
            CodeError: one of the functions cannot be read back or is refused.
            UnknownPreset: a name stands for no installed preset.
            PresetParameterError: a preset lacks a parameter.
            UnknownSignature: no installed plugin offers distributed jobs; says what to install.
            AlreadyExists, ConfigurationPending, PipelineNotFound, SettingsError: as for
                :meth:`create_plugin_instance`.
        """
        check_settings(
            main_node_finish_condition_kwargs=main_node_finish_condition_kwargs,
            worker_node_pipeline_config=worker_node_pipeline_config,
            worker_node_plugin_config=worker_node_plugin_config,
        )
        check_code(
            main_node_process_real_time_collected_data=main_node_process_real_time_collected_data,
            main_node_finish_condition=main_node_finish_condition,
            main_node_aggregate_collected_data=main_node_aggregate_collected_data,
            worker_node_code=worker_node_code,
        )
        if instance_id is None:
            instance_id = f"{self.name}_chain_dist_custom_exec_{os.urandom(4).hex()}"
        given: dict[str, Any] = {
            "worker_node_pipeline_config": worker_node_pipeline_config,
            "worker_node_plugin_config": worker_node_plugin_config,
            "worker_node_plugin_signature": worker_node_plugin_signature,
        }
        return self.create_plugin_instance(
            signature=self._chain_job_signature(),
            instance_id=instance_id,
            on_data=on_data,
            on_notification=on_notification,
            main_node_process_real_time_collected_data=main_node_process_real_time_collected_data,
            main_node_finish_condition=main_node_finish_condition,
            main_node_finish_condition_kwargs=dict(main_node_finish_condition_kwargs or {}),
            main_node_aggregate_collected_data=main_node_aggregate_collected_data,
            worker_node_code=worker_node_code,
            nr_remote_worker_nodes=nr_remote_worker_nodes,
            **{name: value for name, value in given.items() if value is not None},
            **kwargs,
        )

    # --- running code once ------------------------------------------------------------------------

    def wait_exec(
        self,
        custom_code: Callable[..., Any] | str,
        instance_config: Mapping[str, Any] | None = None,
        timeout: float = 10,
    ) -> tuple[Any, Any]:
        """Run code once on the node and wait for what comes of it; also from within callbacks.

        It runs in a pipeline of its own, ``<name>_<8 hex digits>``, which is closed again, whatever
        happens; this one is neither deployed nor changed.

        Where the data source is another than "Void", the code may need what it gives: there an
        instance is deployed in this pipeline beside what runs, and is taken away again. Proposals
        stay proposals, unless the pipeline does not run at all yet: then it is deployed. As the
        node is always sent the whole pipeline, another client that changes it meanwhile, or has it
        run code, ends the run.

        Args:
            custom_code: a function of one parameter, ``plugin``; or source as text; or a file.
            instance_config: settings, keys in any case; the code reads them as
                ``plugin.cfg_<key>``.
            timeout: seconds for all of it; 0 for as long as it takes.

        Returns:
            What the code returned, and None; or None, and what was wrong with it: where the node is
            one of ours a text that names the line of your own file.

        Raises:
            CodeError: the code cannot be read back or is refused; nothing was sent.
            ConfirmationTimeout: there was no result in time. It is a ``TimeoutError``.
            DeployFailed: the node refused it, or says that it lacks what runs it.
            UnknownSignature: no installed plugin runs code once; says what to install.
            PipelineNotFound: the pipeline is closed, or was closed meanwhile.
            NotConnected: the session is closed, or was closed meanwhile.
            SettingsError: something given cannot be used; nothing was sent.

        Example:
            >>> def how_busy(plugin):
            ...     return plugin.np.mean(plugin.cfg_samples)
            >>> pipeline.wait_exec(how_busy, {"samples": [1, 2, 6]})
            (3.0, None)
        """
        check_settings(instance_config=instance_config)
        check_seconds(FOREVER, timeout=timeout)
        from pye2core.client.single_runs import run_once
        from pye2core.descriptors import Role

        return run_once(
            self,
            custom_code,
            upper_keys(instance_config or {}),
            signature=self.session.registry.signature_for(Role.SINGLE_RUN).name,
            timeout=timeout,
        )

    def _custom_code_signature(self) -> str:
        from pye2core.descriptors import Role

        return self.session.registry.signature_for(Role.CUSTOM_CODE).name

    def _chain_job_signature(self) -> str:
        from pye2core.descriptors import Role

        return self.session.registry.signature_for(Role.CHAIN_JOB).name

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
                known = kind(self, config.signature, config.instance_id)
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

    def create_or_attach_to_plugin_instance(
        self,
        *,
        signature: str | type[Instance],
        instance_id: str,
        config: Mapping[str, Any] | None = None,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        **kwargs: Any,
    ) -> Instance:
        """The instance of that name as it is, or else a new one that is proposed."""
        try:
            return self.attach_to_plugin_instance(
                signature=signature,
                instance_id=instance_id,
                on_data=on_data,
                on_notification=on_notification,
            )
        except InstanceNotFound:
            return self.create_plugin_instance(
                signature=signature,
                instance_id=instance_id,
                config=config,
                on_data=on_data,
                on_notification=on_notification,
                **kwargs,
            )

    def create_or_attach_to_custom_plugin_instance(
        self,
        *,
        instance_id: str,
        custom_code: Callable[..., Any] | str,
        config: Mapping[str, Any] | None = None,
        on_data: OnData | None = None,
        on_notification: OnNotification | None = None,
        **kwargs: Any,
    ) -> Instance:
        """As :meth:`create_or_attach_to_plugin_instance`, for one that runs custom code."""
        return self.create_or_attach_to_plugin_instance(
            signature=self._custom_code_signature(),
            instance_id=instance_id,
            config=config,
            on_data=on_data,
            on_notification=on_notification,
            custom_code=custom_code,
            **kwargs,
        )

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
            instances = proposed.instances if plugins is None else instances_in(plugins)
            data_source = changes.pop("TYPE", proposed.data_source)
            check_names(TYPE=data_source)
            settings = {**proposed.settings, **changes}
            self.configurations.propose(
                evolve(proposed, instances=instances, data_source=data_source, settings=settings)
            )
