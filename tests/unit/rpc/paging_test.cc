#include "libs/rpc/paging.h"

#include "libs/base/testing/status_matchers.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Paging, SizeZeroIsFiftyAndTooLargeIsAThousand) {
  EXPECT_EQ(ParsePage(0, "", "jobs")->page_size, 50);
  EXPECT_EQ(ParsePage(7, "", "jobs")->page_size, 7);
  EXPECT_EQ(ParsePage(100'000, "", "jobs")->page_size, 1000);
  EXPECT_EQ(ReasonOf(ParsePage(-1, "", "jobs").status()), "BAD_PAGE_SIZE");
}

TEST(Paging, ATokenIsGoodForItsListAndFilterAlone) {
  const std::string token = MakePageToken("cursor/1", "jobs state=RUNNING");
  EXPECT_EQ(ParsePage(0, token, "jobs state=RUNNING")->cursor, "cursor/1");
  EXPECT_EQ(ReasonOf(ParsePage(0, token, "jobs ").status()), "BAD_PAGE_TOKEN");
  EXPECT_EQ(ReasonOf(ParsePage(0, "garbage", "jobs ").status()), "BAD_PAGE_TOKEN");
  EXPECT_EQ(ReasonOf(ParsePage(0, token.substr(1), "jobs state=RUNNING").status()), "BAD_PAGE_TOKEN");
  EXPECT_EQ(MakePageToken("", "jobs"), "");
}

TEST(Filter, KeysAndValues) {
  EXPECT_THAT(*ParseFilter("", {"state"}), IsEmpty());
  EXPECT_THAT(*ParseFilter(" state = RUNNING , name=a=b", {"state", "name"}),
              ElementsAre(Pair("name", "a=b"), Pair("state", "RUNNING")));
}

TEST(Filter, WhatIsWrongIsNamedWithTheKeys) {
  for (const char* text : {"state", "color=red", "state=A,state=B", "=x"}) {
    EXPECT_EQ(ReasonOf(ParseFilter(text, {"state", "name"}).status()), "BAD_FILTER") << text;
  }
  EXPECT_THAT(ParseFilter("color=red", {"state", "name"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("state, name")));
}

}  // namespace
}  // namespace amaes
