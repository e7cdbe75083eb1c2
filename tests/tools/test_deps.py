# SPDX-License-Identifier: MIT
"""What deps.sh installs, and what it says where it may not; on commands that only note how they were called."""

import shutil
import subprocess
import unittest
from pathlib import Path

import harness

DEPS = Path(__file__).resolve().parent.parent.parent / "tools" / "deps.sh"
CONFIGURE = "#!/bin/sh\necho 'PYTHON_3.11 := python3.11'\n"
NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >> "$NOTES"\n'
# Every package is there, but those that are told to be missing.
DPKG_QUERY = """#!/bin/sh
for name; do :; done
case " $MISSING " in *" $name "*) exit 1 ;; esac
echo "install ok installed"
"""
ID = '#!/bin/sh\necho "$USER_ID"\n'
# Afterwards there is what a package brings.
APT_GET = (
    NOTE
    + """case "$*" in
install*postgresql-common)
    cp "$STUBS/note" "$STUBS/pg_conftool"
    mkdir -p "$ROPEWALK_ETC/postgresql-common"
    echo as it came > "$ROPEWALK_ETC/postgresql-common/createcluster.conf" ;;
esac
"""
)


def deps(root: Path, *arguments: str, missing: str, user: int = 0) -> tuple[int, str, list[str]]:
    """Its status, what it says, and the commands that it has called."""
    stubs = root / "stubs"
    for path in [*stubs.iterdir(), *(root / "tools").iterdir(), root / "build" / "venv" / "bin" / "pip"]:
        path.chmod(0o755)
    (root / "build" / "venv" / "bin" / "python").symlink_to(stubs / "note")
    notes = root / "notes"
    notes.touch()
    environment = {
        "PATH": f"{stubs}:{root}/bin",
        "STUBS": str(stubs),
        "NOTES": str(notes),
        "MISSING": missing,
        "USER_ID": str(user),
        "ROPEWALK_ETC": str(root / "etc"),
    }
    (root / "bin").mkdir()  # a system without PostgreSQL, whatever this one has
    for name in ("sh", "dirname", "basename", "cat", "cp", "mv", "mkdir", "grep", "sed"):
        (root / "bin" / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(
        [str(root / "tools" / "deps.sh"), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr, notes.read_text(encoding="utf-8").splitlines()


def checkout() -> harness.Checkout:
    return harness.Checkout(
        {
            "tools/deps.sh": DEPS.read_text(encoding="utf-8"),
            "tools/configure.sh": CONFIGURE,
            "stubs/note": NOTE,
            "stubs/dpkg-query": DPKG_QUERY,
            "stubs/id": ID,
            "stubs/apt-get": APT_GET,
            "build/venv/bin/pip": NOTE,
        }
    )


class Deps(unittest.TestCase):
    def test_no_database_is_installed_for_the_demo(self) -> None:
        with checkout() as root:
            status, said, called = deps(root, missing="swig postgresql libpq-dev")
        self.assertEqual(status, 0, said)
        self.assertEqual(called[:2], ["apt-get update -q", "apt-get install -qy --no-install-recommends swig"])

    def test_for_the_tests_a_server_is_installed_that_makes_no_cluster(self) -> None:
        with checkout() as root:
            status, said, called = deps(root, "--test", missing="swig postgresql libpq-dev")
            clusters = root / "etc" / "postgresql-common" / "createcluster.conf"
            after = clusters.read_text(encoding="utf-8")
            left = [path.name for path in clusters.parent.iterdir()]
        self.assertEqual(status, 0, said)
        self.assertEqual(
            called[:4],
            [
                "apt-get update -q",
                "apt-get install -qy --no-install-recommends postgresql-common",
                f"pg_conftool {clusters} set create_main_cluster false",
                "apt-get install -qy --no-install-recommends swig libpq-dev postgresql",
            ],
        )
        self.assertEqual(after, "as it came\n")
        self.assertEqual(left, ["createcluster.conf"])

    def test_what_is_set_up_for_other_databases_is_left_alone(self) -> None:
        with checkout() as root:
            (root / "stubs" / "pg_conftool").write_text(NOTE, encoding="utf-8")
            status, said, called = deps(root, "--test", missing="postgresql")
        self.assertEqual(status, 0, said)
        self.assertEqual(called[:2], ["apt-get update -q", "apt-get install -qy --no-install-recommends postgresql"])

    def test_without_root_it_names_the_packages_and_stops(self) -> None:
        for arguments, wanted in (((), " swig"), (("--test",), " swig libpq-dev postgresql")):
            with checkout() as root:
                status, said, called = deps(root, *arguments, missing="swig postgresql libpq-dev", user=1000)
            self.assertEqual(status, 1)
            self.assertEqual(said, f"deps: these packages are missing; as root: apt-get install{wanted}\n")
            self.assertEqual(called, [])

    def test_a_machine_that_has_everything_is_left_as_it_is(self) -> None:
        with checkout() as root:
            status, said, called = deps(root, "--test", missing="", user=1000)
        self.assertEqual(status, 0, said)
        self.assertEqual([line for line in called if line.startswith("apt-get")], [])


if __name__ == "__main__":
    harness.main()
