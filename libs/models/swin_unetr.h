// SwinUNETR, by its decoder:
//   kStandard  MONAI's network: 159 entries, 62,186,708 parameters with 48 channels, one input and two classes
//   kLight     the encoder and a light decoder from its deepest state, for masked pretraining
//   kHeads     the encoder and the heads of SwinUNETR's own pretraining
// Names, order and shapes are MONAI's; of kHeads, those of its pretraining script.
#pragma once

#include <memory>

#include "libs/models/network.h"
#include "libs/models/swin_decoder.h"
#include "libs/spec/network_facts.h"

namespace amaes {

// Forward gives the reconstruction.
class SwinPretrainingNetwork : public Network {
 public:
  // [B, in, D, H, W], at least two tokens of 32³ voxels.
  virtual SwinHeadOutputs ForwardHeads(const at::Tensor& input) const = 0;
};

// On the CPU, float32; initial weights follow MONAI's and PyTorch's defaults. options.filters > 0, a multiple of 12. kHeads: a
// SwinPretrainingNetwork.
std::unique_ptr<Network> MakeSwinUnetr(const NetworkOptions& options);

}  // namespace amaes
