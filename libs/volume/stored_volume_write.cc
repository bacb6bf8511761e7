#include <b2nd.h>
#include <blosc2.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/volume/statistics.h"
#include "libs/volume/stored_volume.h"
#include "libs/volume/stored_volume_frame.h"

namespace amaes {
namespace {

constexpr std::int64_t kChunkSide = 64;
constexpr std::int64_t kBlockSide = 16;
constexpr int kCompressionLevel = 1;  // of LZ4
constexpr double kMaxStored = 65535;

struct Range {
  float low = 0;
  float high = 0;
  bool whole_numbers = true;
};

absl::StatusOr<Range> FindRange(const Volume& volume) {
  if (volume.voxels.empty() || VoxelCount(volume.shape) != static_cast<std::int64_t>(volume.voxels.size())) {
    return absl::InvalidArgumentError(absl::StrCat("cannot store a volume of ", absl::StrJoin(volume.shape, " x "),
                                                   " with ", volume.voxels.size(), " voxels"));
  }
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::all_of(volume.affine.begin(), volume.affine.end(), finite) ||
      !std::all_of(volume.spacing.begin(), volume.spacing.end(), finite)) {
    return absl::InvalidArgumentError("cannot store a volume whose affine or spacing is not finite");
  }
  const Extent extent = MeasureExtent(volume.voxels);
  if (extent.nonfinite > 0) return absl::InvalidArgumentError("cannot store a volume with a voxel that is not finite");
  const auto whole = [](float v) { return v == std::rint(v); };
  return Range{extent.low, extent.high, std::all_of(volume.voxels.begin(), volume.voxels.end(), whole)};
}

StoredMeta PlanMeta(const Volume& volume, const Range& range, double resolution) {
  StoredMeta meta;
  meta.shape = volume.shape;
  for (int a = 0; a < 3; ++a) {
    meta.chunk[a] = std::min(volume.shape[a], kChunkSide);
    meta.block[a] = std::min(meta.chunk[a], kBlockSide);
  }
  const double extent = static_cast<double>(range.high) - range.low;
  const bool exact = extent == 0 || (range.whole_numbers && extent <= kMaxStored);
  meta.scale = exact ? 1.0 : std::max(extent / kMaxStored, resolution);
  meta.offset = range.low;
  meta.spacing = volume.spacing;
  meta.affine = volume.affine;
  return meta;
}

std::vector<std::uint16_t> Quantise(const Volume& volume, const StoredMeta& meta) {
  // Added and taken away again, this rounds to the nearest whole number, to even between two; std::rint would be a call.
  constexpr double kRounder = 6755399441055744.0;  // 1.5 * 2^52
  const double offset = meta.offset, steps_per_unit = 1.0 / meta.scale;
  std::vector<std::uint16_t> out(volume.voxels.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double steps = (static_cast<double>(volume.voxels[i]) - offset) * steps_per_unit;
    const double whole = (steps + kRounder) - kRounder;
    out[i] = static_cast<std::uint16_t>(static_cast<std::int32_t>(std::min(std::max(whole, 0.0), kMaxStored)));
  }
  return out;
}

absl::Status BloscError(absl::string_view what, int code) {
  return absl::InternalError(absl::StrCat(what, ": blosc2: ", blosc2_error_string(code)));
}

// The whole file in memory, not yet sealed.
absl::StatusOr<std::string> Compress(const std::vector<std::uint16_t>& stored, const StoredMeta& meta) {
  blosc2_cparams cparams = BLOSC2_CPARAMS_DEFAULTS;
  cparams.compcode = BLOSC_LZ4;
  cparams.clevel = kCompressionLevel;
  cparams.typesize = sizeof(std::uint16_t);
  cparams.nthreads = 1;
  cparams.filters[BLOSC2_MAX_FILTERS - 1] = BLOSC_BITSHUFFLE;
  blosc2_dparams dparams = BLOSC2_DPARAMS_DEFAULTS;
  blosc2_storage storage = BLOSC2_STORAGE_DEFAULTS;
  storage.contiguous = true;
  storage.cparams = &cparams;
  storage.dparams = &dparams;
  std::string content = EncodeStoredMeta(meta);
  char name[] = "amaes";
  blosc2_metalayer metalayer{};
  metalayer.name = name;
  metalayer.content = reinterpret_cast<std::uint8_t*>(content.data());
  metalayer.content_len = static_cast<std::int32_t>(content.size());
  std::int32_t chunk[3], block[3];
  std::copy(meta.chunk.begin(), meta.chunk.end(), chunk);
  std::copy(meta.block.begin(), meta.block.end(), block);
  const std::unique_ptr<b2nd_context_t, int (*)(b2nd_context_t*)> context(
      b2nd_create_ctx(&storage, 3, meta.shape.data(), chunk, block, "<u2", DTYPE_NUMPY_FORMAT, &metalayer, 1),
      b2nd_free_ctx);
  if (context == nullptr) return absl::InternalError("blosc2 makes no array");
  b2nd_array_t* raw = nullptr;
  int code = b2nd_from_cbuffer(context.get(), &raw, stored.data(),
                               static_cast<std::int64_t>(stored.size() * sizeof(std::uint16_t)));
  if (code < 0) return BloscError("cannot compress", code);
  const std::unique_ptr<b2nd_array_t, int (*)(b2nd_array_t*)> array(raw, b2nd_free);
  std::uint8_t* frame = nullptr;
  std::int64_t size = 0;
  bool needs_free = false;
  code = b2nd_to_cframe(array.get(), &frame, &size, &needs_free);
  if (code < 0) return BloscError("cannot lay out a file", code);
  std::string file(reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size));
  if (needs_free) std::free(frame);
  return file;
}

}  // namespace

absl::StatusOr<std::vector<std::uint32_t>> WriteStoredVolume(const std::filesystem::path& path, const Volume& volume,
                                                             double resolution) {
  AMAES_ASSIGN_OR_RETURN(const Range range, FindRange(volume));
  InitBlosc2();
  const StoredMeta meta = PlanMeta(volume, range, resolution);
  AMAES_ASSIGN_OR_RETURN(std::string file, Compress(Quantise(volume, meta), meta));
  AMAES_RETURN_IF_ERROR(SealFrame(file));
  const auto read = [&](std::int64_t position, std::int64_t size, char* out) {
    std::memcpy(out, file.data() + position, static_cast<std::size_t>(size));
    return absl::OkStatus();
  };
  const absl::StatusOr<StoredFrame> frame = ParseFrame(static_cast<std::int64_t>(file.size()), read);
  if (!frame.ok()) return absl::InternalError(absl::StrCat("wrote an unreadable file: ", frame.status().message()));
  std::vector<std::uint32_t> checksums;
  checksums.reserve(frame->chunks.size());
  for (const StoredChunk& chunk : frame->chunks) {
    checksums.push_back(Crc32c(file.data() + chunk.position, static_cast<std::size_t>(chunk.size)));
  }
  AMAES_RETURN_IF_ERROR(files::WriteAtomic(path, file));
  return checksums;
}

}  // namespace amaes
