"""Compile the kernels with Cython and read the rule files while the wheel is built; in place for an editable install.

An editable install keeps the extension beside its `.py`: anywhere else the `.py` would shadow it and the
slow form would run unnoticed. Without a C compiler the build goes on and the kernels run interpreted.
"""

from __future__ import annotations

import glob
import hashlib
import importlib.util
import json
import os
import sys

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict) -> None:
        if self.target_name != "wheel":
            return
        build_data["force_include"].update(prepare_rules(self.root, in_place=version == "editable"))
        if os.environ.get("TCPAUTOPSY_NO_KERNELS"):
            return
        try:
            built = compile_kernels(self.root, in_place=version == "editable")
        except (Exception, SystemExit) as error:
            if os.environ.get("TCPAUTOPSY_REQUIRE_KERNELS"):
                raise
            self.app.display_warning(f"kernels not compiled ({error}); the slow interpreted kernels will run")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version != "editable":
            build_data["force_include"].update(built)


def compile_kernels(root: str, in_place: bool) -> dict[str, str]:
    """Compile every `tcpautopsy/*/_kernel.py`; returns {built file: path inside the wheel}."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    sources = sorted(glob.glob("tcpautopsy/*/_kernel.py", root_dir=root))
    previous = os.getcwd()
    os.chdir(root)
    try:
        extensions = cythonize(
            [
                Extension(path[:-3].replace("/", "."), [path], extra_compile_args=["-O3", "-g0", "-w"])
                for path in sources
            ],
            compiler_directives={"language_level": 3, "boundscheck": True, "show_performance_hints": False},
            build_dir="build",
            quiet=True,
        )
        distribution = Distribution({"name": "tcpautopsy", "ext_modules": extensions})
        command = distribution.get_command_obj("build_ext")
        command.build_temp = "build/temp"
        command.build_lib = "." if in_place else "build/lib"
        command.ensure_finalized()
        command.run()
        return {
            os.path.join(root, command.get_ext_fullpath(e.name)): os.path.join(
                *e.name.split(".")[:-1], os.path.basename(command.get_ext_filename(e.name))
            )
            for e in extensions
        }
    finally:
        os.chdir(previous)


def prepare_rules(root: str, in_place: bool) -> dict[str, str]:
    """Write the trees of all rule files, see diagnose/prepared.py; returns {built file: path inside the wheel}.

    In place it is found beside the package; `rules` itself needs no copy there.
    """
    path = os.path.join(root, "tcpautopsy", "diagnose", "document.py")
    sys.path.insert(0, root)
    try:
        spec = importlib.util.spec_from_file_location("document", path)  # not the package, which needs pandas
        document = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(document)
    finally:
        sys.path.remove(root)
    trees = {}
    for name in sorted(glob.glob("rules/**/*.yaml", root_dir=root, recursive=True)):
        with open(os.path.join(root, name), "rb") as file:
            content = file.read()
        trees[hashlib.sha256(content).hexdigest()] = document.tree(content.decode("utf-8"))
    inside = os.path.join("tcpautopsy", "_data", "rules.json")
    built = os.path.join(root, inside if in_place else os.path.join("build", "rules.json"))
    os.makedirs(os.path.dirname(built), exist_ok=True)
    with open(built, "w", encoding="utf-8") as file:
        json.dump(trees, file, ensure_ascii=True, separators=(",", ":"))
    return {} if in_place else {built: inside}


if __name__ == "__main__":
    _ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    prepare_rules(_ROOT, in_place=True)
    compile_kernels(_ROOT, in_place=True)
