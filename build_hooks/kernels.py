"""Compile the kernels with Cython while the wheel is built; in place for an editable install.

An editable install keeps the extension beside its `.py`: anywhere else the `.py` would shadow it and the
slow form would run unnoticed. Without a C compiler the build goes on and the kernels run interpreted.
"""

from __future__ import annotations

import glob
import os

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict) -> None:
        if self.target_name != "wheel" or os.environ.get("TCPAUTOPSY_NO_KERNELS"):
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


if __name__ == "__main__":
    compile_kernels(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), in_place=True)
