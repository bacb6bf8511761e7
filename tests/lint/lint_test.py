"""Each fence fails on a planted violation, and passes on the same tree without it."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import lint  # noqa: E402

CLEAN = {
    "dev": "cmd_build() {\n}\n",
    "docs/ARCHITECTURE.md": "See `libs/base/{clock,log}.h`, `libs/base/clock`, `libs/*/clock.h`, `deploy/NAME/x` and `./dev build`.\n",
    "libs/base/clock.h": "#pragma once\n",
    "libs/base/clock.cc": "absl::Time Now() { return absl::Now(); }\n",
    "libs/base/log.h": '#include "libs/base/clock.h"\n',
    "libs/rpc/server.cc": "#include <grpcpp/grpcpp.h>\nauto deadline = std::chrono::system_clock::now();\n",
    "libs/models/unet.cc": "#include <ATen/core/Tensor.h>\n",
    "libs/models/cuda/norm.cu": "#include <cuda_runtime.h>\n",
    "libs/collective/gloo_communicator.cc": '#include "gloo/allreduce.h"\n',
    "libs/collective/nccl_loader.cc": "#include <nccl.h>\n",
    "libs/collective/buckets.cc": "#include <ATen/core/Tensor.h>\n",
    "libs/store/sqlite_store.cc": "#include <sqlite3.h>\n",
    "libs/telemetry/metrics.cc": "#include <prometheus/registry.h>\n",
    "services/worker/main.cc": "#include <torch/torch.h>\n",
    "services/coordinator/api.cc": '#include "proto/amaes/v1/jobs.grpc.pb.h"\n',
    "tests/unit/base/clock_test.cc": "clock.Advance(absl::Seconds(2));\n",
}

# (fence, file, what is planted there)
PLANTED = [
    ("layering", "libs/scheduler/placement.cc", "#include <grpcpp/grpcpp.h>"),
    ("layering", "services/worker/main.cc", '#include "proto/amaes/v1/jobs.grpc.pb.h"'),
    ("layering", "services/coordinator/main.cc", "#include <torch/torch.h>"),
    ("layering", "libs/loader/loader.h", "#include <ATen/core/Tensor.h>"),
    ("layering", "libs/draws/draws.h", "  #  include <c10/util/Half.h>"),
    ("layering", "libs/collective/gloo_communicator.cc", "#include <ATen/core/Tensor.h>"),
    ("layering", "libs/collective/nccl_communicator.cc", "#include <torch/types.h>"),
    ("layering", "libs/train/step.cc", '#include "gloo/allreduce.h"'),
    ("layering", "libs/train/step.cc", "#include <nccl.h>"),
    ("layering", "libs/models/unet.cc", "#include <cuda_runtime.h>"),
    ("layering", "libs/models/norm.cu", "int x;"),
    ("layering", "libs/scheduler/queue.cc", '#include "sqlite3.h"'),
    ("layering", "services/coordinator/main.cc", "#include <prometheus/counter.h>"),
    ("layering", "libs/train/step.cc", '#include "proto/amaes/v1/jobs.pb.h"'),
    ("layering", "libs/train/step.cc", '#include "services/worker/worker.h"'),
    ("layering", "services/agent/agent.cc", '#include "tests/unit/fakes.h"'),
    ("file_length", "libs/train/step.cc", "//\n" * 601),
    ("words", "tests/unit/x_test.cc", "std::this_thread::sleep_for(1s);"),
    ("words", "tests/unit/x_test.cc", "absl::SleepFor(absl::Seconds(1));"),
    ("words", "tests/unit/x_test.cc", "const auto now = absl::Now();"),
    ("words", "tests/unit/x_test.cc", "std::chrono::system_clock::now();"),
    ("words", "tests/unit/x_test.cc", "usleep(5);"),
    ("words", "tests/unit/x_test.cc", 'GTEST_SKIP() << "no GPU";'),
    ("words", "tests/unit/x_test.cc", "TEST(A, DISABLED_B) {}"),
    ("words", "tests/conformance/a/test_a.py", "time.sleep(1)"),
    ("words", "tests/conformance/a/test_a.py", "torch = pytest.importorskip('torch')"),
    ("words", "tests/e2e/run.sh", "./start & sleep 1"),
    ("words", "libs/scheduler/queue.cc", "const absl::Time now = absl::Now();"),
    ("docs", "docs/ARCHITECTURE.md", "`libs/gone/x.h`"),
    ("docs", "docs/ARCHITECTURE.md", "`libs/base/{log,gone}.h`"),
    ("docs", "docs/ARCHITECTURE.md", "`libs/*/gone.h`"),
    ("docs", "README.md", "[why](docs/adr/gone.md)"),
    ("docs", "CONTRIBUTING.md", "./dev nothing"),
]


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name, text in CLEAN.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def status(self, check):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = lint.main([check, str(self.root)])
        return status, out.getvalue()

    def test_a_clean_tree_passes(self):
        for check in lint.CHECKS:
            status, text = self.status(check)
            self.assertEqual(status, 0, text)

    def test_every_planted_violation_is_found_where_it_is(self):
        for check, name, text in PLANTED:
            with self.subTest(check=check, name=name, text=text[:60]):
                before = (self.root / name).read_text() if (self.root / name).exists() else None
                self.write(name, text + "\n")
                status, output = self.status(check)
                self.assertEqual(status, 1, output)
                self.assertIn(name + ":", output)
                if before is None:
                    (self.root / name).unlink()
                else:
                    self.write(name, before)

    def test_a_missing_architecture_page_is_found(self):
        (self.root / "docs/ARCHITECTURE.md").unlink()
        self.assertEqual(self.status("docs")[0], 1)


if __name__ == "__main__":
    unittest.main()
