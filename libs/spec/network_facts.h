// The networks as far as a spec, the coordinator and an estimate need them; no LibTorch here. One row per network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/volume/volume.h"

namespace amaes {

// kHeads: those of SwinUNETR's own pretraining, which no other network has.
enum class Decoder { kLight, kStandard, kHeads };

// Which of the reference's two names the U-Net decoder's parameters begin with. ResEnc and SwinUNETR have names of their own.
enum class Head { kReconstruction, kSegmentation };  // rec_head | pred_head

// What is to be built, or sized.
struct NetworkOptions {
  std::string name = "unet_b";
  std::int64_t filters = 0;  // starting width; 0 = the name's own
  std::uint64_t seed = 1;    // of the initial weights
  std::int64_t in_channels = 1, out_channels = 1;
  Decoder decoder = Decoder::kLight;
  bool skips = false;             // the decoder sees the encoder's levels
  bool deep_supervision = false;  // one more output per coarser level, see Network::ForwardDeep
  Head head = Head::kReconstruction;
  std::string script{};                // network "script": the TorchScript file; of the above only the channels count
  std::string encoder_prefix{};        // and what its encoder's parameters begin with; empty = "encoder"
  std::int64_t script_parameters = 0;  // and how many numbers it holds, once somebody has looked
};

// The name under which a network is a TorchScript file. Nothing is known of one before it was tried
// (libs/models/script_network.h), so that it has no row here.
inline constexpr char kScriptNetwork[] = "script";

struct NetworkSize {
  std::int64_t parameters = 0;     // numbers that are trained
  std::int64_t activations = 0;    // elements of all convolutions' outputs, for one sample
  std::int64_t multiply_adds = 0;  // of one sample's forward pass; the backward pass takes twice as many
};

// Which values of network.decoder and network.skips a network has.
enum class DecoderForms {
  kAll,   // light or standard, each with skips and without
  kOne,   // one convolution per level, with skips and without
  kTied,  // light without skips, standard with them
};

struct NetworkFacts {
  const char* name;
  std::int64_t filters;   // channels of the first level; 0 = the options have to say
  std::int64_t widths;    // of which any other width is a multiple; 0 = the name stands for its width
  std::int64_t multiple;  // of which every side of a patch is one
  std::int64_t smallest;  // side of a patch
  bool deep_supervision;  // can have more outputs than one
  DecoderForms forms;
  const char* encoder_prefix;  // what the names of the encoder's tensors begin with
  const char* mark;            // a tensor of the encoder that tells it from every other network's, together with its
  std::int64_t mark_widths;    // first axis in multiples of the first level's channels
  NetworkSize (*size)(const NetworkOptions& options, const Shape3& patch);  // options.filters > 0
};

const std::vector<NetworkFacts>& Networks();
// Those of the rows and kScriptNetwork.
std::vector<std::string> NetworkNames();

// Null when there is no network of that name.
const NetworkFacts* FindNetwork(absl::string_view name);

// Whether the network can begin with that many channels.
bool TakesFilters(const NetworkFacts& network, std::int64_t filters);

// Channels of the first level: as given, else the name's own; 0 = neither says.
std::int64_t FiltersOf(const NetworkOptions& options);

// What finetuning takes over are the tensors whose names begin with this; it ends with a dot. Empty for an unknown network.
std::string EncoderPrefixOf(const NetworkOptions& options);

// Whether a checkpoint of one has an encoder for the other, as far as can be told without looking at tensors: scripts are alike
// when their prefixes are.
bool SameEncoder(const NetworkOptions& a, const NetworkOptions& b);

// All zero for an unknown network or width. Of a script: its parameters, as if each met every voxel, and no activations.
NetworkSize SizeOfNetwork(const NetworkOptions& options, const Shape3& patch);

}  // namespace amaes
