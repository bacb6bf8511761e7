"""amaes_library refuses an upward dependency when CMake configures. Usage: layers_test.py CMAKE SOURCE_ROOT"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CMAKE, SOURCE = "cmake", "."

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(fixture LANGUAGES CXX)
include("{source}/libs/cmake/AmaesTargets.cmake")
amaes_library(low LAYER base SRCS a.cc)
amaes_library(high LAYER train SRCS a.cc DEPS amaes::low)
if(CASE STREQUAL "down")
  amaes_library(mine LAYER service SRCS a.cc DEPS amaes::low PRIVATE_DEPS amaes::high)
elseif(CASE STREQUAL "up")
  amaes_library(mine LAYER rules SRCS a.cc DEPS amaes::low amaes::high)
elseif(CASE STREQUAL "up_privately")
  amaes_library(mine LAYER rules SRCS a.cc PRIVATE_DEPS amaes::high)
elseif(CASE STREQUAL "undefined")
  amaes_library(mine LAYER service SRCS a.cc DEPS amaes::later)
elseif(CASE STREQUAL "unknown_layer")
  amaes_library(mine LAYER cellar SRCS a.cc)
elseif(CASE STREQUAL "program")
  amaes_program(mine SRCS a.cc DEPS amaes::later)
endif()
"""


class LayersTest(unittest.TestCase):
    def test_only_arrows_that_point_down_are_configured(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "CMakeLists.txt").write_text(PROJECT.format(source=SOURCE))
            (root / "a.cc").write_text("int x;\n")
            cases = [
                ("down", None),
                ("up", "amaes_mine (rules) may not depend on amaes::high"),
                ("up_privately", "amaes_mine (rules) may not depend on amaes::high"),
                ("undefined", "needs amaes::later"),
                ("unknown_layer", "unknown LAYER 'cellar'"),
                ("program", "needs amaes::later"),
            ]
            for case, message in cases:
                with self.subTest(case=case):
                    command = [CMAKE, "-G", "Ninja", "-S", folder, "-B", folder + "/build", "-DCASE=" + case]
                    done = subprocess.run(command, capture_output=True, text=True, check=False)
                    if message is None:
                        self.assertEqual(done.returncode, 0, done.stderr)
                    else:
                        self.assertNotEqual(done.returncode, 0)
                        self.assertIn(message, " ".join(done.stderr.split()))


if __name__ == "__main__":
    CMAKE, SOURCE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
