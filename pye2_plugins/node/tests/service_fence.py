"""Goes behind the fence that a unit describes, without a systemd, and becomes another program.

``python service_fence.py UNIT PROGRAM…``, as root. What systemd would do by the unit's lines is
done here by the same means of the kernel: the capabilities, the account, the filters of calls, the
mounts that can be in a sandbox's way. It needs libseccomp, with which systemd does it, too, and
``systemd-analyze`` to say what ``@system-service`` is.
"""

import ctypes
import ctypes.util
import errno
import os
import subprocess
import sys
from pathlib import Path

NAMESPACES = {
    "cgroup": 0x02000000,
    "ipc": 0x08000000,
    "mnt": 0x00020000,
    "net": 0x40000000,
    "pid": 0x20000000,
    "user": 0x10000000,
    "uts": 0x04000000,
}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
CAPABILITIES = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SYS_ADMIN": 21}
KNOWN = {
    *("NoNewPrivileges", "RestrictNamespaces", "RestrictAddressFamilies", "SystemCallFilter"),
    *("MemoryDenyWriteExecute", "CapabilityBoundingSet", "ProtectProc", "ProtectSystem", "User"),
    *("ProtectHome", "BindReadOnlyPaths"),
}

ALLOW = 0x7FFF0000
WRITE, EXECUTE = 2, 4
SHM_EXEC = 0x8000
NOBODY = 65534
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
LAST_CAPABILITY = 63

NOT_EQUAL, GREATER, MASKED_EQUAL = 1, 6, 7
libc = ctypes.CDLL(None, use_errno=True)


class Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def checked(result, what):
    if result < 0:
        raise OSError(-result if result < -1 else ctypes.get_errno(), what)
    return result


class Filter:
    """A filter of calls, as libseccomp makes it."""

    def __init__(self, otherwise):
        self.library = ctypes.CDLL(ctypes.util.find_library("seccomp"))
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.seccomp_init(ctypes.c_uint32(otherwise)))

    def add(self, verdict, name, *comparisons):
        number = self.library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # not one of this architecture
        array = (Comparison * len(comparisons))(*comparisons)
        rule = self.library.seccomp_rule_add_array
        checked(rule(self.context, ctypes.c_uint32(verdict), number, len(comparisons), array), name)

    def load(self):
        checked(self.library.seccomp_load(self.context), "seccomp_load")


def refused(number):
    return 0x00050000 | number


def lines_of(unit):
    found = {}
    for line in unit.read_text("utf-8").splitlines():
        key, _, value = line.partition("=")
        if key in KNOWN:
            found.setdefault(key, []).extend(value.split())
    return found


def calls_in(words):
    for word in words:
        if not word.startswith("@"):
            yield word
            continue
        said = subprocess.run(
            ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
        )
        listed = (line.strip() for line in said.stdout.splitlines()[1:])
        yield from calls_in([line for line in listed if line and not line.startswith("#")])


def only_calls(words):
    known = Filter(refused(errno.EPERM))
    # What every service may do, whatever its filter: systemd adds it.
    for name in {*calls_in([*words, "@default"])}:
        known.add(ALLOW, name)
    return known


def only_namespaces(words):
    allowed = Filter(ALLOW)
    for name in NAMESPACES.keys() - set(words):
        flag = NAMESPACES[name]
        for call, argument in (("unshare", 0), ("clone", 0), ("setns", 1)):
            which = Comparison(argument, MASKED_EQUAL, flag, flag)
            allowed.add(refused(errno.EPERM), call, which)
    allowed.add(refused(errno.ENOSYS), "clone3")
    return allowed


def only_families(words):
    allowed = Filter(ALLOW)
    known = sorted(FAMILIES[word] for word in words)
    for family in set(range(known[-1])) - set(known):
        which = Comparison(0, MASKED_EQUAL, 0xFFFFFFFF, family)
        allowed.add(refused(errno.EAFNOSUPPORT), "socket", which)
    allowed.add(refused(errno.EAFNOSUPPORT), "socket", Comparison(0, GREATER, known[-1], 0))
    return allowed


def no_new_code():
    allowed, both = Filter(ALLOW), WRITE | EXECUTE
    allowed.add(refused(errno.EPERM), "mmap", Comparison(2, MASKED_EQUAL, both, both))
    for name in ("mprotect", "pkey_mprotect"):
        allowed.add(refused(errno.EPERM), name, Comparison(2, MASKED_EQUAL, EXECUTE, EXECUTE))
    allowed.add(refused(errno.EPERM), "shmat", Comparison(2, MASKED_EQUAL, SHM_EXEC, SHM_EXEC))
    return allowed


def mount(source, target, kind, flags, options=None):
    texts = [text and text.encode() for text in (source, target, kind, options)]
    checked(libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]), f"mount on {target}")


def hide_mounts(shown):
    """Mounts as ``ProtectSystem=strict`` and the other lines make them, for this process alone."""
    checked(libc.unshare(NAMESPACES["mnt"]), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc", 0, "hidepid=invisible")
    kept = {place: os.open(place, os.O_PATH) for place in shown}
    for home in ("/home", "/root", "/run/user"):
        if Path(home).is_dir():
            mount("tmpfs", home, "tmpfs", 0, "mode=755")
    for place, descriptor in kept.items():
        if not Path(place).exists():
            Path(place).mkdir(parents=True)
        mount(f"/proc/self/fd/{descriptor}", place, None, MS_BIND | MS_REC)
    mount("none", "/", None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def leave_capabilities(words):
    kept = {CAPABILITIES[word] for word in words}
    for number in set(range(LAST_CAPABILITY)) - kept:
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)


def go_behind(unit):
    said = lines_of(unit)
    assert said.keys() >= KNOWN - {"User", "BindReadOnlyPaths"}, "the unit lacks what is tried"
    filters = [
        only_families(said["RestrictAddressFamilies"]),
        only_namespaces(said["RestrictNamespaces"]),
        no_new_code(),
        only_calls(said["SystemCallFilter"]),
    ]
    hide_mounts(said.get("BindReadOnlyPaths", ()))
    leave_capabilities(said["CapabilityBoundingSet"])
    if "User" in said:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    for each in filters:
        each.load()


if __name__ == "__main__":
    go_behind(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
