#include "libs/dataset/ingest_files.h"

#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/zstd_text.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr int kFormatVersion = 1;
constexpr char kRequests[] = "amaes-ingest-requests";
constexpr char kAnswers[] = "amaes-ingest-answers";
constexpr char kUnused[] = "amaes-ingest-unused";
constexpr char kUnusedFile[] = "unused.jsonl.zst";

fs::path RecordPath(const fs::path& folder, const std::string& stamp) {
  return folder / stamp.substr(0, 2) / absl::StrCat(stamp, ".json");
}

bool HasSize(const fs::path& volumes, const std::string& volume, std::int64_t bytes) {
  std::error_code error;
  const auto size = fs::file_size(VolumePath(volumes, volume), error);
  return !error && static_cast<std::int64_t>(size) == bytes;
}

// "KEY JSON": the key has no blank.
std::pair<std::string, std::string> SplitLine(const std::string& line) {
  return absl::StrSplit(line, absl::MaxSplits(' ', 1));
}

}  // namespace

absl::StatusOr<ReadAnswer> IngestRecords::Find(const std::string& stamp) const {
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(RecordPath(folder_, stamp)));
  absl::StatusOr<ReadAnswer> answer = ParseAnswer(text);
  if (!answer.ok() || !answer->final()) return absl::NotFoundError("a record that cannot be used");
  if (answer->outcome == ReadAnswer::Outcome::kVolume && !IsStored(answer->entry)) {
    return absl::NotFoundError("its volume is no longer in the store");
  }
  return answer;
}

absl::Status IngestRecords::Keep(const std::string& stamp, const ReadAnswer& answer) const {
  const fs::path path = RecordPath(folder_, stamp);
  AMAES_RETURN_IF_ERROR(files::MakeFolders(path.parent_path()));
  const absl::Status status = files::WriteAtomic(path, AnswerJson(answer));
  if (!absl::IsNotFound(status)) return status;
  // Another ingest of this dataset was published and its records cleared away in between.
  AMAES_RETURN_IF_ERROR(files::MakeFolders(path.parent_path()));
  return files::WriteAtomic(path, AnswerJson(answer));
}

bool IngestRecords::IsStored(const CatalogueEntry& entry) const {
  if (!HasSize(volumes_, entry.volume, entry.stored_bytes)) return false;
  for (const Companion& companion : entry.companions) {
    if (!HasSize(volumes_, companion.volume, companion.stored_bytes)) return false;
  }
  return true;
}

absl::Status WriteLines(const fs::path& path, const std::string& format, const std::vector<std::string>& lines) {
  AMAES_RETURN_IF_ERROR(files::MakeFolders(path.parent_path()));
  const std::string head = absl::StrCat(format, " ", kFormatVersion, " ", lines.size());
  return files::WriteAtomic(path, CompressText(absl::StrCat(head, "\n", absl::StrJoin(lines, "\n"))));
}

absl::StatusOr<std::vector<std::string>> ReadLines(const fs::path& path, const std::string& format) {
  AMAES_ASSIGN_OR_RETURN(const std::string frame, files::Read(path));
  const absl::StatusOr<std::string> text = DecompressText(frame);
  if (!text.ok()) return Annotate(text.status(), path.string());
  std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  const std::vector<std::string> head = absl::StrSplit(lines.empty() ? "" : lines.front(), ' ');
  int version = 0;
  std::size_t count = 0;
  if (head.size() != 3 || head[0] != format || !absl::SimpleAtoi(head[1], &version) ||
      !absl::SimpleAtoi(head[2], &count)) {
    return absl::DataLossError(absl::StrCat(path.string(), " is no file of the format ", format));
  }
  if (version > kFormatVersion) {
    return absl::DataLossError(absl::StrCat(path.string(), " has the format ", format, " ", version,
                                            ", newer than this program, which reads up to ", kFormatVersion));
  }
  lines.erase(lines.begin());
  if (lines.size() != count) return absl::DataLossError(absl::StrCat(path.string(), " is not whole"));
  return lines;
}

absl::Status WriteRequests(const fs::path& path, const std::vector<ReadRequest>& requests) {
  std::vector<std::string> lines;
  for (const ReadRequest& request : requests) lines.push_back(RequestJson(request));
  return WriteLines(path, kRequests, lines);
}

absl::StatusOr<std::vector<ReadRequest>> ReadRequests(const fs::path& path) {
  AMAES_ASSIGN_OR_RETURN(const std::vector<std::string> lines, ReadLines(path, kRequests));
  std::vector<ReadRequest> requests;
  for (const std::string& line : lines) {
    AMAES_ASSIGN_OR_RETURN(requests.emplace_back(), ParseRequest(line));
  }
  return requests;
}

absl::Status WriteAnswers(const fs::path& path, const IndexedAnswers& answers) {
  std::vector<std::string> lines;
  for (const auto& [index, answer] : answers) lines.push_back(absl::StrCat(index, " ", AnswerJson(answer)));
  return WriteLines(path, kAnswers, lines);
}

absl::StatusOr<IndexedAnswers> ReadAnswers(const fs::path& path) {
  AMAES_ASSIGN_OR_RETURN(const std::vector<std::string> lines, ReadLines(path, kAnswers));
  IndexedAnswers answers;
  for (const std::string& line : lines) {
    const auto [number, text] = SplitLine(line);
    std::int64_t index = 0;
    if (!absl::SimpleAtoi(number, &index)) return absl::DataLossError(absl::StrCat(path.string(), ": no index"));
    AMAES_ASSIGN_OR_RETURN(ReadAnswer answer, ParseAnswer(text));
    answers.emplace_back(index, std::move(answer));
  }
  return answers;
}

absl::Status WriteUnused(const fs::path& version, const std::vector<std::pair<std::string, ReadAnswer>>& answers) {
  std::vector<std::string> lines;
  for (const auto& [stamp, answer] : answers) lines.push_back(absl::StrCat(stamp, " ", AnswerJson(answer)));
  return WriteLines(version / kUnusedFile, kUnused, lines);
}

absl::StatusOr<std::vector<std::pair<std::string, ReadAnswer>>> ReadUnused(const fs::path& version) {
  std::vector<std::pair<std::string, ReadAnswer>> out;
  const absl::StatusOr<std::vector<std::string>> lines = ReadLines(version / kUnusedFile, kUnused);
  if (absl::IsNotFound(lines.status())) return out;
  if (!lines.ok()) return lines.status();
  for (const std::string& line : *lines) {
    auto [stamp, text] = SplitLine(line);
    AMAES_ASSIGN_OR_RETURN(ReadAnswer answer, ParseAnswer(text));
    out.emplace_back(std::move(stamp), std::move(answer));
  }
  return out;
}

}  // namespace amaes
