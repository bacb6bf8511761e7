// Phantoms in a folder, and an ingest of them through the helper program.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/dataset/ingest.h"
#include "libs/volume/nifti.h"
#include "libs/volume/phantom.h"

namespace amaes {

class IngestFixture : public ::testing::Test {
 protected:
  static Volume Scan(int subject, int contrast = 0) {
    PhantomOptions options;
    options.shape = {20, 24, 20};
    options.spacing_mm = 2;
    options.lesions = 0;
    return MakePhantom(subject, options).images[contrast];
  }

  void Write(const std::string& source, const Volume& volume) {
    ASSERT_OK(files::MakeFolders((from() / source).parent_path()));
    ASSERT_OK(WriteNifti(from() / source, volume));
  }

  // An uncompressed 4D file of volumes on one grid.
  void WriteFrames(const std::string& source, const std::vector<Volume>& frames) {
    constexpr std::size_t kDim = 40;  // NIfTI-1: eight int16
    std::string bytes;
    for (const Volume& frame : frames) {
      Write(source, frame);
      const auto one = files::Read(from() / source);
      ASSERT_OK(one);
      const std::size_t voxels = frame.voxels.size() * sizeof(float);
      bytes += bytes.empty() ? *one : one->substr(one->size() - voxels);
    }
    bytes[kDim] = 4;
    bytes[kDim + 8] = static_cast<char>(frames.size());
    ASSERT_OK(files::WriteAtomic(from() / source, bytes));
  }

  // sub-0_T1w.nii.gz …, one each.
  void WriteSubjects(int count) {
    for (int i = 0; i < count; ++i) Write(absl::StrCat("sub-", i, "_T1w.nii.gz"), Scan(i));
  }

  std::filesystem::path from() const { return folder_.path() / "from"; }
  std::filesystem::path volumes(const std::string& run = "") const { return folder_.path() / ("volumes" + run); }
  std::filesystem::path staging(const std::string& run = "") const { return folder_.path() / ("staging" + run); }

  // Runs with different names share nothing but the files they read.
  IngestOptions Options(const std::string& run = "", const std::string& child = "child") const {
    IngestOptions options;
    options.dataset = "phantoms";
    options.from = from();
    options.volumes = volumes(run);
    options.staging = staging(run);
    options.records = folder_.path() / ("records" + run);
    options.exchange = folder_.path() / ("exchange" + run);
    options.child_command = {AMAES_INGEST_HELPER, child};
    return options;
  }

  absl::StatusOr<IngestResult> Ingest(const IngestOptions& options) {
    last_ = {};
    first_ = {};
    bool started = false;
    return RunIngest(options, SystemClock(), [&](const IngestProgress& progress) {
      if (!started && progress.phase == "read") {
        first_ = progress;
        started = true;
      }
      last_ = progress;
      return true;
    });
  }

  static void ExpectSameFiles(const std::filesystem::path& a, const std::filesystem::path& b) {
    for (const char* name : {"version.json", "catalogue.jsonl.zst", "report.json"}) {
      ASSERT_OK_AND_ASSIGN(const std::string left, files::Read(a / name));
      ASSERT_OK_AND_ASSIGN(const std::string right, files::Read(b / name));
      EXPECT_EQ(left, right) << name;
    }
  }

  TempDir folder_;
  IngestProgress first_, last_;  // of the latest Ingest: when reading began, and the last one
};

}  // namespace amaes
