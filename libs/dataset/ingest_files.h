// The files by which an ingest finds what is finished and by which its ranks hand each other work.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/dataset/ingest_answer.h"

namespace amaes {

// One record per finished file, RECORDS/ab/abcdef….json by its stamp. Thread-safe; several processes may share a folder.
class IngestRecords {
 public:
  IngestRecords(std::filesystem::path folder, std::filesystem::path volumes)
      : folder_(std::move(folder)), volumes_(std::move(volumes)) {}

  // The final answer kept under `stamp`.   - NotFound: none, damaged, or its volume is no longer in the store.
  absl::StatusOr<ReadAnswer> Find(const std::string& stamp) const;
  // - ResourceExhausted, Unavailable: I/O error.
  absl::Status Keep(const std::string& stamp, const ReadAnswer& answer) const;
  // Whether the stored files of an entry, companions too, are in the store in their full size.
  bool IsStored(const CatalogueEntry& entry) const;

 private:
  std::filesystem::path folder_, volumes_;
};

// Lines in one compressed file with a first line that says what they are. Atomic.
//   - ResourceExhausted, Unavailable: I/O error.
absl::Status WriteLines(const std::filesystem::path& path, const std::string& format,
                        const std::vector<std::string>& lines);
// - NotFound: no such file.   - DataLoss: damaged, another format or a newer one.
absl::StatusOr<std::vector<std::string>> ReadLines(const std::filesystem::path& path, const std::string& format);

// What rank 0 gives out: every rank takes the requests whose place in the list is its own, modulo the ranks.
absl::Status WriteRequests(const std::filesystem::path& path, const std::vector<ReadRequest>& requests);
absl::StatusOr<std::vector<ReadRequest>> ReadRequests(const std::filesystem::path& path);

using IndexedAnswers = std::vector<std::pair<std::int64_t, ReadAnswer>>;  // index of the request
absl::Status WriteAnswers(const std::filesystem::path& path, const IndexedAnswers& answers);
absl::StatusOr<IndexedAnswers> ReadAnswers(const std::filesystem::path& path);

// In a version's folder: final answers that made no volume, by stamp, so that the next ingest does not read those files
// again. A folder without it is fine.
absl::Status WriteUnused(const std::filesystem::path& version,
                         const std::vector<std::pair<std::string, ReadAnswer>>& answers);
absl::StatusOr<std::vector<std::pair<std::string, ReadAnswer>>> ReadUnused(const std::filesystem::path& version);

}  // namespace amaes
