// The way of the data on one core: preprocessing, warm crops, draws.
#include <benchmark/benchmark.h>

#include "libs/base/log.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/dataset/sample_stream.h"
#include "libs/draws/draws.h"
#include "libs/volume/contract.h"
#include "libs/volume/phantom.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

Volume Head(double spacing_mm) {
  PhantomOptions options;
  options.shape = {182, 218, 182};
  options.spacing_mm = spacing_mm;
  options.lesions = 0;
  return MakePhantom(0, options).images.front();
}

// Voxels of the source per second; 0.8 mm, so that it is resampled.
void ApplyAmaesContract(benchmark::State& state) {
  const Volume volume = Head(0.8);
  for (auto _ : state) {
    const auto result = ApplyContract(volume, Contract());
    AMAES_CHECK(result.ok());
  }
  state.SetItemsProcessed(state.iterations() * VoxelCount(volume.shape));
}
BENCHMARK(ApplyAmaesContract)->Unit(benchmark::kMillisecond);

// Random warm crops per second of a stored 1 mm head; the argument is the side.
void ReadCrop(benchmark::State& state) {
  const TempDir folder;
  const auto checksums = WriteStoredVolume(folder.path() / "head.b2nd", Head(1.0));
  AMAES_CHECK(checksums.ok());
  const auto volume = StoredVolume::Open(folder.path() / "head.b2nd", *checksums);
  AMAES_CHECK(volume.ok());
  AMAES_CHECK((*volume)->Verify().ok());
  std::vector<float> out(static_cast<std::size_t>(state.range(0) * state.range(0) * state.range(0)));
  std::int64_t position = 0;
  for (auto _ : state) {
    const CropDraw crop = DrawCrop(1, position++, (*volume)->shape(), state.range(0));
    AMAES_CHECK((*volume)->ReadBox(crop.start, crop.read, absl::MakeSpan(out)).ok());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ReadCrop)->Arg(64)->Arg(128)->Unit(benchmark::kMillisecond);

void DrawMask(benchmark::State& state) {
  std::int64_t position = 0;
  for (auto _ : state) benchmark::DoNotOptimize(DrawTokenMask(1, position++, 128, 4, 0.6));
}
BENCHMARK(DrawMask)->Unit(benchmark::kMicrosecond);

// A volume of a corpus of 45,000, a million steps into the run.
void SeekInStream(benchmark::State& state) {
  const SampleStream stream(1, "digest", 45'000);
  std::int64_t position = 16'000'000;
  for (auto _ : state) benchmark::DoNotOptimize(stream.VolumeAt(position++));
}
BENCHMARK(SeekInStream)->Unit(benchmark::kNanosecond);

}  // namespace
}  // namespace amaes
