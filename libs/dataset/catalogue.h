// A dataset version: an immutable folder that holds version.json, catalogue.jsonl.zst and report.json.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/volume/contract.h"
#include "libs/volume/volume.h"

namespace amaes {

enum class Split { kTrain, kHeldOut };

// A value of a label map, and how many stored voxels have it.
struct LabelValue {
  double value = 0;
  std::int64_t voxels = 0;
  bool operator==(const LabelValue&) const = default;
};
inline constexpr std::size_t kMostLabelValues = 4096;

// A label map or mask on the grid of its volume, stored beside it.
struct Companion {
  std::string role;    // CompanionFile::role
  std::string volume;  // name of the stored volume
  std::int64_t stored_bytes = 0;
  std::vector<std::uint32_t> chunk_checksums;
  // Ascending; every one that is there. Empty: not known (an older version), or more than kMostLabelValues of them.
  std::vector<LabelValue> values{};
  std::string path{};  // as CatalogueEntry::path
  bool operator==(const Companion&) const = default;
};

// One volume. File names, folders and subject names stay here: logs, metrics and checkpoints carry keyed hashes.
struct CatalogueEntry {
  std::string
      volume;  // name of the stored volume: digest of (source voxels, contract), hex; file volumes/ab/abcd….b2nd
  std::string voxel_digest;  // SHA-256 of the scaled, reoriented source voxels with their shape and spacing
  std::string subject, session, modality;
  std::string source;  // as ScanFile::source; of a split 4D file with "#FRAME" behind it
  // Where the file lay when it was ingested, absolute: the file, the archive it is in, or the folder of its series. Empty: not
  // known, ingested by an older program.
  std::string path;
  std::string collection, case_id;
  Shape3 shape{};         // stored
  Shape3 source_shape{};  // of the file, reoriented
  std::array<double, 3> source_spacing{};
  // Volume::affine of the stored volume. All zero: not known, ingested by an older program.
  std::array<double, 16> affine{};
  double mean = 0, standard_deviation = 0;  // of the stored voxels
  double foreground_share = 0;              // voxels above the minimum
  std::int64_t nonfinite_voxels = 0;
  int frames = 1;                                 // volumes in the file
  std::int64_t frame = 0;                         // which of them this is
  std::string datatype, orientation;              // of the file, e.g. "int16", "LPS"
  double source_minimum = 0, source_maximum = 0;  // of the scaled voxels
  std::map<std::string, std::string> info;        // ScanFile::info
  std::vector<std::string> flags;                 // what is unusual, sorted: "4d", "nonfinite", "anisotropic", …
  std::vector<Companion> companions;
  std::string stamp;  // of the file (name, size, time) and the contract: an unchanged file is not read again
  Split split = Split::kTrain;
  std::int64_t stored_bytes = 0;
  std::vector<std::uint32_t> chunk_checksums;
  bool operator==(const CatalogueEntry&) const = default;
};

// What a later ingest must not bring back.
struct Exclusion {
  std::string kind;    // "voxels" | "subject"
  std::string value;   // CatalogueEntry::voxel_digest, or SubjectKey of the subject
  std::string reason;  // a user's words
  std::string time;    // RFC 3339
  bool operator==(const Exclusion&) const = default;
};

// A hash that stands for a subject where its name must not be.
std::string SubjectKey(const std::string& subject);

struct DatasetVersion {
  std::string name;
  std::int64_t version = 0;
  std::int64_t base = 0;  // the version that this one was made from; 0 = none
  std::string digest;     // over the contract and the sorted (voxel digest, subject, split)
  Contract contract;
  std::vector<CatalogueEntry> entries;  // sorted by (subject, session, modality, volume)
  std::vector<Exclusion> exclusions;    // of this version and all before it; not part of the digest

  std::vector<std::int64_t> Indices(Split split) const;  // ascending indices into entries
};

// What happened to every file of an ingest: volumes + duplicates + quarantined + skipped = files.
struct IngestReport {
  struct Item {
    std::string source;
    std::string reason;  // for a duplicate: the source it equals
    bool operator==(const Item&) const = default;
  };
  std::int64_t files = 0, volumes = 0;
  std::vector<Item> duplicates, quarantined, skipped;
  std::int64_t unchanged = 0;         // of `files`: not read again, their stamp is that of the version before
  std::int64_t carried = 0;           // volumes of the version before that this ingest did not meet; not in `files`
  std::vector<Item> companions;       // label maps and masks that were not taken; their volumes were
  std::vector<std::string> findings;  // differences between what is on disk and what the source should be
  bool operator==(const IngestReport&) const = default;
};

// Sorts the entries, assigns splits to new subjects, fills the digest. `previous` keeps its subjects' splits. `held_out_share`:
// HeldOutSubjects.
void FinishVersion(DatasetVersion& version, const DatasetVersion* previous, double held_out_share = 0);
std::string VersionDigest(const DatasetVersion& version);

// Writes the three files into an existing folder; version.json last.   - ResourceExhausted, Unavailable: I/O error.
absl::Status WriteVersion(const std::filesystem::path& folder, const DatasetVersion& version,
                          const IngestReport& report);
// - NotFound: no version there.   - DataLoss: damaged, or the digest does not fit, or a newer format (named).
absl::StatusOr<DatasetVersion> ReadVersion(const std::filesystem::path& folder);
absl::StatusOr<IngestReport> ReadReport(const std::filesystem::path& folder);

// In the staging folder of an ingest job: the version that becomes datasets/NAME/VERSION by rename.
inline constexpr char kStagedVersion[] = "version";
// In datasets/NAME: what ingests of this dataset have finished, kept until a version holds it.
inline constexpr char kIngestRecords[] = ".ingest";

// volumes/ab/abcdef….b2nd below the volume store. Beside it an ingest keeps abcdef….json, by which it is found again.
std::filesystem::path VolumePath(const std::filesystem::path& volumes, const std::string& volume);

}  // namespace amaes
