// The way of the data on one core: preprocessing, warm crops, draws.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>

#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/dataset/selection.h"
#include "libs/draws/draws.h"
#include "libs/loader/loader.h"
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
    const CropDraw crop = DrawCrop(1, position++, (*volume)->shape(), Cube(state.range(0)));
    AMAES_CHECK((*volume)->ReadBox(crop.start, crop.read, absl::MakeSpan(out)).ok());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ReadCrop)->Arg(64)->Arg(128)->Unit(benchmark::kMillisecond);

void DrawMask(benchmark::State& state) {
  std::int64_t position = 0;
  for (auto _ : state) benchmark::DoNotOptimize(DrawTokenMask(1, position++, Cube(128), 4, 0.6));
}
BENCHMARK(DrawMask)->Unit(benchmark::kMicrosecond);

// A volume of a corpus of 45,000, a million steps into the run.
void SeekInStream(benchmark::State& state) {
  const SampleStream stream(1, "digest", 45'000);
  std::int64_t position = 16'000'000;
  for (auto _ : state) benchmark::DoNotOptimize(stream.VolumeAt(position++));
}
BENCHMARK(SeekInStream)->Unit(benchmark::kNanosecond);

// A loader of 45,000 volumes with a filter and repeats, made a million steps into the run; with its first sample.
void SeekInLoader(benchmark::State& state) {
  const TempDir folder;
  Volume volume;
  volume.shape = {64, 64, 64};
  for (std::int64_t i = 0; i < VoxelCount(volume.shape); ++i) volume.voxels.push_back(static_cast<float>(i % 251));
  CatalogueEntry entry;
  entry.volume = std::string(64, 'a');
  entry.shape = volume.shape;
  const auto path = VolumePath(folder.path(), entry.volume);
  AMAES_CHECK(files::MakeFolders(path.parent_path()).ok());
  entry.chunk_checksums = *WriteStoredVolume(path, volume);
  DatasetVersion version;
  version.digest = "digest";
  for (int i = 0; i < 45'000; ++i) {
    entry.subject = "sub-" + std::to_string(i);
    version.entries.push_back(entry);
  }
  LoaderOptions options;
  options.volumes = folder.path();
  options.patch = Cube(64);
  options.global_batch = 16;
  options.lanes = {0, 16};
  options.first_step = 1'000'000;
  options.threads = 0;
  options.selection = std::make_shared<const Selection>(*ResolveSelection(version, "shape_min>=64", "subject~*7:2"));
  for (auto _ : state) {
    const auto loader = Loader::Create(version, options, SystemClock());
    AMAES_CHECK(loader.ok() && (*loader)->Next().ok());
  }
}
BENCHMARK(SeekInLoader)->Unit(benchmark::kMillisecond);

// Filter, repeats and digest over 45,000 entries: what submit and every worker do once.
void ResolveFilter(benchmark::State& state) {
  DatasetVersion version;
  for (int i = 0; i < 45'000; ++i) {
    CatalogueEntry entry;
    entry.subject = "sub-" + std::to_string(i);
    entry.modality = i % 3 == 0 ? "FLAIR" : "T1w";
    entry.shape = {64, 64, 64};
    entry.voxel_digest = std::string(64, 'b');
    version.entries.push_back(std::move(entry));
  }
  for (auto _ : state) {
    AMAES_CHECK(ResolveSelection(version, "modality=T1w shape_min>=64", "subject~*7:2").ok());
  }
}
BENCHMARK(ResolveFilter)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace amaes
