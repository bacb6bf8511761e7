#include "services/cli/output.h"

#include <gtest/gtest.h>

#include "libs/base/format.h"
#include "services/cli/exit_codes.h"

namespace amaes {
namespace {

TEST(OutputTest, TableColumnsAreAsWideAsTheirWidestCellInCharacters) {
  EXPECT_EQ(FormatTable({"A", "LONG"}, {{"äöü", "1"}, {"b", "22"}}), "A    LONG\näöü  1\nb    22\n");
}

TEST(OutputTest, Numbers) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(17879617), "17,879,617");
  EXPECT_EQ(FormatCount(-1000), "-1,000");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(4299161), "4.1 MiB");
  EXPECT_EQ(FormatDuration(59.4), "59 s");
  EXPECT_EQ(FormatDuration(65), "1 min 05 s");
  EXPECT_EQ(FormatDuration(3900), "1 h 05 min");
  EXPECT_EQ(FormatDuration(2 * 86400 + 7200), "2 d 02 h");
  EXPECT_EQ(FormatDuration(-1), "-");
}

TEST(OutputTest, ExitCodesAreTheDocumentedOnes) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 6);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), 7);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), 8);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("")), 130);
}

}  // namespace
}  // namespace amaes
