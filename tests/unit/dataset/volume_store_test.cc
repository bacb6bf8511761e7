#include "libs/dataset/volume_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/subprocess.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes {
namespace {

class RemoveAbandonedTest : public ::testing::Test {
 protected:
  // The number of a process that has ended.
  static pid_t DeadProcess() {
    SubprocessOptions options;
    options.arguments = {"/bin/true"};
    auto process = Subprocess::Start(options);
    EXPECT_OK(process);
    const pid_t pid = process->pid();
    EXPECT_OK(process->Wait(absl::Minutes(1)));
    return pid;
  }

  std::filesystem::path Make(const std::string& name, absl::Duration age) {
    const std::filesystem::path path = folder_.path() / name;
    EXPECT_OK(files::MakeFolders(path.parent_path()));
    EXPECT_OK(files::WriteAtomic(path, "part"));
    const timespec time = absl::ToTimespec(now_ - age);
    const timespec both[2] = {time, time};
    EXPECT_EQ(utimensat(AT_FDCWD, path.c_str(), both, 0), 0);
    return path;
  }

  TempDir folder_;
  const absl::Time now_ = absl::FromUnixSeconds(1800000000);
};

TEST_F(RemoveAbandonedTest, TakesWhatIsOldAndHasNoWriter) {
  const std::string dead = absl::StrCat(DeadProcess());
  const auto old = absl::Hours(25);
  const auto file = Make("ab/abcd.b2nd.tmp-" + dead + "-0", old);
  const auto record = Make("cd/cdef.json.tmp-" + dead + "-12", old);
  const auto scratch = Make("scan.tmp-" + dead + "-1", old);
  const auto young = Make("ab/abce.b2nd.tmp-" + dead + "-0", absl::Hours(23));
  const auto written = Make(absl::StrCat("ab/abcf.b2nd.tmp-", getpid(), "-0"), old);
  const auto volume = Make("ab/abcd.b2nd", old);
  const auto foreign = Make("ab/notes.tmp-old", old);
  EXPECT_EQ(RemoveAbandoned(folder_.path(), now_), 3);
  for (const auto& path : {file, record, scratch}) EXPECT_FALSE(std::filesystem::exists(path)) << path;
  for (const auto& path : {young, written, volume, foreign}) EXPECT_TRUE(std::filesystem::exists(path)) << path;
  EXPECT_EQ(RemoveAbandoned(folder_.path() / "none", now_), 0);
}

}  // namespace
}  // namespace amaes
