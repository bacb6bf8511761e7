#include "libs/volume/phantom.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "libs/base/rng.h"
#include "libs/volume/phantom_head.h"

namespace amaes {
namespace {

using namespace phantom;

constexpr double kTurn = 6.28318530717958647692;

// Calls visit(voxel, index) for every voxel in memory order.
template <typename Visit>
void ForEachVoxel(const Shape3& shape, const Visit& visit) {
  std::size_t at = 0;
  for (std::int64_t x = 0; x < shape[0]; ++x) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t z = 0; z < shape[2]; ++z, ++at) visit(Shape3{x, y, z}, at);
    }
  }
}

// The head fills the grid: a grid that is smaller than a head holds a smaller head.
Axes HeadAxes(const PhantomOptions& options) {
  double scale = 1e9;
  for (int a = 0; a < 3; ++a) {
    scale = std::min(scale, static_cast<double>(options.shape[a]) * options.spacing_mm / (2.08 * kHeadMm[a]));
  }
  Axes axes;
  for (int a = 0; a < 3; ++a) {
    const double middle = static_cast<double>(options.shape[a] - 1) / 2;
    for (std::int64_t i = 0; i < options.shape[a]; ++i) {
      axes[a].push_back((static_cast<double>(i) - middle) * options.spacing_mm / scale);
    }
  }
  return axes;
}

Volume EmptyVolume(const PhantomOptions& options) {
  Volume out;
  out.shape = options.shape;
  out.spacing = {options.spacing_mm, options.spacing_mm, options.spacing_mm};
  for (int a = 0; a < 3; ++a) {
    out.affine[a * 5] = options.spacing_mm;
    out.affine[a * 4 + 3] = -static_cast<double>(options.shape[a] - 1) / 2 * options.spacing_mm;
  }
  out.voxels.resize(static_cast<std::size_t>(VoxelCount(options.shape)));
  return out;
}

// Irregular blobs of 3 to 7 mm in the white matter above the brain stem.
void AddLesions(RandomStream& random, const Axes& axes, int lesions, Volume& labels) {
  const WaveField edge(random, 20, 8.5, axes);
  int placed = 0;
  for (int tries = 0; placed < lesions && tries < 20000; ++tries) {
    Shape3 c;
    for (int a = 0; a < 3; ++a) c[a] = random.UniformInt(static_cast<std::uint32_t>(labels.shape[a]));
    if (labels.at(c[0], c[1], c[2]) != kWhite || axes[2][c[2]] < -10) continue;
    Ellipsoid blob;
    blob.centre = {axes[0][c[0]], axes[1][c[1]], axes[2][c[2]]};
    const double radius = random.Uniform(3, 7);
    for (double& r : blob.radii) r = radius * random.Uniform(0.7, 1.35);
    blob.turn = random.Uniform(0, kTurn);
    ForEachVoxel(labels.shape, [&](const Shape3& v, std::size_t at) {
      if (labels.voxels[at] != kWhite) return;
      const double depth = blob.Depth({axes[0][v[0]], axes[1][v[1]], axes[2][v[2]]});
      if (depth > -2 && depth + 1.2 * edge.At(v) > 0) labels.voxels[at] = kLesion;
    });
    ++placed;
  }
}

// A 3-tap blur along every axis: what a scanner's finite resolution does to edges.
void Blur(Volume& volume) {
  const Shape3 stride{volume.shape[1] * volume.shape[2], volume.shape[2], 1};
  std::vector<float> line;
  for (int a = 0; a < 3; ++a) {
    const std::int64_t n = volume.shape[a];
    line.resize(static_cast<std::size_t>(n));
    const std::int64_t lines = VoxelCount(volume.shape) / n;
    for (std::int64_t l = 0; l < lines; ++l) {
      float* p = volume.voxels.data() + l / stride[a] * stride[a] * n + l % stride[a];
      for (std::int64_t i = 0; i < n; ++i) line[static_cast<std::size_t>(i)] = p[i * stride[a]];
      for (std::int64_t i = 0; i < n; ++i) {
        const float before = line[static_cast<std::size_t>(std::max<std::int64_t>(i - 1, 0))];
        const float after = line[static_cast<std::size_t>(std::min(i + 1, n - 1))];
        p[i * stride[a]] = 0.22f * (before + after) + 0.56f * line[static_cast<std::size_t>(i)];
      }
    }
  }
}

struct Contrast {
  const char* name;
  float bone;
  std::array<float, kPhantomLabels> level;  // by label
  double noise;
};

constexpr Contrast kContrasts[] = {
    {"T1w", 60, {0, 620, 150, 520, 800, 620, 430}, 22},
    {"T2w", 50, {0, 330, 950, 560, 380, 450, 820}, 24},
    {"FLAIR", 50, {0, 400, 110, 600, 440, 530, 930}, 24},
};

// Tissue levels, blurred, under a smooth bias field, with Rician noise. The background is exactly 0, as after masking.
Volume Render(RandomStream& random, const Axes& axes, const Contrast& contrast, const Volume& labels,
              const std::vector<bool>& bone) {
  const WaveField bias(random, 5, 260, axes);
  const WaveField texture(random, 14, 14, axes);
  Volume image = labels;
  for (std::size_t i = 0; i < image.voxels.size(); ++i) {
    image.voxels[i] = bone[i] ? contrast.bone : contrast.level[static_cast<std::size_t>(labels.voxels[i])];
  }
  Blur(image);
  ForEachVoxel(labels.shape, [&](const Shape3& voxel, std::size_t at) {
    const double real = contrast.noise * random.Normal();
    const double imaginary = contrast.noise * random.Normal();
    const double field = std::max(0.5, 1 + 0.09 * bias.At(voxel));
    const double signal = image.voxels[at] * (1 + 0.025 * texture.At(voxel)) * field;
    image.voxels[at] =
        labels.voxels[at] == kBackground ? 0.0f : static_cast<float>(std::hypot(signal + real, imaginary));
  });
  return image;
}

}  // namespace

Phantom MakePhantom(int subject, const PhantomOptions& options) {
  // One subject's streams: 0 anatomy, 1 lesions, 2 + c contrast c.
  const auto stream = [&](std::uint64_t which) {
    return RandomStream(options.seed, Purpose::kPhantom, static_cast<std::uint64_t>(subject) * 16 + which);
  };
  const Axes axes = HeadAxes(options);
  RandomStream anatomy = stream(0);
  const Head head(anatomy, axes);
  Phantom out;
  out.labels = EmptyVolume(options);
  std::vector<bool> bone(out.labels.voxels.size());
  ForEachVoxel(options.shape, [&](const Shape3& voxel, std::size_t at) {
    bool is_bone = false;
    out.labels.voxels[at] = static_cast<float>(head.At(voxel, &is_bone));
    bone[at] = is_bone;
  });
  RandomStream lesions = stream(1);
  AddLesions(lesions, axes, options.lesions, out.labels);
  for (std::size_t c = 0; c < std::size(kContrasts); ++c) {
    RandomStream random = stream(2 + c);
    out.contrasts.push_back(kContrasts[c].name);
    out.images.push_back(Render(random, axes, kContrasts[c], out.labels, bone));
  }
  return out;
}

}  // namespace amaes
