#include "services/cli/home.h"

#include <stdlib.h>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "services/coordinator/coordinator.h"

namespace amaes {
namespace {

class HomeTest : public ::testing::Test {
 protected:
  HomeTest() {
    unsetenv("AMAES_HOME");
    unsetenv("AMAES_COORDINATOR");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", "/home/someone", 1);
    EXPECT_OK(files::MakeFolders(dir_.path() / "run"));
  }
  TempDir dir_;
};

TEST_F(HomeTest, FlagOverEnvironmentOverXdgOverHome) {
  EXPECT_EQ(ResolveHome(""), "/home/someone/.local/share/amaes");
  setenv("XDG_DATA_HOME", "/xdg", 1);
  EXPECT_EQ(ResolveHome(""), "/xdg/amaes");
  setenv("AMAES_HOME", "/from/environment", 1);
  EXPECT_EQ(ResolveHome(""), "/from/environment");
  EXPECT_EQ(ResolveHome("/from/./flag"), "/from/flag");
}

TEST_F(HomeTest, TheCoordinatorOfTheHomeIsFoundUnlessAnotherIsNamed) {
  EXPECT_EQ(ResolveCoordinator("", dir_.path()), "127.0.0.1:7070");
  ASSERT_OK(files::WriteAtomic(dir_.path() / "run" / "coordinator.json",
                               R"({"grpc": "127.0.0.1:41", "http": "127.0.0.1:42", "pid": 43})"));
  EXPECT_EQ(ResolveCoordinator("", dir_.path()), "127.0.0.1:41");
  setenv("AMAES_COORDINATOR", "head:7070", 1);
  EXPECT_EQ(ResolveCoordinator("", dir_.path()), "head:7070");
  EXPECT_EQ(ResolveCoordinator("other:1", dir_.path()), "other:1");
}

TEST_F(HomeTest, ADamagedFileIsSaidToBeOne) {
  EXPECT_THAT(ReadCoordinatorAddresses(dir_.path()), StatusIs(absl::StatusCode::kNotFound));
  for (const char* content : {"", "[]", "{\"grpc\": \"a\"}", "{\"grpc\": 1, \"http\": \"b\", \"pid\": 2}"}) {
    ASSERT_OK(files::WriteAtomic(dir_.path() / "run" / "coordinator.json", content));
    EXPECT_THAT(ReadCoordinatorAddresses(dir_.path()), StatusIs(absl::StatusCode::kDataLoss)) << content;
  }
}

}  // namespace
}  // namespace amaes
