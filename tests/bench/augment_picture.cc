// Draws docs/pictures/augmentation.png: every transform on one slice of a real head.
//   augment_picture SCAN OUT.png
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/loader/augmented_sample.h"
#include "libs/picture/picture.h"
#include "libs/picture/style.h"
#include "libs/transform/elastic.h"
#include "libs/transform/intensity.h"
#include "libs/transform/noise_field.h"
#include "libs/transform/spatial.h"
#include "libs/volume/contract.h"
#include "libs/volume/nifti.h"

namespace amaes {
namespace {

const Shape3 kPatch = Cube(128);
constexpr int kTile = 160, kGap = 24, kCaption = 40, kColumns = 5;

// The middle axial slice, nose up.
GrayImage Slice(const std::vector<float>& patch) {
  GrayImage image;
  image.width = static_cast<int>(kPatch[0]);
  image.height = static_cast<int>(kPatch[1]);
  for (std::int64_t y = kPatch[1] - 1; y >= 0; --y) {
    for (std::int64_t x = 0; x < kPatch[0]; ++x)
      image.values.push_back(patch[(x * kPatch[1] + y) * kPatch[2] + kPatch[2] / 2]);
  }
  return image;
}

struct Tile {
  std::string title, note;
  std::vector<float> patch;
};

class Tiles {
 public:
  explicit Tiles(const Volume& head) : head_(head) {
    plain_ = Spatial([](SampleGrid&) {}, 0);
  }

  std::vector<Tile> All() {
    Add("patch", "as it is; also the target", plain_);
    Add("resampled", "reference: half a voxel, always", Spatial([](SampleGrid&) {}, 0.5));
    Add("elastic", "alpha 600, sigma 20",
        Spatial([](SampleGrid& grid) { grid.Displace(ElasticDisplacement(3, 1, kPatch, 600, 20)); }, 0));
    SpatialDraw turned;
    Augmentation always = AugmentationOf(AugmentPreset::kSpatial);
    always.p_rotation = 1;
    always.p_scale = 0;
    for (std::int64_t position = 0; !turned.angles[2] || *turned.angles[2] < 0.35; ++position)
      turned = DrawSpatial(1, position, always);
    Add("rotation", "up to 30 degrees about each axis",
        Spatial([&](SampleGrid& grid) { grid.matrix = turned.matrix; }, 0));
    Add("scale", "0.9: larger", Spatial([](SampleGrid& grid) { grid.matrix = {0.9, 0, 0, 0, 0.9, 0, 0, 0, 0.9}; }, 0));

    Add("additive noise", "sigma 0.001; the change times 100",
        Change([&](auto patch) { AddNoise(1e-3, Normal(Purpose::kAdditiveNoise), true, patch); }));
    Add("blur", "sigma 1", With([](auto patch) { Blur(kPatch, 1, true, patch); }));
    Add("multiplicative noise", "sigma 0.001; the change times 100",
        Change([&](auto patch) { MultiplyByNoise(1e-3, Normal(Purpose::kMultiplicativeNoise), true, patch); }));
    Add("ghosting", "alpha 0.85, every third frequency", With([](auto patch) {
          Ghost(kPatch, {0.85, 3, 1}, true, patch);
        }));
    Add("ringing", "96 of 128 frequencies kept", With([](auto patch) { Ring(kPatch, {96, 0}, false, true, patch); }));
    Add("low resolution", "zoom 0.5 along two axes", With([](auto patch) {
          LowerResolution(kPatch, {64, 64, 128}, true, patch);
        }));
    Add("bias field", "brightest in a corner", With([](auto patch) {
          ShadeByBiasField(kPatch, {20, 110, 64}, true, patch);
        }));
    Add("gamma, intended", "gamma 0.7", With([](auto patch) { ApplyGamma({0.7, false}, 1e-7, true, patch); }));
    Add("gamma, reference", "gamma 0.7 with epsilon 1: darker", With([](auto patch) {
          ApplyGamma({0.7, false}, 1, true, patch);
        }));
    Add("gamma, inverted", "gamma 2, one time in twenty", With([](auto patch) {
          ApplyGamma({2, true}, 1e-7, true, patch);
        }));
    return std::move(tiles_);
  }

 private:
  void Add(std::string title, std::string note, std::vector<float> patch) {
    tiles_.push_back({std::move(title), std::move(note), std::move(patch)});
  }

  std::vector<float> Spatial(const std::function<void(SampleGrid&)>& change, double shift) const {
    SampleGrid grid;
    grid.patch = kPatch;
    for (int axis = 0; axis < 3; ++axis) grid.middle[axis] = static_cast<double>(head_.shape[axis] / 2) - 0.5 + shift;
    change(grid);
    std::vector<float> out(static_cast<std::size_t>(VoxelCount(kPatch)));
    ResampleCubic(grid, {head_.shape, {{}, head_.shape}, head_.voxels}, {0, 0, 1}, absl::MakeSpan(out));
    return out;
  }

  std::vector<float> With(const std::function<void(absl::Span<float>)>& transform) const {
    std::vector<float> patch = plain_;
    transform(absl::MakeSpan(patch));
    return patch;
  }

  std::vector<float> Change(const std::function<void(absl::Span<float>)>& transform) const {
    std::vector<float> patch = With(transform);
    for (std::size_t i = 0; i < patch.size(); ++i) patch[i] = 0.5f + 100 * (patch[i] - plain_[i]);
    return patch;
  }

  const std::vector<float>& Normal(Purpose purpose) {
    noise_.resize(plain_.size());
    NormalField(1, purpose, 0, 0, absl::MakeSpan(noise_));
    return noise_;
  }

  const Volume& head_;
  std::vector<float> plain_, noise_;
  std::vector<Tile> tiles_;
};

absl::Status Draw(const std::string& scan, const std::string& out) {
  AMAES_ASSIGN_OR_RETURN(const NiftiVolume read, ReadNifti(scan));
  AMAES_ASSIGN_OR_RETURN(const Volume head, ApplyContract(read.volume, Contract()));
  const std::vector<Tile> tiles = Tiles(head).All();
  const int rows = (static_cast<int>(tiles.size()) + kColumns - 1) / kColumns;
  Picture picture(kGap + kColumns * (kTile + kGap), kGap + rows * (kTile + kCaption + kGap));
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const int x = kGap + static_cast<int>(i) % kColumns * (kTile + kGap);
    const int y = kGap + static_cast<int>(i) / kColumns * (kTile + kCaption + kGap);
    picture.Image(Slice(tiles[i].patch), {x, y, kTile, kTile}, Scaling::kBilinear);
    picture.Text({static_cast<double>(x), y + kTile + 16.0}, tiles[i].title, style::kHeading);
    picture.Text({static_cast<double>(x), y + kTile + 33.0}, tiles[i].note, {8, 1.0, style::kQuiet});
  }
  return picture.WritePng(out);
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: augment_picture SCAN OUT.png\n", stderr);
    return 2;
  }
  const absl::Status status = amaes::Draw(argv[1], argv[2]);
  if (!status.ok()) std::fprintf(stderr, "augment_picture: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
