// One scan in memory. The one place that defines axis order.
//
// Axes: x, y, z in RAS+ once reoriented (x grows to the right, y to the front, z to the top). Memory is C order with z
// fastest: index = (x * ny + y) * nz + z, as a NumPy array of shape (nx, ny, nz). As a tensor this is [D=x, H=y, W=z].
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace amaes {

using Shape3 = std::array<std::int64_t, 3>;

inline std::int64_t VoxelCount(const Shape3& shape) { return shape[0] * shape[1] * shape[2]; }

inline constexpr Shape3 Cube(std::int64_t side) { return {side, side, side}; }

// "128" for a cube, else "96x96x24".
std::string ShapeText(const Shape3& shape);
// The other way round; three numbers that are equal are a cube too. False: neither.
bool ParseShape(const std::string& text, Shape3& shape);

struct Volume {
  Shape3 shape{};
  std::array<double, 3> spacing{1, 1, 1};  // millimetres per voxel along x, y, z
  // Voxel index to millimetres in RAS+, row-major 4x4. Kept up to date by every step that moves voxels.
  std::array<double, 16> affine{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  std::vector<float> voxels;  // VoxelCount(shape), z fastest

  float& at(std::int64_t x, std::int64_t y, std::int64_t z) { return voxels[(x * shape[1] + y) * shape[2] + z]; }
  float at(std::int64_t x, std::int64_t y, std::int64_t z) const { return voxels[(x * shape[1] + y) * shape[2] + z]; }
};

}  // namespace amaes
