// One target for libFuzzer: AMAES_FUZZ_TARGET is its place in the table. `--seeds FOLDER` writes its seeds and ends.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/targets.h"

namespace {

const amaes::FuzzTarget& Target() { return amaes::FuzzTargets().at(AMAES_FUZZ_TARGET); }

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc != 3 || std::strcmp((*argv)[1], "--seeds") != 0) return 0;
  const std::filesystem::path folder = (*argv)[2];
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const std::string& seed : Target().seeds()) {
    std::ofstream(folder / absl::StrCat("seed-", number++), std::ios::binary) << seed;
  }
  std::printf("%s: %d seeds\n", Target().name, number);
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Target().run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
