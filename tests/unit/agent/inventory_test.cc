#include "services/agent/inventory.h"

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

Inventory Machine(int cores, int gpus) {
  Inventory inventory;
  inventory.cores = cores;
  inventory.memory_bytes = std::int64_t{64} << 30;
  for (int i = 0; i < gpus; ++i) inventory.gpus.push_back({i, true, "H200", "GPU-1", std::int64_t{139} << 30});
  return inventory;
}

TEST(InventoryTest, AutoTakesTheGpusThereAre) {
  ASSERT_OK_AND_ASSIGN(const auto slots, ChooseSlots("auto", Machine(64, 8)));
  ASSERT_EQ(slots.size(), 8u);
  EXPECT_TRUE(slots[7].gpu);
  EXPECT_EQ(CoresPerSlot(Machine(64, 8), slots.size()), 8);
}

TEST(InventoryTest, AutoWithoutGpusTakesCoresButNotMoreThanEight) {
  ASSERT_OK_AND_ASSIGN(const auto few, ChooseSlots("auto", Machine(2, 0)));
  EXPECT_EQ(few.size(), 2u);
  EXPECT_FALSE(few[0].gpu);
  ASSERT_OK_AND_ASSIGN(const auto many, ChooseSlots("auto", Machine(96, 0)));
  EXPECT_EQ(many.size(), 8u);
}

TEST(InventoryTest, ANumberMeansCpuSlotsThatShareTheMemory) {
  ASSERT_OK_AND_ASSIGN(const auto slots, ChooseSlots("4", Machine(2, 8)));
  ASSERT_EQ(slots.size(), 4u);
  EXPECT_FALSE(slots[3].gpu);
  EXPECT_EQ(slots[3].index, 3);
  EXPECT_EQ(slots[0].memory_bytes, std::int64_t{16} << 30);
  EXPECT_EQ(CoresPerSlot(Machine(2, 8), 4), 1);
}

TEST(InventoryTest, AnythingElseIsRefusedWithWhatIsAllowed) {
  for (const char* wanted : {"0", "-1", "two", "1025", ""}) {
    EXPECT_THAT(ChooseSlots(wanted, Machine(2, 0)), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("auto")))
        << wanted;
  }
}

TEST(InventoryTest, ThisMachineHasACoreAndMemory) {
  const Inventory inventory = TakeInventory();
  EXPECT_GE(inventory.cores, 1);
  EXPECT_GT(inventory.memory_bytes, 0);
}

}  // namespace
}  // namespace amaes
