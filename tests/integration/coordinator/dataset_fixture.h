// Dataset versions of tiny stored volumes below a coordinator's home.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/dataset/catalogue.h"
#include "libs/store/store.h"
#include "libs/volume/stored_volume.h"
#include "services/coordinator/dataset_record.h"

namespace amaes {

struct TestScan {
  std::string subject, modality;
  int voxels = 0;  // scans with the same number have the same voxels
};

inline std::string VolumeOf(int voxels) { return Sha256Hex(absl::StrCat("volume ", voxels)); }

inline CatalogueEntry StoreScan(const std::filesystem::path& home, const TestScan& scan) {
  CatalogueEntry entry;
  entry.volume = VolumeOf(scan.voxels);
  entry.voxel_digest = Sha256Hex(absl::StrCat("voxels ", scan.voxels));
  entry.subject = scan.subject;
  entry.modality = scan.modality;
  entry.source = absl::StrCat(scan.subject, "/", scan.modality, ".nii.gz");
  entry.shape = entry.source_shape = {24, 20, 16};
  entry.source_spacing = {1, 1, 1};
  Volume volume;
  volume.shape = entry.shape;
  for (std::int64_t i = 0; i < VoxelCount(entry.shape); ++i) {
    volume.voxels.push_back(static_cast<float>((i * (scan.voxels + 3)) % 251));
  }
  const std::filesystem::path path = VolumePath(home / "volumes", entry.volume);
  EXPECT_OK(files::MakeFolders(path.parent_path()));
  const auto checksums = WriteStoredVolume(path, volume);
  EXPECT_OK(checksums);
  EXPECT_OK(files::WriteAtomic(std::filesystem::path(path).replace_extension(".json"), "{}"));
  entry.chunk_checksums = *checksums;
  entry.stored_bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
  return entry;
}

// Folder, volumes and record.
inline DatasetVersion AddVersion(const std::filesystem::path& home, Store& store, const std::string& name,
                                 std::int64_t number, const std::vector<TestScan>& scans,
                                 const DatasetVersion* previous = nullptr) {
  DatasetVersion version;
  version.name = name;
  for (const TestScan& scan : scans) version.entries.push_back(StoreScan(home, scan));
  FinishVersion(version, previous);
  IngestReport report;
  report.volumes = static_cast<std::int64_t>(scans.size());
  report.files = report.volumes + 1;
  report.quarantined.push_back({"bad.nii", "truncated"});
  const std::filesystem::path folder = home / "datasets" / name / absl::StrCat(number);
  EXPECT_OK(files::MakeFolders(folder));
  EXPECT_OK(WriteVersion(folder, version, report));
  DatasetRecord record = DescribeVersion(version, report);
  record.name = name;
  record.version = number;
  record.created = absl::FromUnixSeconds(1'800'000'000 + number);
  EXPECT_OK(store.Write([&](StoreTransaction& transaction) { return transaction.PutDataset(record); }));
  return version;
}

// Of a dataset that has a record and no files.
inline void Retire(Store& store, const std::string& name) {
  absl::StatusOr<DatasetRecord> record = store.GetDataset(name, 0);
  ASSERT_OK(record);
  record->retired = absl::FromUnixSeconds(1'800'000'000);
  ASSERT_OK(store.Write([&](StoreTransaction& transaction) { return transaction.PutDataset(*record); }));
}

// Numbers of the scans whose stored volume is there.
inline std::set<int> StoredVolumes(const std::filesystem::path& home, int most) {
  std::set<int> there;
  for (int i = 0; i < most; ++i) {
    const std::filesystem::path path = VolumePath(home / "volumes", VolumeOf(i));
    const bool volume = std::filesystem::exists(path);
    EXPECT_EQ(volume, std::filesystem::exists(std::filesystem::path(path).replace_extension(".json"))) << i;
    if (volume) there.insert(i);
  }
  return there;
}

}  // namespace amaes
