#include "libs/dataset/ingest_process.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ingest_source.h"
#include "libs/dataset/originals.h"
#include "libs/dataset/volume_store.h"
#include "libs/volume/contract.h"

namespace amaes {
namespace {

using Outcome = ReadAnswer::Outcome;

constexpr double kAnisotropic = 3;
constexpr std::int64_t kFewSlices = 16;
constexpr double kObliqueDegrees = 5;
constexpr double kMostlyBackground = 0.05;

// How reading ended. `outcome` says what an error means for the ingest; it depends on where it happened.
struct Ending {
  Outcome outcome;
  absl::Status status;
};

Ending Refused(const std::string& reason) { return {Outcome::kRefused, absl::InvalidArgumentError(reason)}; }

// The largest angle between an axis of the volume and that axis of the scanner, in degrees.
double Obliqueness(const Volume& volume) {
  double largest = 0;
  for (int a = 0; a < 3; ++a) {
    double square = 0;
    for (int row = 0; row < 3; ++row) square += volume.affine[row * 4 + a] * volume.affine[row * 4 + a];
    if (!(square > 0)) continue;
    const double cosine = std::min(1.0, std::abs(volume.affine[a * 4 + a]) / std::sqrt(square));
    largest = std::max(largest, std::acos(cosine) * 180 / M_PI);
  }
  return largest;
}

std::string ShapeText(const Shape3& shape) { return absl::StrCat(shape[0], "x", shape[1], "x", shape[2]); }

// What the request demands beyond that the file can be read; "" when it is met.
std::string UnmetDemand(const ReadRequest& request, const NiftiVolume& scan) {
  const Shape3& shape = scan.volume.shape;
  if (request.refuse_frames && scan.frames > 1) {
    return absl::StrCat("4D file of ", scan.frames, " volumes, and the ingest refuses those (frames: refuse)");
  }
  if (request.refuse_nonfinite && scan.nonfinite_voxels > 0) {
    return absl::StrCat(scan.nonfinite_voxels,
                        " voxels are NaN or infinite, and the ingest quarantines such files (nonfinite: quarantine)");
  }
  if (request.demands.only_3d && scan.frames > 1) {
    return absl::StrCat("4D file of ", scan.frames, " volumes: its collection demands 3-D files");
  }
  if (*std::min_element(shape.begin(), shape.end()) < request.demands.min_voxels_per_axis) {
    return absl::StrCat("only ", ShapeText(shape), " voxels: its collection demands at least ",
                        request.demands.min_voxels_per_axis, " along every axis");
  }
  if (request.demands.nonnegative && scan.minimum < 0) {
    return absl::StrCat("negative voxels (smallest ", scan.minimum, "): its collection demands none");
  }
  return "";
}

// The reason for which an earlier version excluded these voxels, if one did.
absl::StatusOr<std::optional<std::string>> ExclusionOf(const ReadRequest& request, const std::string& voxel_digest) {
  if (request.exclusions.empty()) return std::nullopt;
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(request.exclusions));
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::StartsWith(line, absl::StrCat(voxel_digest, " ")))
      return std::string(line.substr(voxel_digest.size() + 1));
  }
  return std::nullopt;
}

// The companions that can be taken, on the scan's grid. What cannot is said in the answer; the volume is taken all the same.
struct Companions {
  std::vector<std::string> roles, paths;
  std::vector<Volume> volumes;
};

Companions ReadCompanions(const ReadRequest& request, const NiftiVolume& scan, ReadAnswer& answer) {
  Companions out;
  for (const CompanionFile& file : request.companions) {
    if (request.preprocessed) {
      answer.companions.emplace_back(file.role,
                                     "not taken: the volume was preprocessed elsewhere, on a grid of its own");
      continue;
    }
    NiftiOptions options;
    options.allow_constant = true;
    absl::StatusOr<NiftiVolume> read = ReadNifti(file.path, options);
    absl::Status status = read.ok() ? CheckCompanion(scan.volume, read->volume) : read.status();
    if (!status.ok()) {
      answer.companions.emplace_back(file.role,
                                     absl::StrReplaceAll(status.message(), {{file.path.string(), "the file"}}));
      continue;
    }
    out.roles.push_back(file.role);
    out.paths.push_back(file.path.string());
    out.volumes.push_back(std::move(read->volume));
  }
  return out;
}

CatalogueEntry CompanionEntry(const std::string& role, const Volume& companion, const std::string& volume) {
  CatalogueEntry entry;
  entry.voxel_digest = VoxelDigest(companion);
  entry.volume = CompanionName(role, entry.voxel_digest, volume);
  return entry;
}

Ending StoreEnding(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return {Outcome::kRefused, status};
  if (absl::IsInternal(status)) return {Outcome::kFailed, status};
  return {Outcome::kStore, status};
}

// Volume and companions to the store, as far as they are not there.
Ending Store(const ReadRequest& request, NiftiVolume& scan, ReadAnswer& answer) {
  CatalogueEntry& entry = answer.entry;
  Companions companions = ReadCompanions(request, scan, answer);
  std::vector<CatalogueEntry> entries;
  bool all_there = true;
  answer.reused = FindStored(request.volumes, entry);
  for (std::size_t i = 0; i < companions.volumes.size(); ++i) {
    entries.push_back(CompanionEntry(companions.roles[i], companions.volumes[i], entry.volume));
    all_there = FindStored(request.volumes, entries[i]) && all_there;
  }
  if (!answer.reused || !all_there) {
    absl::StatusOr<Prepared> prepared = request.preprocessed ? Prepared{std::move(scan.volume), {}}
                                                             : ApplyContractTogether(scan.volume, companions.volumes,
                                                                                     request.contract, request.threads);
    if (!prepared.ok()) return {Outcome::kRefused, prepared.status()};
    scan.volume.voxels = {};
    companions.volumes.clear();
    if (!answer.reused) {
      // What was prepared elsewhere keeps all that can be kept.
      const double resolution = request.preprocessed ? 0 : StoredResolution(request.contract);
      const absl::Status stored = StoreVolume(request.volumes, prepared->volume, resolution, request.index, entry);
      if (!stored.ok()) return StoreEnding(stored);
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const absl::Status stored = StoreVolume(request.volumes, prepared->companions[i], 0, request.index, entries[i]);
      if (!stored.ok()) return StoreEnding(stored);
    }
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    absl::StatusOr<std::vector<LabelValue>> values = CountValues(request.volumes, entries[i]);
    if (!values.ok()) return StoreEnding(values.status());
    entry.companions.push_back({companions.roles[i], entries[i].volume, entries[i].stored_bytes,
                                entries[i].chunk_checksums, *std::move(values), companions.paths[i]});
  }
  return {Outcome::kVolume, absl::OkStatus()};
}

Ending Process(const ReadRequest& request, ReadAnswer& answer) {
  absl::StatusOr<NiftiVolume> scan = ReadSource(request);
  if (absl::IsResourceExhausted(scan.status())) return {Outcome::kMemory, scan.status()};
  if (absl::IsInvalidArgument(scan.status()) || absl::IsNotFound(scan.status()))
    return {Outcome::kRefused, scan.status()};
  if (!scan.ok()) return {Outcome::kFailed, scan.status()};
  if (const std::string unmet = UnmetDemand(request, *scan); !unmet.empty()) return Refused(unmet);
  CatalogueEntry& entry = answer.entry;
  entry.voxel_digest = VoxelDigest(scan->volume);
  const absl::StatusOr<std::optional<std::string>> excluded = ExclusionOf(request, entry.voxel_digest);
  if (!excluded.ok()) return {Outcome::kFailed, excluded.status()};
  if (excluded->has_value()) return {Outcome::kExcluded, absl::FailedPreconditionError(**excluded)};
  entry.volume = Sha256Hex(absl::StrCat(request.preprocessed ? "amaes-preprocessed/1\n" : "amaes-volume/1\n",
                                        entry.voxel_digest, "\n", ContractJson(request.contract)));
  entry.source_shape = scan->volume.shape;
  entry.source_spacing = scan->volume.spacing;
  entry.nonfinite_voxels = scan->nonfinite_voxels;
  entry.frames = scan->frames;
  entry.frame = request.frame;
  entry.datatype = scan->datatype;
  entry.orientation = scan->orientation;
  entry.source_minimum = scan->minimum;
  entry.source_maximum = scan->maximum;
  if (request.digest_only) {
    entry.shape = entry.source_shape;  // nothing is prepared, and an entry has a shape
    return {Outcome::kVolume, absl::OkStatus()};
  }
  const Ending ending = Store(request, *scan, answer);  // takes the voxels
  entry.flags = VolumeFlags(*scan, entry.foreground_share);
  return ending;
}

}  // namespace

std::vector<std::string> VolumeFlags(const NiftiVolume& scan, double stored_foreground_share) {
  const auto [thin, thick] = std::minmax_element(scan.volume.spacing.begin(), scan.volume.spacing.end());
  const std::int64_t shortest = *std::min_element(scan.volume.shape.begin(), scan.volume.shape.end());
  std::vector<std::string> flags;
  if (scan.frames > 1) flags.push_back("4d");
  if (*thick > kAnisotropic * *thin) flags.push_back("anisotropic");
  if (shortest < kFewSlices) flags.push_back("few-slices");
  if (stored_foreground_share < kMostlyBackground) flags.push_back("mostly-background");
  if (scan.minimum < 0) flags.push_back("negative");
  if (scan.nonfinite_voxels > 0) flags.push_back("nonfinite");
  if (Obliqueness(scan.volume) > kObliqueDegrees) flags.push_back("oblique");
  return flags;
}

ReadAnswer ProcessScan(const ReadRequest& request) {
  ReadAnswer answer;
  try {
    const Ending ending = Process(request, answer);
    answer.outcome = ending.status.ok() ? Outcome::kVolume : ending.outcome;
    answer.code = ending.status.code();
    answer.reason = absl::StrReplaceAll(
        ending.status.message(),
        {{request.path.string(), "the file"}, {absl::StrCat(request.path.parent_path().string(), "/"), ""}});
  } catch (const std::bad_alloc&) {
    answer.outcome = Outcome::kMemory;
  } catch (const std::exception& error) {
    answer.outcome = Outcome::kFailed;
    answer.reason = absl::StrCat("reader failed: ", error.what());
  }
  return answer;
}

}  // namespace amaes
