"""The base images, made without a registry: Debian from debootstrap, and one that builds Rust.

The images that the Dockerfile names by default come from a registry. Here they are stood in for by the same Debian;
the one that builds has this machine's toolchain, and the sources of crates that cargo has fetched already.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = "vordr-test/debian"
# With what the image in nginx's place would install.
NGINX_RUNTIME = "vordr-test/debian-nginx"
BUILDER = "vordr-test/rust"
# As in Debian's own slim images.
NOT_NEEDED = ["./var/cache/apt", "./var/lib/apt/lists", "./usr/share/doc", "./usr/share/man", "./usr/share/locale"]
BUILDER_PACKAGES = ["ca-certificates", "gcc", "libc6-dev", "make", "cmake", "python3"]
BUILDER_ENVIRONMENT = (
    "ENV PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
    "CARGO_HOME=/opt/cargo CARGO_NET_OFFLINE=true"
)


def make(engine, folder: Path):
    """The base images, unless the engine has them from an earlier run."""
    if not engine.has_image(RUNTIME):
        import_image(engine, debian(folder / "debian", ["ca-certificates"]), RUNTIME)
    if not engine.has_image(NGINX_RUNTIME):
        root = debian(folder / "debian-nginx", ["ca-certificates", "curl", "gettext-base"])
        import_image(engine, root, NGINX_RUNTIME)
    if not engine.has_image(BUILDER):
        root = debian(folder / "builder", BUILDER_PACKAGES)
        add_rust(root)
        import_image(engine, root, BUILDER, "--change", BUILDER_ENVIRONMENT)


def debian(root: Path, packages: list[str]) -> Path:
    made = subprocess.run(
        # In mounts of its own, so that what it mounts is gone even where it fails.
        ["unshare", "--mount", "debootstrap", "--variant=minbase", f"--include={','.join(packages)}", "bookworm", root],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    assert made.returncode == 0, f"debootstrap ended with {made.returncode}:\n{made.stdout[-3000:]}"
    return root


def add_rust(root: Path):
    """The toolchain, and all that a build without network takes from cargo's home."""
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, check=True)
    toolchain = Path(subprocess.check_output(["rustc", "--print", "sysroot"], cwd=ROOT, text=True).strip()).resolve()
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    copies = [(toolchain / part, root / "opt/rust" / part) for part in ("bin", "lib", "libexec")]
    copies += [(home / part, root / "opt/cargo" / part) for part in ("registry/cache", "registry/index", "config.toml")]
    for source, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.exists():
            subprocess.run(["cp", "--archive", source, target], check=True)


def import_image(engine, root: Path, name: str, *options):
    """A folder becomes an image of one layer, and is gone."""
    excluded = [f"--exclude={path}" for path in NOT_NEEDED]
    tar = subprocess.Popen(["tar", "--directory", root, *excluded, "--create", "."], stdout=subprocess.PIPE)
    engine.docker("import", *options, "-", name, stdin=tar.stdout)
    assert tar.wait() == 0
    shutil.rmtree(root)
