// How `amaes` prints: tables for people, JSON for programs.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace amaes {

// Columns padded to their widest cell (in characters, not bytes), two spaces between; the last one is not padded.
std::string FormatTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

// One line per pair, names padded.
std::string FormatPairs(const std::vector<std::pair<std::string, std::string>>& pairs);

// Pretty JSON, proto field names, every field present.
std::string ToJson(const google::protobuf::Message& message);
// [ … ] of the same.
std::string ToJsonArray(const std::vector<const google::protobuf::Message*>& messages);

std::string FormatDuration(double seconds);                       // "1 h 05 min", "42 s", "3 d 04 h"
std::string FormatCount(std::int64_t count);                      // "17,879,617"
std::string FormatTime(const google::protobuf::Timestamp& time);  // local "2026-01-02 03:04:05"; "-" when unset
std::string FormatNumber(double value);                           // four significant digits

// To stderr: "error: what\n" and a hint line for the codes where one helps (coordinator not reachable).
void PrintError(const absl::Status& status);

}  // namespace amaes
