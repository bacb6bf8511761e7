// What a dataset version holds, counted: for a terminal, for programs, and as a page. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libs/dataset/catalogue.h"
#include "libs/dataset/leakage.h"

namespace amaes {

struct ReportRow {
  std::string label;
  std::int64_t volumes = 0, subjects = 0, bytes = 0;
  bool operator==(const ReportRow&) const = default;
};
struct ReportTable {
  std::string title;
  std::vector<ReportRow> rows;
  bool operator==(const ReportTable&) const = default;
};
struct ReportBar {
  std::string label;
  std::int64_t volumes = 0;
  bool operator==(const ReportBar&) const = default;
};
struct ReportHistogram {
  std::string title, unit;
  std::vector<ReportBar> bars;
  std::int64_t unknown = 0;  // volumes of which it is not known
  bool operator==(const ReportHistogram&) const = default;
};

struct DatasetReport {
  std::string name;
  std::int64_t version = 0;
  std::string digest, contract;
  std::int64_t volumes = 0, subjects = 0, sessions = 0, voxels = 0, stored_bytes = 0, companion_bytes = 0;
  std::vector<ReportTable> tables;          // those with something in them
  std::vector<ReportHistogram> histograms;  // those of which anything is known
  std::vector<Exclusion> exclusions;
  IngestReport ingest;
  std::optional<LeakageReport> leakage;
};

DatasetReport MakeReport(const DatasetVersion& version, const IngestReport& ingest);

// Of numbers: one bar per value where there are at most eight, else eight to twelve bars of equal and round width; ten per
// decade where the largest is a thousand times the smallest.   `values` finite.
ReportHistogram NumberHistogram(const std::string& title, const std::string& unit, const std::vector<double>& values,
                                std::int64_t unknown);
// Of words: the most frequent first, at most twelve, the rest together. An empty word is unknown.
ReportHistogram WordHistogram(const std::string& title, const std::vector<std::string>& words);

// Lines of at most about 100 characters. Lists are cut off at `limit` items, and say so.
std::string ReportText(const DatasetReport& report, std::int64_t limit = 20);
// One object, everything in it.
std::string DatasetReportJson(const DatasetReport& report);

// One row of a contact sheet. The pictures are PNG files.
struct SheetRow {
  std::string volume, subject, session, modality, source;
  Shape3 shape{};
  std::vector<std::string> flags;
  std::string axial, coronal, sagittal;
  std::string problem;  // why there is no picture
};

// One page that needs nothing else: no scripts, pictures and style inside. `back`: where a link at its top leads, if anywhere.
std::string ReportHtml(const DatasetReport& report, const std::vector<SheetRow>& sheet, const std::string& back = "");

}  // namespace amaes
