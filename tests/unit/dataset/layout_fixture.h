// A folder of small files, and what a layout makes of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/dataset/layout.h"

namespace amaes {

class LayoutTest : public ::testing::Test {
 protected:
  std::filesystem::path root() const { return folder_.path(); }

  void Write(const std::string& path, const std::string& content = "") {
    std::filesystem::create_directories((root() / path).parent_path());
    std::ofstream(root() / path, std::ios::binary) << content;
    ASSERT_EQ(std::filesystem::file_size(root() / path), content.size());
  }
  void Write(std::initializer_list<const char*> paths) {
    for (const char* path : paths) Write(path);
  }

  // Names that libzip would refuse to write as they are go in as bytes: see archive_test.cc.
  void WriteZip(const std::string& path, const std::vector<std::pair<std::string, std::string>>& members) {
    ASSERT_OK(files::MakeFolders((root() / path).parent_path()));
    int error = 0;
    zip_t* archive = zip_open((root() / path).c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
    ASSERT_NE(archive, nullptr);
    for (const auto& [name, content] : members) {
      zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
      ASSERT_GE(zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8), 0);
    }
    ASSERT_EQ(zip_close(archive), 0);
  }

  absl::StatusOr<ScanList> Scan(const std::string& layout, const std::string& below = "") {
    absl::StatusOr<ScanList> list = (*MakeLayout(layout))->Scan(below.empty() ? root() : root() / below);
    if (list.ok() && below.empty()) ExpectAllAccountedFor(*list);
    return list;
  }

  // Every file below the folder is a scan, a part of one, a companion, or skipped with a rule.
  void ExpectAllAccountedFor(const ScanList& list) {
    std::set<std::string> known;
    for (const ScanFile& file : list.files) {
      known.insert((file.path.empty() ? root() / file.source : file.path).lexically_normal().string());
      for (const CompanionFile& companion : file.companions) known.insert(companion.path.string());
    }
    for (const auto& [source, rule] : list.skipped) {
      EXPECT_FALSE(rule.empty()) << source;
      known.insert((root() / source).string());
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
      if (!entry.is_regular_file()) continue;
      const std::string path = entry.path().string();
      const bool in_series = known.contains(entry.path().parent_path().string());
      const bool in_archive = absl::EndsWith(path, ".zip");
      EXPECT_TRUE(known.contains(path) || in_series || in_archive) << path << " is lost";
    }
    std::set<std::string> sources;
    for (const ScanFile& file : list.files) EXPECT_TRUE(sources.insert(file.source).second) << file.source;
  }

  static std::vector<std::string> Sources(const ScanList& list) {
    std::vector<std::string> sources;
    for (const ScanFile& file : list.files) sources.push_back(file.source);
    return sources;
  }

  // The scan of that source; the test fails if there is none.
  static ScanFile Find(const ScanList& list, const std::string& source) {
    for (const ScanFile& file : list.files) {
      if (file.source == source) return file;
    }
    ADD_FAILURE() << "no scan " << source << "; there are: " << ::testing::PrintToString(Sources(list));
    return {};
  }

  static std::string Rule(const ScanList& list, const std::string& source) {
    for (const auto& [skipped, rule] : list.skipped) {
      if (skipped == source) return rule;
    }
    return "(not skipped)";
  }

  TempDir folder_;
};

}  // namespace amaes
