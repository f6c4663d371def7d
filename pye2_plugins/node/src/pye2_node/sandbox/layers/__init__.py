"""The operating system's layers around a worker: one module a layer, in the order of locking.

============== ================================ ===================================================
layer          module                           what it takes away
============== ================================ ===================================================
namespaces     ``namespaces``                   files, the network, memory shared by others
uid            ``users``                        the node's user, where the node is root
rlimits        ``rlimits``                      memory, descriptors, files, processes beyond so many
landlock       ``landlock``                     files, TCP, signals and sockets to other processes
seccomp        ``seccomp``, ``syscalls``        every call of the kernel that computing needs not
============== ================================ ===================================================

``names`` says what a layer is called, ``linux`` makes the calls that Python has no function for,
``proof`` finds out which layers this machine has, by locking a process and trying to get out.
``pye2_node.sandbox.confinement`` puts them in order.

Everything here runs in the zygote and in workers before the first byte of foreign code: the
standard library only. A layer that cannot be put on raises ``OSError``; none is skipped in silence.
"""
