// Noise over a patch: a pure function of (seed, purpose, position) and the voxel's index. The transforms take fields as
// arguments, so that every path can be given the same one.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "libs/base/rng.h"

namespace amaes {

// Uniform in [-1, 1), 24 bits. Value i comes from word (field * out.size() + i) of the stream; out.size() is a multiple of 4
// unless field is 0.
void UniformField(std::uint64_t seed, Purpose purpose, std::int64_t position, std::int64_t field,
                  absl::Span<float> out);

// Standard normal, from pairs of words (Box-Muller); both values of a pair are used. Largest magnitude 5.8.
void NormalField(std::uint64_t seed, Purpose purpose, std::int64_t position, std::int64_t field, absl::Span<float> out);

}  // namespace amaes
