#include "libs/volume/pickle_geometry.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/volume/nifti_header.h"

namespace amaes {
namespace {

using nlohmann::json;
using Affine = std::array<double, 16>;

absl::Status Refuse(absl::string_view why) { return absl::InvalidArgumentError(absl::StrCat("pickle: ", why)); }

// The numbers of a field, nested or not, row by row.   - InvalidArgument: missing, or not `count` finite numbers.
absl::StatusOr<std::vector<double>> Numbers(const json& object, const char* name, std::size_t count) {
  std::vector<double> out;
  const json field = object.is_object() && object.contains(name) ? object[name] : json();
  const auto add = [&](const json& item) {
    if (item.is_number()) out.push_back(item.get<double>());
  };
  if (field.is_array()) {
    for (const json& item : field) {
      if (!item.is_array()) add(item);
      if (item.is_array()) std::for_each(item.begin(), item.end(), add);
    }
  }
  const auto finite = [](double v) { return std::isfinite(v); };
  if (out.size() == count && std::all_of(out.begin(), out.end(), finite)) return out;
  return Refuse(absl::StrCat("field \"", name, "\" is missing or not ", count, " numbers"));
}

absl::Status CheckSpacing(const std::array<double, 3>& spacing) {
  for (const double s : spacing) {
    if (!(s > 0) || !std::isfinite(s)) return Refuse(absl::StrCat("spacing ", s, " mm"));
  }
  return absl::OkStatus();
}

// affine of a whole grid → of a grid that begins at voxel `start` of it and has `factor` of its voxels to one.
Affine Within(const Affine& whole, const std::array<double, 3>& start, const std::array<double, 3>& factor) {
  Affine out = whole;
  for (int row = 0; row < 3; ++row) {
    for (int a = 0; a < 3; ++a) {
      out[row * 4 + 3] += whole[row * 4 + a] * (start[a] + 0.5 * factor[a] - 0.5);
      out[row * 4 + a] *= factor[a];
    }
  }
  return out;
}

absl::StatusOr<PickleGeometry> OfYucca(const json& properties, const Shape3& shape) {
  PickleGeometry out;
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> size, Numbers(properties, "new_size", 3));
  for (int a = 0; a < 3; ++a) {
    if (size[a] == static_cast<double>(shape[a])) continue;
    return Refuse(absl::StrCat("it belongs to another array: new_size ", absl::StrJoin(size, " x "), ", not ",
                               absl::StrJoin(shape, " x ")));
  }
  const json& image = properties["nifti_metadata"];
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> spacing, Numbers(image, "original_spacing", 3));
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> before, Numbers(properties, "size_before_transpose", 3));
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> turned, Numbers(properties, "size_after_transpose", 3));
  if (before != turned) return Refuse("its axes were transposed, and it does not say how");
  std::array<double, 3> factor, start{};
  for (int a = 0; a < 3; ++a) {
    factor[a] = before[a] / size[a];
    out.spacing[a] = spacing[a] * factor[a];
    out.affine[a * 5] = out.spacing[a];
  }
  AMAES_RETURN_IF_ERROR(CheckSpacing(out.spacing));
  // A box is x from, x to, y from, …; false stands for no crop.
  if (properties.contains("crop_to_nonzero") && !properties["crop_to_nonzero"].is_boolean()) {
    AMAES_ASSIGN_OR_RETURN(const std::vector<double> box, Numbers(properties, "crop_to_nonzero", 6));
    start = {box[0], box[2], box[4]};
  }
  if (!image.contains("affine") || image["affine"].is_null()) return out;
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> affine, Numbers(image, "affine", 16));
  Affine whole;
  std::copy(affine.begin(), affine.end(), whole.begin());
  out.affine = Within(whole, start, factor);
  out.has_affine = true;
  return out;
}

// The affine of the image as nnU-Net reads it: axes z, y, x. Null if the pickle does not tell.
absl::StatusOr<bool> NnunetImageAffine(const json& properties, Affine& out) {
  Affine xyz{};
  xyz[15] = 1;
  if (properties.contains("sitk_stuff")) {
    const json& image = properties["sitk_stuff"];
    if (image.is_object() && image.contains("spacing") && image["spacing"].size() != 3) return false;
    AMAES_ASSIGN_OR_RETURN(const std::vector<double> spacing, Numbers(image, "spacing", 3));
    AMAES_ASSIGN_OR_RETURN(const std::vector<double> origin, Numbers(image, "origin", 3));
    AMAES_ASSIGN_OR_RETURN(const std::vector<double> direction, Numbers(image, "direction", 9));
    for (int row = 0; row < 3; ++row) {
      const double to_ras = row < 2 ? -1 : 1;  // ITK's world is LPS
      for (int a = 0; a < 3; ++a) xyz[row * 4 + a] = to_ras * direction[row * 3 + a] * spacing[a];
      xyz[row * 4 + 3] = to_ras * origin[row];
    }
  } else if (properties.contains("nibabel_stuff")) {
    const json& image = properties["nibabel_stuff"];
    const bool turned = image.is_object() && image.contains("reoriented_affine");
    AMAES_ASSIGN_OR_RETURN(const std::vector<double> affine,
                           Numbers(image, turned ? "reoriented_affine" : "original_affine", 16));
    std::copy(affine.begin(), affine.end(), xyz.begin());
  } else {
    return false;
  }
  out = xyz;
  for (int row = 0; row < 3; ++row) std::swap(out[row * 4], out[row * 4 + 2]);
  return true;
}

absl::StatusOr<PickleGeometry> OfNnunet(const json& properties, const Shape3& shape, const std::array<int, 3>& from) {
  PickleGeometry out;
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> spacing, Numbers(properties, "spacing", 3));
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> cropped,
                         Numbers(properties, "shape_after_cropping_and_before_resampling", 3));
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> box, Numbers(properties, "bbox_used_for_cropping", 6));
  std::array<double, 3> factor, start;
  for (int a = 0; a < 3; ++a) {
    if (!(cropped[a] >= 1)) return Refuse("the shape after cropping is empty");
    factor[a] = cropped[a] / static_cast<double>(shape[a]);
    start[a] = box[2 * a];
    out.spacing[a] = spacing[from[a]] * factor[a];
    out.affine[a * 5] = out.spacing[a];
  }
  AMAES_RETURN_IF_ERROR(CheckSpacing(out.spacing));
  Affine image;
  AMAES_ASSIGN_OR_RETURN(out.has_affine, NnunetImageAffine(properties, image));
  if (!out.has_affine) return out;
  Affine transposed = image;
  for (int row = 0; row < 3; ++row) {
    for (int a = 0; a < 3; ++a) transposed[row * 4 + a] = image[row * 4 + from[a]];
  }
  out.affine = Within(transposed, start, factor);
  return out;
}

}  // namespace

absl::StatusOr<PickleGeometry> GeometryOfPickle(const json& properties, const Shape3& shape,
                                                const std::array<int, 3>& transpose_forward) {
  const auto& t = transpose_forward;
  for (int a = 0; a < 3; ++a) {
    if (shape[a] < 1) return Refuse(absl::StrCat("for an array of ", absl::StrJoin(shape, " x "), " voxels"));
    if (std::count(t.begin(), t.end(), a) != 1) return Refuse("transpose_forward is no order of three axes");
  }
  if (properties.is_object() && properties.contains("nifti_metadata")) return OfYucca(properties, shape);
  if (properties.is_object() && properties.contains("bbox_used_for_cropping")) {
    return OfNnunet(properties, shape, transpose_forward);
  }
  return Refuse("it is neither yucca's (nifti_metadata) nor nnU-Net's (bbox_used_for_cropping)");
}

absl::StatusOr<Volume> ReorientToRas(const Volume& volume) {
  AMAES_ASSIGN_OR_RETURN(const AxisOrder order, ClosestAxes(volume.affine));
  Volume out;
  out.affine = volume.affine;
  std::array<int, 3> from{};
  for (int a = 0; a < 3; ++a) {
    const int to = order.axis[a];
    from[to] = a;
    out.shape[to] = volume.shape[a];
    out.spacing[to] = volume.spacing[a];
    for (int row = 0; row < 3; ++row) {
      const double column = volume.affine[row * 4 + a];
      out.affine[row * 4 + to] = order.flip[a] ? 0.0 - column : column;
      if (order.flip[a]) out.affine[row * 4 + 3] += column * static_cast<double>(volume.shape[a] - 1);
    }
  }
  const Shape3 strides{volume.shape[1] * volume.shape[2], volume.shape[2], 1};
  std::int64_t first = 0;
  Shape3 step;
  for (int to = 0; to < 3; ++to) {
    const int a = from[to];
    step[to] = order.flip[a] ? -strides[a] : strides[a];
    if (order.flip[a]) first += strides[a] * (volume.shape[a] - 1);
  }
  out.voxels.reserve(volume.voxels.size());
  for (std::int64_t x = 0; x < out.shape[0]; ++x) {
    for (std::int64_t y = 0; y < out.shape[1]; ++y) {
      const float* line = volume.voxels.data() + first + x * step[0] + y * step[1];
      for (std::int64_t z = 0; z < out.shape[2]; ++z) out.voxels.push_back(line[z * step[2]]);
    }
  }
  return out;
}

}  // namespace amaes
