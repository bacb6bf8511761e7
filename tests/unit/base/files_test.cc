#include "libs/base/files.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes::files {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

TEST(ReadTest, ReturnsEveryByte) {
  const TempDir folder;
  std::string content(200'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i % 251);
  ASSERT_OK(WriteAtomic(folder.path() / "f", content));
  ASSERT_OK_AND_ASSIGN(const std::string read, Read(folder.path() / "f"));
  EXPECT_EQ(read, content);
}

TEST(ReadTest, LimitIsInclusive) {
  const TempDir folder;
  ASSERT_OK(WriteAtomic(folder.path() / "f", "12345"));
  EXPECT_OK(Read(folder.path() / "f", 5));
  EXPECT_THAT(Read(folder.path() / "f", 4),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("larger than 4 bytes")));
}

TEST(ReadTest, SaysWhatIsMissing) {
  const TempDir folder;
  EXPECT_THAT(Read(folder.path() / "none"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(Read(folder.path()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(WriteAtomicTest, ReplacesAndLeavesNothingElse) {
  const TempDir folder;
  ASSERT_OK(WriteAtomic(folder.path() / "f", "old, and longer"));
  ASSERT_OK(WriteAtomic(folder.path() / "f", "new"));
  ASSERT_OK_AND_ASSIGN(const std::string read, Read(folder.path() / "f"));
  EXPECT_EQ(read, "new");
  EXPECT_THAT(Names(folder.path()), ElementsAre("f"));
}

TEST(WriteAtomicTest, FailsWithoutAFolder) {
  const TempDir folder;
  EXPECT_THAT(WriteAtomic(folder.path() / "none" / "f", "x"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(WriteAtomicTest, AFailedRenameLeavesNoTemporaryFile) {
  const TempDir folder;
  ASSERT_OK(MakeFolders(folder.path() / "f" / "inside"));
  EXPECT_THAT(WriteAtomic(folder.path() / "f", "x"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Names(folder.path()), ElementsAre("f"));
}

// Two writers of one file: the winner's content is whole, and readers never see a part.
TEST(WriteAtomicTest, ConcurrentWritersNeverMix) {
  const TempDir folder;
  const fs::path path = folder.path() / "f";
  const std::string a(100'000, 'a'), b(100'000, 'b');
  ASSERT_OK(WriteAtomic(path, a));
  std::thread writer([&] {
    for (int i = 0; i < 10; ++i) EXPECT_OK(WriteAtomic(path, b));
  });
  for (int i = 0; i < 10; ++i) EXPECT_OK(WriteAtomic(path, a));
  const auto seen = Read(path);
  writer.join();
  ASSERT_OK(seen);
  EXPECT_TRUE(*seen == a || *seen == b);
  EXPECT_THAT(Names(folder.path()), ElementsAre("f"));
}

TEST(RenameTest, MovesAndNamesBothPathsWhenItCannot) {
  const TempDir folder;
  ASSERT_OK(WriteAtomic(folder.path() / "a", "x"));
  ASSERT_OK(Rename(folder.path() / "a", folder.path() / "b"));
  EXPECT_THAT(Names(folder.path()), ElementsAre("b"));
  EXPECT_THAT(Rename(folder.path() / "a", folder.path() / "c"),
              StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("/a"), HasSubstr("/c"))));
}

TEST(MakeFoldersTest, MakesAllAndIsIdempotent) {
  const TempDir folder;
  ASSERT_OK(MakeFolders(folder.path() / "a" / "b"));
  ASSERT_OK(MakeFolders(folder.path() / "a" / "b"));
  EXPECT_TRUE(fs::is_directory(folder.path() / "a" / "b"));
  ASSERT_OK(WriteAtomic(folder.path() / "file", ""));
  EXPECT_FALSE(MakeFolders(folder.path() / "file" / "b").ok());
}

TEST(SyncTest, TakesFilesAndFolders) {
  const TempDir folder;
  ASSERT_OK(WriteAtomic(folder.path() / "f", "x"));
  EXPECT_OK(Sync(folder.path() / "f"));
  EXPECT_OK(Sync(folder.path()));
  EXPECT_THAT(Sync(folder.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ErrnoStatusTest, MapsEveryNamedError) {
  struct Case {
    int error;
    absl::StatusCode code;
  };
  for (const Case& c :
       {Case{ENOENT, absl::StatusCode::kNotFound}, Case{EEXIST, absl::StatusCode::kAlreadyExists},
        Case{ENOSPC, absl::StatusCode::kResourceExhausted}, Case{EDQUOT, absl::StatusCode::kResourceExhausted},
        Case{EACCES, absl::StatusCode::kPermissionDenied}, Case{EROFS, absl::StatusCode::kPermissionDenied},
        Case{EPERM, absl::StatusCode::kPermissionDenied}, Case{EIO, absl::StatusCode::kUnavailable}}) {
    EXPECT_THAT(ErrnoStatus(c.error, "cannot open", "/x"), StatusIs(c.code, HasSubstr("cannot open /x: ")));
  }
}

}  // namespace
}  // namespace amaes::files
