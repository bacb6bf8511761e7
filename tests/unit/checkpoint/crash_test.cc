// A commit and a removal, stopped at every change they make on disk, by a killed process and by a power cut. Whatever
// the moment: the newest complete checkpoint is found, and none that is damaged bears a marker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/file_ops.h"
#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

enum class Crash {
  kKilled,    // what was done stays, the last change half done
  kPowerCut,  // what was not flushed is lost: contents become zeros, new names and renames vanish, removals come back
  kPowerCutContent,  // names stay, contents that were not flushed become zeros
};

// The real file system until change number `stop_at`, then nothing any more. Remembers what is not flushed yet.
class CrashingFileOps final : public FileOps {
 public:
  CrashingFileOps(fs::path graveyard, int stop_at, Crash crash)
      : graveyard_(std::move(graveyard)), stop_at_(stop_at), crash_(crash) {}

  // Files that their writer has not flushed, in a folder that it has not flushed.
  void AssumeDirty(const fs::path& folder) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      dirty_content_.insert(entry.path());
      dirty_entry_.insert(entry.path());
    }
  }
  int changes() const { return changes_; }
  bool crashed() const { return crashed_; }

  absl::Status Write(const fs::path& path, absl::string_view content) override {
    dirty_content_.insert(path);
    dirty_entry_.insert(path);
    if (!Stop()) return RealFileOps().Write(path, content);
    if (crash_ == Crash::kKilled) (void)RealFileOps().Write(path, content.substr(0, content.size() / 2));
    return Dead();
  }
  absl::Status Sync(const fs::path& path) override {
    if (Stop()) return Dead();
    dirty_content_.erase(path);
    std::erase_if(dirty_entry_, [&](const fs::path& p) { return p.parent_path() == path; });
    std::erase_if(renames_, [&](const Move& move) { return move.to.parent_path() == path; });
    std::erase_if(removed_, [&](const Move& move) { return move.from.parent_path() == path; });
    return absl::OkStatus();
  }
  absl::Status Rename(const fs::path& from, const fs::path& to) override {
    if (Stop()) return Dead();
    renames_.push_back({from, to});
    Follow(dirty_content_, from, to);
    Follow(dirty_entry_, from, to);
    return RealFileOps().Rename(from, to);
  }
  absl::Status Remove(const fs::path& path) override {
    if (!Stop()) {
      const fs::path grave = graveyard_ / absl::StrCat(removed_.size(), "-", path.filename().string());
      removed_.push_back({path, grave});
      return RealFileOps().Rename(path, grave);
    }
    // Killed in the middle of removing a folder: some of its files are gone.
    if (crash_ == Crash::kKilled && fs::is_directory(path)) fs::remove(fs::directory_iterator(path)->path());
    return Dead();
  }

  // What the disk holds after the crash.
  void ComeBack() {
    if (crash_ == Crash::kKilled) return;
    for (const fs::path& path : dirty_content_) {
      if (!fs::exists(path)) continue;
      const std::string zeros(fs::file_size(path), '\0');
      ASSERT_OK(RealFileOps().Write(path, zeros));
    }
    if (crash_ == Crash::kPowerCutContent) return;
    for (const fs::path& path : dirty_entry_) fs::remove_all(path);
    for (auto move = renames_.rbegin(); move != renames_.rend(); ++move) {
      if (fs::exists(move->to)) fs::rename(move->to, move->from);
    }
    for (const Move& move : removed_) {
      if (!fs::exists(move.from)) fs::rename(move.to, move.from);
    }
  }

 private:
  struct Move {
    fs::path from, to;
  };
  bool Stop() {
    crashed_ = crashed_ || changes_ >= stop_at_;
    if (!crashed_) ++changes_;
    return crashed_;
  }
  static absl::Status Dead() { return absl::UnavailableError("crashed"); }
  static void Follow(std::set<fs::path>& paths, const fs::path& from, const fs::path& to) {
    std::set<fs::path> moved;
    for (const fs::path& path : paths) {
      const std::string text = path.string();
      moved.insert(absl::StartsWith(text, from.string()) ? fs::path(to.string() + text.substr(from.string().size()))
                                                         : path);
    }
    paths = std::move(moved);
  }

  const fs::path graveyard_;
  const int stop_at_;
  const Crash crash_;
  int changes_ = 0;
  bool crashed_ = false;
  std::set<fs::path> dirty_content_, dirty_entry_;
  std::vector<Move> renames_, removed_;
};

class CrashTest : public ::testing::TestWithParam<Crash> {};

TEST_P(CrashTest, ACommitStoppedAnywhere) {
  for (int stop_at = 0;; ++stop_at) {
    const TempDir dir, graveyard;
    const fs::path folder = dir.path() / "00000200-001";
    ASSERT_OK(MakeCheckpoint(dir.path(), 100, 1));
    ASSERT_OK_AND_ASSIGN(const CheckpointManifest manifest, StageCheckpoint(dir.path(), 200, 1));
    CrashingFileOps ops(graveyard.path(), stop_at, GetParam());
    ops.AssumeDirty(folder.string() + ".tmp");
    const absl::Status status = CommitCheckpoint(folder, manifest, ops);
    EXPECT_EQ(status.ok(), !ops.crashed()) << status;
    ops.ComeBack();

    const CheckpointSearch search = FindCheckpoints(dir.path(), true);
    EXPECT_TRUE(search.rejected.empty()) << "stopped at " << stop_at << ": " << search.rejected[0].reason;
    ASSERT_FALSE(search.verified.empty()) << "stopped at " << stop_at;
    // A commit that was reported is there; one that was not may be there or not, but whole.
    if (status.ok()) {
      EXPECT_EQ(search.verified[0].manifest, manifest);
    }

    // The attempt may try again, and so may the next.
    if (!fs::exists(folder / kMarkerName)) {
      fs::remove_all(folder.string() + ".tmp");
      EXPECT_OK(MakeCheckpoint(dir.path(), 200, 1)) << "stopped at " << stop_at;
    }
    EXPECT_OK(MakeCheckpoint(dir.path(), 200, 2));
    EXPECT_EQ(Newest(dir.path()), "00000200-002");
    if (!ops.crashed()) {
      EXPECT_GE(stop_at, 11);  // every change of the protocol was one to stop at
      return;
    }
  }
}

TEST_P(CrashTest, ARemovalStoppedAnywhere) {
  for (int stop_at = 0;; ++stop_at) {
    const TempDir dir, graveyard;
    ASSERT_OK(MakeCheckpoint(dir.path(), 100, 1));
    ASSERT_OK(MakeCheckpoint(dir.path(), 200, 1));
    CrashingFileOps ops(graveyard.path(), stop_at, GetParam());
    const absl::Status status = RemoveCheckpoint(dir.path() / "00000100-001", ops);
    EXPECT_EQ(status.ok(), !ops.crashed()) << status;
    ops.ComeBack();
    const CheckpointSearch search = FindCheckpoints(dir.path(), false);
    EXPECT_TRUE(search.rejected.empty()) << "stopped at " << stop_at << ": " << search.rejected[0].reason;
    EXPECT_EQ(Newest(dir.path()), "00000200-001") << "stopped at " << stop_at;
    EXPECT_OK(RemoveCheckpoint(dir.path() / "00000100-001"));
    EXPECT_FALSE(fs::exists(dir.path() / "00000100-001"));
    if (!ops.crashed()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(AllCrashes, CrashTest,
                         ::testing::Values(Crash::kKilled, Crash::kPowerCut, Crash::kPowerCutContent));

// Proof that the simulation bites: a disk that acknowledges flushes it never makes loses the new checkpoint, and the
// one before it is used.
TEST(Crash, ALyingDiskCostsOneCheckpoint) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 100, 1));
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest manifest, StageCheckpoint(dir.path(), 200, 1));
  UnflushedFileOps ops;
  ASSERT_OK(CommitCheckpoint(dir.path() / "00000200-001", manifest, ops));
  const fs::path model = dir.path() / "00000200-001" / "model.safetensors";
  ASSERT_OK(RealFileOps().Write(model, std::string(fs::file_size(model), '\0')));
  const CheckpointSearch search = FindCheckpoints(dir.path(), true);
  ASSERT_EQ(search.rejected.size(), 1u);
  EXPECT_EQ(search.rejected[0].name, "00000200-001");
  EXPECT_EQ(Newest(dir.path()), "00000100-001");
}

}  // namespace
}  // namespace amaes
