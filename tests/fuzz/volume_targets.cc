#include "tests/fuzz/volume_targets.h"

#include <cmath>
#include <cstring>

#include "libs/base/files.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/nifti_header.h"
#include "libs/volume/stored_volume.h"
#include "libs/volume/stored_volume_frame.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

constexpr std::int64_t kMaxVoxels = std::int64_t{1} << 29;

void CheckFrame(const std::string& frame) {
  const auto size = static_cast<std::int64_t>(frame.size());
  const ReadAt read = [&](std::int64_t position, std::int64_t count, char* out) {
    Require(position >= 0 && count >= 0 && position <= size && count <= size - position, "reads inside the file");
    std::memcpy(out, frame.data() + position, static_cast<std::size_t>(count));
    return absl::OkStatus();
  };
  const absl::StatusOr<StoredFrame> parsed = ParseFrame(size, read);
  if (!parsed.ok()) return;
  const Shape3 grid = parsed->meta.Grid();
  Require(VoxelCount(grid) == static_cast<std::int64_t>(parsed->chunks.size()), "one chunk per place of the grid");
  for (const StoredChunk& chunk : parsed->chunks) {
    if (chunk.size == 0) continue;
    Require(chunk.position >= 0 && chunk.size > 0 && chunk.position <= size - chunk.size, "chunks inside the file");
  }
}

}  // namespace

void FuzzNiftiHeader(absl::string_view input) {
  if (input.empty()) return;
  const bool is_hdr = (input[0] & 1) != 0;
  const absl::StatusOr<NiftiHeader> header = ParseNiftiHeader(input.substr(1), is_hdr, kMaxVoxels);
  if (!header.ok()) return;
  Require(VoxelCount(header->shape) > 0 && VoxelCount(header->shape) <= kMaxVoxels, "voxels within the limit");
  Require(header->FrameBytes() > 0 && header->frames > 0, "sizes above zero");
  Require(header->data_offset >= 0, "an offset inside the file");
  Require(std::isfinite(header->slope) && std::isfinite(header->intercept), "finite scaling");
  const absl::StatusOr<AxisOrder> axes = ClosestAxes(header->affine);
  if (axes.ok()) Require(axes->axis[0] + axes->axis[1] + axes->axis[2] == 3, "three different axes");
}

std::vector<std::string> NiftiHeaderSeeds() {
  std::vector<std::string> seeds;
  for (const NiftiBytes::Kind kind : {NiftiBytes::kNifti1, NiftiBytes::kNifti2, NiftiBytes::kAnalyze}) {
    for (const bool big_endian : {false, true}) {
      NiftiBytes header(kind, big_endian, {4, 5, 6, 2});
      if (kind != NiftiBytes::kAnalyze) header.Scale(2, 1).Qform(1, 0.1, 0.2, 0.3, 1, 2, 3);
      seeds.push_back((kind == NiftiBytes::kAnalyze ? "\x01" : "\x02") + header.str());
    }
  }
  return seeds;
}

void FuzzStoredFrame(absl::string_view input) {
  std::string frame(input);
  CheckFrame(frame);
  if (SealFrame(frame).ok()) CheckFrame(frame);
}

std::vector<std::string> StoredFrameSeeds() {
  std::vector<std::string> seeds;
  const TempDir folder;
  for (const Shape3& shape : {Shape3{3, 4, 5}, Shape3{20, 17, 18}, Shape3{70, 5, 66}}) {
    Volume volume;
    volume.shape = shape;
    volume.voxels.assign(static_cast<std::size_t>(VoxelCount(shape)), 0);
    for (std::size_t i = 0; i < volume.voxels.size(); i += 3) volume.voxels[i] = static_cast<float>(i % 251) / 7;
    volume.spacing = {1, 1, 2};
    volume.affine = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
    if (!WriteStoredVolume(folder.path() / "v.b2nd", volume).ok()) continue;
    const absl::StatusOr<std::string> bytes = files::Read(folder.path() / "v.b2nd");
    if (bytes.ok()) seeds.push_back(*bytes);
  }
  return seeds;
}

}  // namespace amaes
