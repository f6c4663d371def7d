"""Pipelines, as a client sees them; here new instances are made, and code is run once.

You are in the client room, at the front of a pipeline. Behind it, each standing on the next:
``known_instances`` finds, changes and removes instances, ``temporary`` has some for a moment,
``deployment`` sends, ``hearing`` knows what the pipeline is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pye2core.client.arguments import (
    FOREVER,
    check_callbacks,
    check_code,
    check_names,
    check_seconds,
    check_settings,
)
from pye2core.client.delegating import with_delegation
from pye2core.client.differences import key_of
from pye2core.client.known_instances import KnownInstances
from pye2core.client.signatures import class_for_new, signature_of
from pye2core.errors import AlreadyExists, InstanceNotFound
from pye2core.messages import InstanceConfig
from pye2core.messages.configuration import upper_keys, with_grants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2core.client.instance import Instance, OnData, OnNotification


class Pipeline(KnownInstances):
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

    def _chain_job_signature(self) -> str:
        from pye2core.descriptors import Role

        return self.session.registry.signature_for(Role.CHAIN_JOB).name

    # --- finding an instance, or else making one --------------------------------------------------

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
