// Where the voxels of a patch lie in an array of samples: a volume, or a crop of one.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "libs/draws/augment_draws.h"
#include "libs/draws/draws.h"
#include "libs/volume/volume.h"

namespace amaes {

// Voxel i lies at ((i - (patch - 1) / 2) + displacement) * matrix + middle; row vectors, in samples of the array.
struct SampleGrid {
  Shape3 patch{};
  std::array<double, 3> middle{};
  std::array<double, 9> matrix{1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::vector<float> displacement{};                   // [3][voxels], or empty; set by Displace
  std::array<std::array<float, 2>, 3> displaced_by{};  // least and greatest of each component

  void Displace(std::vector<float> by);
  bool straight() const;  // no displacement, and the matrix has nothing off its diagonal
  bool whole() const;     // straight, unscaled, and every voxel on a sample
  // The places of the voxels (x, y, 0 … patch[2] - 1).
  void Row(std::int64_t x, std::int64_t y, double* px, double* py, double* pz) const;
  // Of a straight grid: the places along one axis.
  std::vector<double> Places(int axis) const;
};

struct Box {
  Shape3 begin{}, count{};
  bool operator==(const Box&) const = default;
  bool empty() const { return VoxelCount(count) == 0; }
};

// The middle of the drawn crop; the array is the crop under augmentation.crop_border, else the volume.
std::array<double, 3> GridMiddle(const CropDraw& crop, const Shape3& patch, const Augmentation& augmentation);
SampleGrid MakeGrid(const SpatialDraw& draw, const CropDraw& crop, const Shape3& patch,
                    const Augmentation& augmentation, std::uint64_t seed, std::int64_t position);

// The samples whose coefficients the splines around all voxels inside the array rest on, and one voxel more; those beyond
// the array's ends among them (mirrored, up to 2). Empty where no voxel lies inside.
Box CoefficientBox(const SampleGrid& grid, const Shape3& array);
// The samples of the array that these coefficients rest on: what must be read.
Box NeededBox(const SampleGrid& grid, const Shape3& array);

}  // namespace amaes
