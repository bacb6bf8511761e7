// What this node has: cores, memory, GPUs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/scheduler/node_table.h"

namespace amaes {

struct Inventory {
  int cores = 0;
  std::int64_t memory_bytes = 0;
  std::vector<SlotInfo> gpus;  // by CUDA index; empty without a driver
};

// Reads /proc and, where a driver is installed, NVML (opened at run time).
Inventory TakeInventory();

// The slots to offer: "auto" = one per GPU, or else one CPU slot per core, at most eight; a number = that many CPU slots.
//   - InvalidArgument: neither; or a number outside 1 … 1024.
absl::StatusOr<std::vector<SlotInfo>> ChooseSlots(const std::string& wanted, const Inventory& inventory);

// Whole cores per slot, at least one.
int CoresPerSlot(const Inventory& inventory, std::size_t slots);

}  // namespace amaes
