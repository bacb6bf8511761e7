"""What a machine can check of CONTRIBUTING.md without a compiler: python3 lint.py layering|file_length|words|docs [ROOT].

Prints one line per finding, "PATH:LINE: what is wrong", and ends with 1 if there is any. Standard library only.
"""

import os
import pathlib
import re
import sys

SOURCE = {".h", ".cc", ".cu", ".cuh", ".proto", ".py", ".sh", ".cmake", ".js", ".html", ".css"}
PROGRAMS = {"dev", "run", "CMakeLists.txt"}
OUTSIDE = {"build", "dist", "__pycache__", "node_modules"}  # and every folder that starts with a dot, except .ci
TENSOR = r"libs/(collective|models|augment|evaluate|train)/|services/worker/"

# (what, include pattern, folders that may, folders among those that may not)
FENCES = [
    ("gRPC", r"grpc|.*\.grpc\.pb\.h$", r"libs/rpc/|services/", r"services/worker/"),
    ("LibTorch", r"(torch|ATen|c10|caffe2)/", TENSOR, r"libs/collective/([^/]*/)*[^/]*(gloo|nccl)[^/]*$"),
    ("CUDA", r"(cuda|cublas|cudnn|nvtx|nvToolsExt|cub/|thrust/)", r"(" + TENSOR + r")([^/]+/)*cuda/", None),
    ("NCCL", r"nccl\.h$", r"libs/collective/", None),
    ("Gloo", r"gloo/", r"libs/collective/", None),
    ("SQLite", r"sqlite3\.h$", r"libs/store/", None),
    ("prometheus-cpp", r"prometheus/", r"libs/telemetry/", None),
    ("generated messages", r".*\.pb\.h$|google/protobuf/", r"libs/(rpc|spec|tensorboard|worker_protocol)/|services/", None),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

# Where an own header may be included from: a library sees its own layer and those below. The order of libraries in their
# layers is CMake's to check (amaes_library); this one finds an include without a DEPS entry at all.
ABOVE = [(r"libs/", r"(services|tests)/"), (r"services/", r"tests/")]

# In tests: nothing waits for time to pass, nothing looks at the wall clock, nothing skips itself.
TEST_WORDS = re.compile(
    r"\b(sleep_for|sleep_until|usleep|nanosleep|SleepFor|SleepForMicroseconds|system_clock::now|absl::Now"
    r"|time\.sleep|asyncio\.sleep|GTEST_SKIP|DISABLED_\w+|pytest\.skip|pytest\.importorskip|skipif|skipIf|SkipTest|xfail)\b"
    r"|(^|[\s;&|(])sleep\s+[0-9$]"
)
# In the product, time is a constructor argument. libs/rpc may: gRPC wants its deadlines as points of the system's clock.
CLOCK_WORDS = re.compile(r"\b(absl::Now|system_clock::now)\s*\(")
CLOCK_HOMES = ("libs/base/clock.cc", "libs/rpc/")


def files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in OUTSIDE and (not f.startswith(".") or f == ".ci"))
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if (path.suffix in SOURCE or name in PROGRAMS) and path.is_file():
                yield path.relative_to(root).as_posix(), path


def lines(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def layering(root):
    for name, path in files(root):
        if not name.startswith(("libs/", "services/")):
            continue
        if path.suffix == ".cu" and path.parent.name != "cuda":
            yield name, 1, "a .cu file lies in a folder cuda/ beside its CPU twin"
        for number, line in enumerate(lines(path), 1):
            match = INCLUDE.match(line)
            if not match or path.suffix not in {".h", ".cc", ".cu", ".cuh"}:
                continue
            header = match[1]
            for what, pattern, may, may_not in FENCES:
                inside = re.match(may, name) and not (may_not and re.match(may_not, name))
                if re.match(pattern, header) and not inside:
                    yield name, number, f"{what} does not belong here: <{header}>"
            for below, above in ABOVE:
                if name.startswith(below.rstrip("/") + "/") and re.match(above, header):
                    yield name, number, f"an arrow that points up: <{header}>"


def file_length(root):
    for name, path in files(root):
        count = len(lines(path))
        if count > 600:
            yield name, count, "longer than 600 lines: split it"


def words(root):
    for name, path in files(root):
        if name.startswith("tests/") and not name.startswith("tests/lint/"):
            pattern, why = TEST_WORDS, "tests do not sleep, look at the wall clock or skip themselves"
        elif name.startswith(("libs/", "services/")) and not name.startswith(CLOCK_HOMES):
            pattern, why = CLOCK_WORDS, "time is a constructor argument (libs/base/clock.h)"
        else:
            continue
        for number, line in enumerate(lines(path), 1):
            code = line.split("//")[0] if path.suffix in {".h", ".cc", ".cu", ".cuh"} else line
            match = pattern.search(code)
            if match:
                yield name, number, f"'{match[0].strip()}': {why}"


def braces(text):
    """a/{b,c}.h -> a/b.h, a/c.h"""
    match = re.search(r"\{([^{}]*)\}", text)
    if not match:
        return [text]
    return [full for part in match[1].split(",") for full in braces(text[: match.start()] + part + text[match.end() :])]


def exists(root, path):
    path = path.rstrip("/.:,")
    if "*" in path:
        return any(True for _ in root.glob(path))
    # `libs/base/rng` means the header and its source.
    return (root / path).exists() or any(True for _ in (root / path).parent.glob(pathlib.PurePath(path).name + ".*"))


def docs(root):
    """Every path that a document names exists, and so does every ./dev command."""
    if not (root / "docs/ARCHITECTURE.md").is_file():
        yield "docs/ARCHITECTURE.md", 1, "is missing"
    tops = r"(?:libs|services|proto|deploy|docker|tests|docs|\.ci)/"
    quoted = re.compile(r"`(\.?/?" + tops + r"[^`\s]*)`")
    linked = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
    dev = root / "dev"
    commands = set(re.findall(r"^cmd_(\w+)\(\)", dev.read_text(), re.M)) if dev.is_file() else set()
    documents = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    for path in sorted(documents):
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(lines(path), 1):
            for text in quoted.findall(line):
                for candidate in braces(text.removeprefix("./")):
                    # NAME, VERSION, … stand for something; they are no paths.
                    if re.search(r"…|<|\$|(^|/)[A-Z]{3,}(/|$)", candidate):
                        continue
                    if not exists(root, candidate.split(":")[0]):
                        yield name, number, f"names {candidate}, which does not exist"
            for text in linked.findall(line):
                if not exists(path.parent, text):
                    yield name, number, f"links to {text}, which does not exist"
            for command in re.findall(r"\./dev ([a-z]+)", line):
                if commands and command not in commands:
                    yield name, number, f"names ./dev {command}, which does not exist"


CHECKS = {"layering": layering, "file_length": file_length, "words": words, "docs": docs}


def main(arguments):
    if not arguments or arguments[0] not in CHECKS:
        print(__doc__)
        return 2
    root = pathlib.Path(arguments[1]) if len(arguments) > 1 else pathlib.Path(__file__).parents[2]
    findings = list(CHECKS[arguments[0]](root.resolve()))
    for name, number, what in findings:
        print(f"{name}:{number}: {what}")
    print(f"lint.{arguments[0]}: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
