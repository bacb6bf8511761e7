#include "libs/volume/foreign_b2nd.h"

#include <b2nd.h>
#include <blosc2.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/volume/numeric_type.h"
#include "libs/volume/stored_volume_frame.h"

namespace amaes {
namespace {

absl::Status Refuse(absl::string_view defect) { return absl::InvalidArgumentError(defect); }

// For codecs and filters beyond its own, blosc2 looks for plugins, by starting Python. A file must not decide that.
absl::Status CheckChunks(blosc2_schunk* chunks) {
  constexpr std::int64_t kMostChunks = 1 << 20;
  constexpr int kFormatShift = 5;  // of the codec's format within the flags
  constexpr int kUserDefinedFormat = 6;
  if (chunks->nchunks > kMostChunks) return Refuse(absl::StrCat("damaged: ", chunks->nchunks, " chunks"));
  for (std::int64_t i = 0; i < chunks->nchunks; ++i) {
    std::uint8_t* chunk = nullptr;
    bool needs_free = false;
    const int size = blosc2_schunk_get_lazychunk(chunks, i, &chunk, &needs_free);
    const std::unique_ptr<std::uint8_t, void (*)(void*)> owner(needs_free ? chunk : nullptr, std::free);
    if (size < BLOSC_EXTENDED_HEADER_LENGTH || chunk == nullptr) return Refuse(absl::StrCat("damaged: chunk ", i));
    bool plain = chunk[BLOSC2_CHUNK_FLAGS] >> kFormatShift != kUserDefinedFormat;
    for (int f = 0; f < BLOSC2_MAX_FILTERS; ++f) {
      plain = plain && chunk[BLOSC2_CHUNK_FILTER_CODES + f] < BLOSC2_GLOBAL_REGISTERED_FILTERS_START;
    }
    if (!plain) return Refuse("codec or filter that is not among blosc2's own: store it with zstd or lz4");
  }
  return absl::OkStatus();
}

absl::StatusOr<ArrayVolume> ReadChecked(const std::filesystem::path& path, const ArrayOptions& options) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  if (!std::filesystem::is_regular_file(status)) return Refuse("not a .b2nd file: not a regular file");
  InitBlosc2();
  b2nd_array_t* raw = nullptr;
  const int opened = b2nd_open(path.c_str(), &raw);
  if (opened < 0 || raw == nullptr) {
    return Refuse(
        absl::StrCat("not a .b2nd file: blosc2 ", opened == 0 ? "opens nothing" : blosc2_error_string(opened)));
  }
  const std::unique_ptr<b2nd_array_t, int (*)(b2nd_array_t*)> array(raw, b2nd_free);
  if (blosc2_meta_exists(array->sc, "amaes") >= 0) {
    return Refuse("a stored volume of amaes: it belongs to a dataset, whose sources are to be added instead");
  }
  if (array->dtype == nullptr) return Refuse("unknown datatype: the file states none");
  AMAES_ASSIGN_OR_RETURN(const NumericType type, ParseNumericType(array->dtype));
  if (array->sc->typesize != type.bytes) return Refuse("damaged: its datatype and its item size differ");
  ArrayVolume out;
  out.datatype = type.Name();
  if (array->ndim < 1 || array->ndim > B2ND_MAX_DIM) return Refuse("damaged: its number of axes");
  const std::vector<std::int64_t> dims(array->shape, array->shape + array->ndim);
  AMAES_RETURN_IF_ERROR(PlanArrayVolume(dims, options, out));
  const std::int64_t bytes = VoxelCount(out.volume.shape) * type.bytes;
  constexpr std::int64_t kSmall = std::int64_t{1} << 26;  // chunks may be padded, but not to any size
  if (array->extchunknitems < 1 || array->extchunknitems > std::max(kSmall, 8 * bytes * out.channels) / type.bytes) {
    return Refuse(absl::StrCat("damaged: chunks of ", array->extchunknitems, " voxels"));
  }
  AMAES_RETURN_IF_ERROR(CheckChunks(array->sc));
  std::vector<std::int64_t> start(dims.size(), 0), stop = dims, shape = dims;
  if (dims.size() == 4) {
    start[0] = options.channel;
    stop[0] = options.channel + 1;
    shape[0] = 1;
  }
  std::vector<unsigned char> buffer(static_cast<std::size_t>(bytes));
  const int code = b2nd_get_slice_cbuffer(array.get(), start.data(), stop.data(), buffer.data(), shape.data(), bytes);
  if (code < 0) return Refuse(absl::StrCat("damaged: blosc2: ", blosc2_error_string(code)));
  out.volume.voxels.resize(static_cast<std::size_t>(VoxelCount(out.volume.shape)));
  DecodeNumbers(type, buffer.data(), out.volume.voxels.size(), out.volume.voxels.data());
  AMAES_RETURN_IF_ERROR(FinishArrayVolume(options, out));
  return out;
}

}  // namespace

absl::StatusOr<ArrayVolume> ReadForeignB2nd(const std::filesystem::path& path, const ArrayOptions& options) {
  try {
    return ReadChecked(path, options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the volume");
  }
}

}  // namespace amaes
