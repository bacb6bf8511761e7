#include <nifti1.h>

#include <cstring>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/volume/gzip.h"
#include "libs/volume/nifti.h"
#include "libs/volume/nifti_header.h"

namespace amaes {

absl::Status WriteNifti(const std::filesystem::path& path, const Volume& volume) {
  nifti_1_header h{};
  h.sizeof_hdr = kNifti1HeaderBytes;
  h.dim[0] = 3;
  for (int a = 0; a < 3; ++a) {
    if (volume.shape[a] < 1 || volume.shape[a] > std::numeric_limits<short>::max()) {
      return absl::InvalidArgumentError(absl::StrCat("NIfTI-1 cannot hold ", volume.shape[a], " voxels along an axis"));
    }
    h.dim[1 + a] = static_cast<short>(volume.shape[a]);
    h.pixdim[1 + a] = static_cast<float>(volume.spacing[a]);
  }
  for (int a = 4; a < 8; ++a) h.dim[a] = 1;
  h.pixdim[0] = 1;
  h.datatype = NIFTI_TYPE_FLOAT32;
  h.bitpix = 32;
  h.vox_offset = 352;
  h.scl_slope = 1;
  h.xyzt_units = NIFTI_UNITS_MM;
  h.sform_code = NIFTI_XFORM_ALIGNED_ANAT;
  for (int i = 0; i < 4; ++i) {
    h.srow_x[i] = static_cast<float>(volume.affine[i]);
    h.srow_y[i] = static_cast<float>(volume.affine[4 + i]);
    h.srow_z[i] = static_cast<float>(volume.affine[8 + i]);
  }
  std::memcpy(h.magic, "n+1", 4);
  const Shape3& n = volume.shape;
  std::string content(352 + static_cast<std::size_t>(VoxelCount(n)) * sizeof(float), '\0');
  std::memcpy(content.data(), &h, sizeof(h));
  char* out = content.data() + 352;
  for (std::int64_t z = 0; z < n[2]; ++z) {
    for (std::int64_t y = 0; y < n[1]; ++y) {
      for (std::int64_t x = 0; x < n[0]; ++x, out += sizeof(float)) {
        const float v = volume.at(x, y, z);
        std::memcpy(out, &v, sizeof(float));
      }
    }
  }
  if (!absl::EndsWithIgnoreCase(path.string(), ".gz")) return files::WriteAtomic(path, content);
  AMAES_ASSIGN_OR_RETURN(const std::string compressed, Gzip(content));
  return files::WriteAtomic(path, compressed);
}

}  // namespace amaes
