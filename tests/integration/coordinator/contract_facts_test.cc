#include "services/coordinator/contract_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/volume/contract.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ContractDefect, TellsTheExpectedFromTheOther) {
  const std::string amaes = ContractJson({}), zscore = ContractJson({.name = "zscore", .spacing_mm = {0, 0, 0}});
  EXPECT_EQ(ContractDefect("", "a@1", amaes), "");
  EXPECT_EQ(ContractDefect("", "a@1", "nonsense"), "") << "nothing is expected";
  EXPECT_EQ(ContractDefect("zscore", "a@1", zscore), "");
  EXPECT_THAT(ContractDefect("amaes", "a@1", zscore),
              AllOf(HasSubstr("contract amaes are expected, those of a@1 were prepared under zscore"),
                    HasSubstr("--contract amaes"), HasSubstr("dataset.contract: zscore")));
  EXPECT_THAT(ContractDefect("amaes", "a@1", "nonsense"), HasSubstr("the contract of a@1 cannot be read"));
}

TEST(ContractDifference, IsOfValuesAndOfSpacing) {
  const std::string amaes = ContractJson({}), zscore = ContractJson({.name = "zscore"}),
                    coarse = ContractJson({.spacing_mm = {2, 2, 2}});
  EXPECT_EQ(ContractDifference(amaes, amaes), "");
  EXPECT_EQ(ContractDifference("", amaes), "") << "a file of weights alone";
  EXPECT_EQ(ContractDifference(zscore, amaes),
            "was trained on volumes of contract zscore at 1 mm, the dataset's are of amaes at 1 mm");
  EXPECT_EQ(ContractDifference(amaes, coarse),
            "was trained on volumes of contract amaes at 1 mm, the dataset's are of amaes at 2 mm");
  EXPECT_THAT(ContractDifference("{}", amaes), HasSubstr("has a contract that cannot be read"));
  EXPECT_THAT(ContractDifference(amaes, "{}"), HasSubstr("a dataset whose contract cannot be read"));
}

}  // namespace
}  // namespace amaes
