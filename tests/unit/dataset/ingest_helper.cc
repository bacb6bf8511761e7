// What the ingest tests start: `child` reads one file, `run` ingests, the others are children that misbehave.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "libs/base/subprocess.h"
#include "libs/dataset/ingest.h"

namespace {

// FROM VOLUMES STAGING RECORDS
int Run(char** argument) {
  amaes::IngestOptions options;
  options.dataset = "phantoms";
  options.from = argument[0];
  options.volumes = argument[1];
  options.staging = argument[2];
  options.records = argument[3];
  options.child_command = {amaes::OwnProgram(), "child"};
  const auto result = amaes::RunIngest(options, amaes::SystemClock(), nullptr);
  if (result.ok()) return 0;
  std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "child") return amaes::RunIngestChild();
  if (mode == "run" && argc == 6) return Run(argv + 2);
  if (mode == "hang") {
    while (true) pause();
  }
  if (mode == "crash") {
    signal(SIGSEGV, SIG_DFL);  // a sanitizer may have a handler
    raise(SIGSEGV);
  }
  if (mode == "exit") return 3;
  if (mode == "silent") return 0;
  if (mode == "babble") return std::puts("what?") >= 0 ? 0 : 1;
  return 64;
}
