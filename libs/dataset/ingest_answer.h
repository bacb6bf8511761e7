// What parent and child of an ingest say to each other: one JSON line each way. The parent keeps final answers as
// records, by which a later run finds what is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

struct ReadRequest {
  std::int64_t index = 0;  // of the file in the ingest, for fault points
  std::filesystem::path path;
  std::filesystem::path volumes;
  Contract contract;
};

std::string RequestJson(const ReadRequest& request);
// - DataLoss: names the field.
absl::StatusOr<ReadRequest> ParseRequest(const std::string& line);

struct ReadAnswer {
  enum class Outcome {
    kVolume,   // `entry` without source, subject, session, modality and split; final
    kRefused,  // `reason` lies in the file; final
    kFailed,   // `reason` may pass: I/O error, limit, crash; read again by the next run
    kMemory,   // ran into the memory limit
    kStore,    // the volume store cannot be written: `code` and `reason`; ends the ingest
  };
  Outcome outcome = Outcome::kFailed;
  std::string reason;
  absl::StatusCode code = absl::StatusCode::kOk;
  bool reused = false;  // the stored volume was there already
  CatalogueEntry entry;

  bool final() const { return outcome == Outcome::kVolume || outcome == Outcome::kRefused; }
};

std::string AnswerJson(const ReadAnswer& answer);
// - DataLoss: names the field.
absl::StatusOr<ReadAnswer> ParseAnswer(const std::string& line);

}  // namespace amaes
