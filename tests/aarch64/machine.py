"""Boots a 64-bit ARM machine in an emulator, with Debian's own kernel, and has the sandbox tried.

``make aarch64``, or ``python tests/aarch64/machine.py [FOLDER]``: about half an hour, most of it in
the emulator; not part of CI. It takes Debian's qemu-system-arm, cpio and apt, and uv; packages come
from this system's own sources, wheels from where uv gets them, and all of it is kept in FOLDER
(``build/aarch64``). ``init.sh`` is the first program there; ``checks.sh`` and ``service.sh`` are
what it is for.

User-mode emulation would not do: it carries out the system calls itself and knows no seccomp.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
PYTHON = "3.11"
"""The Python of Debian 12."""

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORM = "aarch64-manylinux_2_28"
PACKAGES = (
    *(
        "base-files",
        "coreutils",
        "dash",
        "libgomp1",
        "libstdc++6",
        "linux-image-arm64",
        "mosquitto",
    ),
    *("mosquitto", "mount", "python3", "systemd", "util-linux"),
)
MERGED = ("bin", "lib", "sbin")
UNUSED = ("boot", "usr/share/doc", "usr/share/locale", "usr/share/man", "lib/modules")
TESTS = ("pytest>=8.3", "hypothesis>=6.112", "pytest-timeout>=2.3")
MINUTES = 60


def run(*command: str | Path, **options: object) -> None:
    """Run a command.

    Raises:
        CalledProcessError: it failed.
    """
    subprocess.run(command, check=True, **options)  # type: ignore[call-overload] # handed on


def requirements() -> list[str]:
    """What the distributions of this project need that is not theirs."""
    files = [PROJECT / "pyproject.toml", *PROJECT.glob("*/pyproject.toml")]
    files += PROJECT.glob("*/*/pyproject.toml")
    found: set[str] = set()
    for file in files:
        project = tomllib.loads(file.read_text()).get("project", {})
        extras = project.get("optional-dependencies", {}).values()
        found.update(project.get("dependencies", []), *extras)
    return sorted(each for each in found if not re.match(r"pye2", each))


def resolve_wheels() -> None:
    """See that all of it is there as wheels for such a machine, for each Python."""
    for version in PYTHONS:
        command = ["uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "-"]
        target = ["--python-platform", PLATFORM, "--python-version", version]
        done = subprocess.run(
            [*command, *target],
            input="\n".join(requirements()),
            text=True,
            capture_output=True,
            check=False,
        )
        count = len(re.findall(r"^\S+==", done.stdout, re.MULTILINE))
        print(f"Python {version}: {count} wheels" if done.returncode == 0 else done.stderr)


def download(folder: Path) -> None:
    """Download Debian's packages, with an apt of its own that leaves the system's alone."""
    apt = folder / "apt"
    for place in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg"):
        (apt / place).mkdir(parents=True, exist_ok=True)
    (apt / "var/lib/dpkg/status").touch()
    if not (apt / "etc/apt").exists():
        shutil.copytree("/etc/apt", apt / "etc/apt")
    options = {
        "Dir": apt,
        "Dir::State::status": apt / "var/lib/dpkg/status",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
    }
    ours = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    run("apt-get", *ours, "update", "-q")
    run("apt-get", *ours, "install", "-q", "--yes", "--download-only", *PACKAGES)


def unpack(folder: Path, root: Path) -> Path:
    """Unpack them; nothing of them is run. The kernel."""
    shutil.rmtree(root, ignore_errors=True)
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in sorted((folder / "apt/var/cache/apt/archives").glob("*.deb")):
        content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        run("tar", "-x", "--keep-directory-symlink", "-C", root, stdin=content.stdout)
    kernel = Path(shutil.copy(next((root / "boot").glob("vmlinuz-*")), folder / "kernel"))
    for name in UNUSED:
        shutil.rmtree(root / name, ignore_errors=True)
    return kernel


def furnish(root: Path) -> None:
    """Put in the wheels, this project, and what the machine is to do."""
    packages = root / f"usr/local/lib/python{PYTHON}/dist-packages"
    command = ["uv", "pip", "install", "--quiet", "--only-binary", ":all:", "--target", packages]
    target = ["--python-platform", PLATFORM, "--python-version", PYTHON]
    run(*command, *target, *requirements(), *TESTS)
    project = root / "opt/project"
    project.mkdir(parents=True)
    files = subprocess.Popen(["git", "archive", "HEAD"], cwd=PROJECT, stdout=subprocess.PIPE)
    run("tar", "-x", "-C", project, stdin=files.stdout)
    # Installed, not only found: a node looks for its plugins in what is installed.
    sources = project.glob("*/src"), project.glob("*/*/src")
    members = [each.parent for found in sources for each in found]
    ours = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", packages]
    run(*ours, *target, *members)
    (root / "init").write_bytes((HERE / "init.sh").read_bytes())
    (root / "init").chmod(0o755)
    for name in ("checks.sh", "service.sh"):
        (root / "opt" / name).write_bytes((HERE / name).read_bytes())
    (root / "opt/now").write_text(f"{time.time():.0f}\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/shadow").write_text("root:*:20000:0:99999:7:::\n")
    (root / "etc/shadow").chmod(0o600)
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "root").mkdir(exist_ok=True)
    (root / "mnt").mkdir(exist_ok=True)


def pack(root: Path, image: Path) -> None:
    """Make the image that the machine begins with."""
    script = f"find . -print0 | cpio -0 -o -H newc --quiet | gzip -1 > {image}"
    run("sh", "-c", script, cwd=root)


def boot(kernel: Path, image: Path) -> int:
    """Boot it, and show what it says. How many of its checks failed."""
    machine = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "3072"]
    line = "console=ttyAMA0 rdinit=/init panic=-1 quiet"
    command = [*machine, "-nographic", "-no-reboot", "-nic", "none", "-append", line]
    said = []
    with subprocess.Popen(
        ["timeout", f"{MINUTES}m", *command, "-kernel", kernel, "-initrd", image],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as running:
        assert running.stdout is not None
        for said_line in running.stdout:
            print(said_line, end="", flush=True)
            said.append(said_line)
    told = "".join(said)
    if "MACHINE DONE" not in told:
        return 1
    return len(re.findall(r"CHECK ENDED WITH [1-9]", told))


def main() -> int:
    """All of it; 0 if every check passed."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else PROJECT / "build/aarch64").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["LC_ALL"] = "C"
    resolve_wheels()
    download(folder)
    kernel = unpack(folder, folder / "root")
    furnish(folder / "root")
    pack(folder / "root", folder / "image.gz")
    return boot(kernel, folder / "image.gz")


if __name__ == "__main__":
    sys.exit(main())
