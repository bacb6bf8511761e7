// What parent and child of an ingest say to each other: one JSON line each way. The parent keeps final answers as
// records, by which a later run finds what is done; ranks of a gang hand requests and answers to each other as files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/layout.h"

namespace amaes {

// One volume to be: a file, or one frame of it.
struct ReadRequest {
  std::int64_t index = 0;  // of the item in the plan
  std::string stamp;       // CatalogueEntry::stamp
  std::filesystem::path path;
  std::string member;                        // ScanFile::member
  bool dicom = false, preprocessed = false;  // as in ScanFile
  std::int64_t frame = 0;                    // which volume of a 4D file
  bool digest_only = false;       // nothing is stored; the answer has the voxel digest and what the file says
  bool refuse_frames = false;     // a 4D file is refused
  bool refuse_nonfinite = false;  // a file with NaN or infinities is refused
  ScanDemands demands;
  std::vector<CompanionFile> companions;
  std::filesystem::path volumes;
  std::filesystem::path exclusions;  // lines "VOXEL-DIGEST REASON" of what must not come back; empty = none
  Contract contract;
  int threads = 1;
};

std::string RequestJson(const ReadRequest& request);
// - DataLoss: names the field.
absl::StatusOr<ReadRequest> ParseRequest(const std::string& line);

struct ReadAnswer {
  enum class Outcome {
    kVolume,    // `entry` without source, subject, session, modality, split and the like; final
    kRefused,   // `reason` lies in the file; final
    kExcluded,  // read, but an earlier version excluded these voxels for `reason`; final
    kFailed,    // `reason` may pass: I/O error, limit, crash; read again by the next run
    kMemory,    // ran into the memory limit
    kStore,     // the volume store cannot be written: `code` and `reason`; ends the ingest
  };
  Outcome outcome = Outcome::kFailed;
  std::string reason;
  absl::StatusCode code = absl::StatusCode::kOk;
  bool reused = false;                                          // the stored volume was there already
  std::vector<std::pair<std::string, std::string>> companions;  // (role, why it was not taken)
  CatalogueEntry entry;

  bool final() const {
    return outcome == Outcome::kVolume || outcome == Outcome::kRefused || outcome == Outcome::kExcluded;
  }
};

std::string AnswerJson(const ReadAnswer& answer);
// - DataLoss: names the field.
absl::StatusOr<ReadAnswer> ParseAnswer(const std::string& line);

}  // namespace amaes
