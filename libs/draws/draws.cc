#include "libs/draws/draws.h"

#include <algorithm>
#include <numeric>

#include "absl/types/span.h"
#include "libs/base/log.h"
#include "libs/base/rng.h"
#include "libs/draws/crop_choice.h"

namespace amaes {
namespace {

std::int64_t TokenCount(const Shape3& patch, std::int64_t token) {
  std::int64_t tokens = 1;
  for (const std::int64_t side : patch) {
    AMAES_CHECK(token > 0 && side >= token && side % token == 0);
    tokens *= side / token;
  }
  return tokens;
}

std::int64_t VisibleTokenCount(std::int64_t tokens, double ratio) {
  AMAES_CHECK(ratio >= 0 && ratio <= 1);
  return static_cast<std::int64_t>(static_cast<double>(tokens) * (1 - ratio));
}

// One integer is drawn per axis that is at least as long as the patch, in axis order; none for a shorter one.
CropDraw Crop(RandomStream& stream, const Shape3& volume, const Shape3& patch) {
  CropDraw draw;
  draw.size = patch;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t side = patch[axis];
    AMAES_CHECK(side > 0 && volume[axis] > 0);
    if (volume[axis] >= side) {
      draw.start[axis] = stream.UniformInt(static_cast<std::uint32_t>(volume[axis] - side + 1));
      draw.read[axis] = side;
    } else {
      draw.read[axis] = volume[axis];
      draw.before[axis] = (side - volume[axis]) / 2;
    }
  }
  return draw;
}

std::vector<CropDraw> Candidates(RandomStream stream, const Shape3& volume, const Shape3& patch, int most) {
  std::vector<CropDraw> out;
  for (int i = 0; i < most; ++i) {
    const CropDraw crop = Crop(stream, volume, patch);
    if (std::find(out.begin(), out.end(), crop) == out.end()) out.push_back(crop);
  }
  return out;
}

// The visible tokens are drawn, since they are fewer at the usual ratio.
std::vector<std::uint8_t> Mask(RandomStream stream, const Shape3& patch, std::int64_t token, double ratio) {
  const std::int64_t tokens = TokenCount(patch, token);
  const std::int64_t visible = VisibleTokenCount(tokens, ratio);
  std::vector<std::uint32_t> order(static_cast<std::size_t>(tokens));
  std::iota(order.begin(), order.end(), 0u);
  stream.ShufflePrefix(absl::MakeSpan(order), static_cast<std::size_t>(visible));
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(tokens), 1);
  for (std::int64_t i = 0; i < visible; ++i) mask[order[i]] = 0;
  return mask;
}

RandomStream Stream(std::uint64_t seed, Purpose purpose, std::int64_t position) {
  AMAES_CHECK(position >= 0);
  return RandomStream(seed, purpose, static_cast<std::uint64_t>(position));
}

}  // namespace

CropDraw DrawCrop(std::uint64_t seed, std::int64_t position, const Shape3& volume, const Shape3& patch) {
  RandomStream stream = Stream(seed, Purpose::kCrop, position);
  return Crop(stream, volume, patch);
}

std::vector<CropDraw> DrawCropCandidates(std::uint64_t seed, std::int64_t position, const Shape3& volume,
                                         const Shape3& patch, int most) {
  return Candidates(Stream(seed, Purpose::kCrop, position), volume, patch, most);
}

std::vector<std::uint8_t> DrawTokenMask(std::uint64_t seed, std::int64_t position, const Shape3& patch,
                                        std::int64_t token, double ratio) {
  return Mask(Stream(seed, Purpose::kMask, position), patch, token, ratio);
}

std::int64_t MaskedTokenCount(const Shape3& patch, std::int64_t token, double ratio) {
  const std::int64_t tokens = TokenCount(patch, token);
  return tokens - VisibleTokenCount(tokens, ratio);
}

CropDraw DrawValidationCrop(std::uint64_t seed, std::int64_t index, const Shape3& volume, const Shape3& patch) {
  RandomStream stream = Stream(seed, Purpose::kValidationCrop, index);
  return Crop(stream, volume, patch);
}

std::vector<CropDraw> DrawValidationCropCandidates(std::uint64_t seed, std::int64_t index, const Shape3& volume,
                                                   const Shape3& patch, int most) {
  return Candidates(Stream(seed, Purpose::kValidationCrop, index), volume, patch, most);
}

std::vector<std::uint8_t> DrawValidationMask(std::uint64_t seed, std::int64_t index, const Shape3& patch,
                                             std::int64_t token, double ratio) {
  return Mask(Stream(seed, Purpose::kValidationMask, index), patch, token, ratio);
}

}  // namespace amaes
