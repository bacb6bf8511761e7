#include "libs/dataset/ingest_source.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/archive.h"
#include "libs/dataset/dicom_convert.h"
#include "libs/volume/foreign_b2nd.h"
#include "libs/volume/npy.h"
#include "libs/volume/pickle_geometry.h"
#include "libs/volume/safe_pickle.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

// Of an unpacked member; the voxels are bounded by ReadNifti.
constexpr std::uint64_t kMaxMemberBytes = std::uint64_t{16} << 30;
// The parent's limit is the shorter one.
constexpr absl::Duration kConversionTime = absl::Hours(24);
// How far rounding may take a prepared volume out of its contract's range.
constexpr float kRangeTolerance = 1e-3F;
constexpr double kLargestMean = 0.5, kSmallestDeviation = 0.2, kLargestDeviation = 5;

// A folder in the store, removed at the end; RemoveAbandoned knows its name should this process be killed.
class Scratch {
 public:
  explicit Scratch(const fs::path& volumes) {
    static std::atomic<int> counter = 0;
    path_ =
        (volumes.empty() ? fs::temp_directory_path() : volumes) / absl::StrCat("reader.tmp-", getpid(), "-", counter++);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// What a damaged archive holds will not be better next time; a disk that is full may.
absl::Status OfArchive(const absl::Status& status) {
  if (absl::IsDataLoss(status)) return absl::InvalidArgumentError(absl::StrCat("damaged: ", status.message()));
  if (absl::IsResourceExhausted(status)) return absl::UnavailableError(status.message());
  return status;
}

// The member as a file that keeps its ending; of a .hdr its .img too.
absl::StatusOr<fs::path> Unpack(const ReadRequest& request, const fs::path& scratch) {
  AMAES_RETURN_IF_ERROR(files::MakeFolders(scratch));
  const auto extract = [&](const std::string& member) -> absl::StatusOr<fs::path> {
    const fs::path target = scratch / fs::path(member).filename();
    AMAES_RETURN_IF_ERROR(OfArchive(ExtractArchiveMember(request.path, member, kMaxMemberBytes, target)));
    return target;
  };
  for (const auto& [header, data] : {std::pair{".hdr", ".img"}, {".HDR", ".IMG"}, {".hdr.gz", ".img.gz"}}) {
    if (!absl::EndsWith(request.member, header)) continue;
    const std::string stem = request.member.substr(0, request.member.size() - std::string(header).size());
    AMAES_RETURN_IF_ERROR(extract(stem + data).status());
  }
  return extract(request.member);
}

absl::StatusOr<fs::path> Convert(const ReadRequest& request, const fs::path& scratch) {
  const char* search = std::getenv("PATH");
  AMAES_ASSIGN_OR_RETURN(const fs::path program, FindDcm2niix(search == nullptr ? "" : search));
  AMAES_RETURN_IF_ERROR(files::MakeFolders(scratch));
  AMAES_ASSIGN_OR_RETURN(const DicomVolume converted,
                         ConvertDicomSeries(program, request.path, request.member, scratch, kConversionTime));
  return converted.volume;
}

// Whether prepared voxels are what the contract makes.
absl::Status CheckPrepared(const ArrayVolume& array, const Contract& contract) {
  if (contract.name == "amaes") {
    if (array.minimum >= -kRangeTolerance && array.maximum <= 1 + kRangeTolerance) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("preprocessed voxels from ", array.minimum, " to ", array.maximum,
                                                   ": the contract amaes makes 0 to 1; is this the contract zscore?"));
  }
  double sum = 0, squares = 0;
  for (const float voxel : array.volume.voxels) {
    sum += voxel;
    squares += double{voxel} * voxel;
  }
  const auto count = static_cast<double>(array.volume.voxels.size());
  const double mean = sum / count;
  const double deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
  if (array.minimum < 0 && std::abs(mean) <= kLargestMean && deviation >= kSmallestDeviation &&
      deviation <= kLargestDeviation) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("preprocessed voxels from ", array.minimum, ", of mean ", mean,
                                                 " and standard deviation ", deviation,
                                                 ": the contract zscore makes about 0 and 1, some of them negative"));
}

// The array with the place in space that the .pkl beside it tells, on RAS+ axes.
absl::StatusOr<NiftiVolume> ReadPrepared(const fs::path& path, const ReadRequest& request) {
  ArrayOptions options;
  options.channel = static_cast<int>(request.frame);
  const bool npy = absl::EndsWithIgnoreCase(path.string(), ".npy");
  AMAES_ASSIGN_OR_RETURN(ArrayVolume array, npy ? ReadNpy(path, options) : ReadForeignB2nd(path, options));
  AMAES_RETURN_IF_ERROR(CheckPrepared(array, request.contract));
  NiftiVolume out;
  out.orientation = "RAS";
  out.datatype = array.datatype;
  out.frames = array.channels;
  out.nonfinite_voxels = array.nonfinite_voxels;
  out.minimum = array.minimum;
  out.maximum = array.maximum;
  out.volume = std::move(array.volume);
  const absl::StatusOr<std::string> pickle = files::Read(fs::path(path).replace_extension(".pkl"), 64 << 20);
  if (absl::IsNotFound(pickle.status())) return out;
  if (!pickle.ok()) return pickle.status();
  AMAES_ASSIGN_OR_RETURN(const nlohmann::json properties, ParsePickle(*pickle));
  AMAES_ASSIGN_OR_RETURN(const PickleGeometry geometry, GeometryOfPickle(properties, out.volume.shape));
  out.volume.spacing = geometry.spacing;
  out.volume.affine = geometry.affine;
  if (geometry.has_affine) {
    AMAES_ASSIGN_OR_RETURN(out.volume, ReorientToRas(out.volume));
  }
  return out;
}

// `status` without the name of a scratch file.
absl::Status Anonymous(const absl::Status& status, const fs::path& file) {
  return absl::Status(status.code(), absl::StrReplaceAll(status.message(), {{file.string(), "the file"}}));
}

// Brings the scan to a file, and hands that to `read`.
template <typename T, typename Read>
absl::StatusOr<T> WithFile(const ReadRequest& request, const Read& read) {
  if (!request.dicom && request.member.empty()) return read(request.path);
  const Scratch scratch(request.volumes);
  AMAES_ASSIGN_OR_RETURN(const fs::path file,
                         request.dicom ? Convert(request, scratch.path()) : Unpack(request, scratch.path()));
  absl::StatusOr<T> result = read(file);
  if (!result.ok()) return Anonymous(result.status(), file);
  return result;
}

}  // namespace

absl::StatusOr<NiftiVolume> ReadSource(const ReadRequest& request) {
  return WithFile<NiftiVolume>(request, [&](const fs::path& file) -> absl::StatusOr<NiftiVolume> {
    if (request.preprocessed) return ReadPrepared(file, request);
    NiftiOptions options;
    options.frame = static_cast<int>(request.frame);
    return ReadNifti(file, options);
  });
}

absl::StatusOr<NiftiInfo> InspectSource(const ReadRequest& request) {
  if (request.dicom || request.preprocessed) return absl::FailedPreconditionError("only reading the whole would tell");
  return WithFile<NiftiInfo>(request, [](const fs::path& file) { return InspectNifti(file); });
}

}  // namespace amaes
