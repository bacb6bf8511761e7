// The CPU path's transforms for Python: one JSON object per line on standard input, one back. One thread.
//   {"op": "load", "path", "shape"}       the array (raw float32, z fastest) that all others work on; never changed
//   {"op": "phantom", "shape", "out"}     the same, made here, in [0, 1]
//   {"op": "noise", "path"}               a field of noise (raw float32)
//   {"op": NAME, parameters…, "out"}      seconds; the result to `out` where given
//   {"op": "draws", "preset", "seed", "count", "patch"}   what is drawn for positions 0 … count - 1
//   {"op": "sample", "preset", "seed", "position", "patch"}   crop, spatial, copy, intensity, as the loader does them
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "libs/draws/augment_draws.h"
#include "libs/draws/draws.h"
#include "libs/transform/elastic.h"
#include "libs/transform/grid.h"
#include "libs/transform/intensity.h"
#include "libs/transform/kernels.h"
#include "libs/transform/noise_field.h"
#include "libs/transform/spatial.h"
#include "libs/volume/phantom.h"

namespace amaes {
namespace {

using nlohmann::json;

// Seconds of this process on a core: what a loader's thread costs, on a busy machine too.
double Now() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::vector<float> ReadFloats(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<float> values(static_cast<std::size_t>(in.tellg()) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

template <typename T>
void Write(const json& order, const std::vector<T>& values) {
  if (!order.contains("out")) return;
  std::ofstream out(order["out"].get<std::string>(), std::ios::binary);
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  if (!out) throw std::runtime_error("cannot write");
}

AugmentPreset PresetOf(const std::string& name) {
  if (name == "none") return AugmentPreset::kNone;
  if (name == "spatial") return AugmentPreset::kSpatial;
  if (name == "basic") return AugmentPreset::kBasic;
  if (name == "intended") return AugmentPreset::kIntended;
  if (name == "reference") return AugmentPreset::kReference;
  throw std::runtime_error("no preset " + name);
}

template <typename T>
json Maybe(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

json Text(const SpatialDraw& draw) {
  return {{"elastic", draw.elastic},
          {"alpha", draw.alpha},
          {"sigma", draw.sigma},
          {"matrix", draw.matrix},
          {"angles", {Maybe(draw.angles[0]), Maybe(draw.angles[1]), Maybe(draw.angles[2])}},
          {"factor", Maybe(draw.factor)}};
}

json Text(const IntensityDraw& draw) {
  json out{{"additive_noise", Maybe(draw.additive_noise)},
           {"blur", Maybe(draw.blur)},
           {"multiplicative_noise", Maybe(draw.multiplicative_noise)},
           {"low_resolution", Maybe(draw.low_resolution)},
           {"bias_field", Maybe(draw.bias_field)}};
  out["ghosting"] = draw.ghosting ? json{draw.ghosting->alpha, draw.ghosting->repeats, draw.ghosting->axis} : json();
  out["ringing"] = draw.ringing ? json{draw.ringing->kept, draw.ringing->axis} : json();
  out["gamma"] = draw.gamma ? json{draw.gamma->gamma, draw.gamma->invert} : json();
  return out;
}

class Server {
 public:
  json Handle(const json& order) {
    const std::string op = order["op"];
    if (op == "kernels") return {{"name", FastKernels().name}};
    if (op == "load") {
      shape_ = order["shape"];
      array_ = ReadFloats(order["path"]);
      return {{"voxels", array_.size()}};
    }
    if (op == "phantom") return MakeArray(order);
    if (op == "noise") {
      noise_ = ReadFloats(order["path"]);
      return {{"values", noise_.size()}};
    }
    if (op == "draws") return Draws(order);
    if (op == "field") return Field(order);
    if (op == "spatial") return Spatial(order);
    if (op == "labels") return Labels(order);
    if (op == "sample") return Sample(order);
    return Intensity(op, order);
  }

 private:
  json MakeArray(const json& order) {
    PhantomOptions options;
    shape_ = options.shape = order["shape"];
    array_ = MakePhantom(3, options).images[0].voxels;
    const ValueRange range = RangeOf(array_);
    for (float& value : array_) value = (value - range.minimum) / (range.maximum - range.minimum);
    Write(order, array_);
    return {{"voxels", array_.size()}};
  }

  json Draws(const json& order) {
    const Augmentation augmentation = AugmentationOf(PresetOf(order["preset"]));
    json spatial = json::array(), intensity = json::array();
    for (std::int64_t position = 0; position < order["count"]; ++position) {
      spatial.push_back(Text(DrawSpatial(order["seed"], position, augmentation)));
      intensity.push_back(Text(DrawIntensity(order["seed"], position, augmentation, order["patch"], 1)[0]));
    }
    return {{"spatial", spatial}, {"intensity", intensity}};
  }

  json Field(const json& order) {
    std::vector<float> values(order["count"].get<std::size_t>());
    const double begin = Now();
    const auto fill = order["normal"] ? NormalField : UniformField;
    fill(order["seed"], Purpose::kElasticNoise, order["position"], order["field"], absl::MakeSpan(values));
    const double seconds = Now() - begin;
    Write(order, values);
    return {{"seconds", seconds}};
  }

  // The grid that the order spells out: patch, middle, matrix, alpha and sigma of the noise loaded last.
  SampleGrid Grid(const json& order) {
    SampleGrid grid;
    grid.patch = order["patch"];
    grid.middle = order["middle"];
    grid.matrix = order["matrix"];
    if (order.contains("alpha")) {
      const std::array<ElasticAxis, 3> axes = PlanElastic(grid.patch, order["alpha"], order["sigma"]);
      std::vector<float> displacement(noise_.size());
      const std::size_t voxels = noise_.size() / 3;
      for (std::size_t i = 0; i < 3; ++i) {
        ElasticComponent(grid.patch, axes, absl::MakeConstSpan(noise_).subspan(i * voxels, voxels),
                         absl::MakeSpan(displacement).subspan(i * voxels, voxels));
      }
      grid.Displace(std::move(displacement));
    }
    return grid;
  }

  template <typename T>
  std::vector<T> Part(const Box& box) const {
    std::vector<T> part;
    part.reserve(static_cast<std::size_t>(VoxelCount(box.count)));
    for (std::int64_t x = 0; x < box.count[0]; ++x) {
      for (std::int64_t y = 0; y < box.count[1]; ++y) {
        const float* row =
            array_.data() + ((box.begin[0] + x) * shape_[1] + box.begin[1] + y) * shape_[2] + box.begin[2];
        part.insert(part.end(), row, row + box.count[2]);
      }
    }
    return part;
  }

  json Spatial(const json& order) {
    const double begin = Now();
    const SampleGrid grid = Grid(order);
    const double placed = Now();
    const Box box = NeededBox(grid, shape_);
    const std::vector<float> part = Part<float>(box);
    const ValueRange own = RangeOf(array_);
    std::vector<float> out(static_cast<std::size_t>(VoxelCount(grid.patch)));
    ResampleCubic(grid, {shape_, box, part}, {own.minimum, own.minimum, own.maximum}, absl::MakeSpan(out));
    const double seconds = Now() - begin;
    Write(order, out);
    return {{"seconds", seconds}, {"elastic", placed - begin}, {"box", box.count}};
  }

  json Labels(const json& order) {
    const SampleGrid grid = Grid(order);
    const Box box = NeededBox(grid, shape_);
    const std::vector<std::uint8_t> part = Part<std::uint8_t>(box);
    std::vector<std::uint8_t> out(static_cast<std::size_t>(VoxelCount(grid.patch)));
    ResampleNearest(grid, {shape_, box, part}, absl::MakeSpan(out));
    Write(order, out);
    return {{"box", box.count}};
  }

  // Of an array that is the volume: what one position of a job costs beyond reading, both copies of the patch with it.
  json Sample(const json& order) {
    const Augmentation augmentation = AugmentationOf(PresetOf(order["preset"]));
    const Shape3 patch = order["patch"];
    const std::uint64_t seed = order["seed"];
    const std::int64_t position = order["position"];
    std::vector<float> crop_voxels;
    const double begin = Now();
    const SpatialDraw spatial = DrawSpatial(seed, position, augmentation);
    const IntensityDraw intensity = DrawIntensity(seed, position, augmentation, patch, 1)[0];
    CropDraw crop;
    crop.size = crop.read = shape_;
    const SampleGrid grid = MakeGrid(spatial, crop, patch, augmentation, seed, position);
    const double drawn = Now();
    const Box box = NeededBox(grid, shape_);
    const std::vector<float> part = Part<float>(box);
    const double read = Now();
    std::vector<float> target(static_cast<std::size_t>(VoxelCount(patch)));
    const ValueRange own = augmentation.crop_border ? RangeOf(array_) : ValueRange{0, 1};
    ResampleCubic(grid, {shape_, box, part}, {own.minimum, own.minimum, own.maximum}, absl::MakeSpan(target));
    std::vector<float> input = target;
    ApplyIntensity(intensity, augmentation, seed, position, 0, patch, absl::MakeSpan(input));
    const double end = Now();
    Write(order, input);
    return {{"seconds", drawn - begin + end - read}};
  }

  json Intensity(const std::string& op, const json& order) {
    std::vector<float> patch = array_;
    const auto values = absl::MakeSpan(patch);
    const bool clip = order.value("clip", true);
    const double begin = Now();
    if (op == "additive_noise") {
      AddNoise(order["sigma"], noise_, clip, values);
    } else if (op == "multiplicative_noise") {
      MultiplyByNoise(order["sigma"], noise_, clip, values);
    } else if (op == "blur") {
      Blur(shape_, order["sigma"], clip, values);
    } else if (op == "ghosting") {
      Ghost(shape_, {order["alpha"], order["repeats"], order["axis"]}, clip, values);
    } else if (op == "ringing") {
      Ring(shape_, {order["kept"], order["axis"]}, order.value("absolute", true), clip, values);
    } else if (op == "low_resolution") {
      LowerResolution(shape_, order["coarse"], clip, values);
    } else if (op == "bias_field") {
      ShadeByBiasField(shape_, order["brightest"], clip, values);
    } else if (op == "gamma") {
      ApplyGamma({order["gamma"], order["invert"]}, order["epsilon"], clip, values);
    } else {
      throw std::runtime_error("no operation " + op);
    }
    const double seconds = Now() - begin;
    Write(order, patch);
    return {{"seconds", seconds}};
  }

  Shape3 shape_{};
  std::vector<float> array_, noise_;
};

}  // namespace
}  // namespace amaes

int main() {
  amaes::Server server;
  for (std::string line; std::getline(std::cin, line);) {
    nlohmann::json answer;
    try {
      answer = server.Handle(nlohmann::json::parse(line));
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
}
