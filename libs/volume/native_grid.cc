#include "libs/volume/native_grid.h"

#include <nifti2_io.h>

#include <cmath>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/volume/gzip.h"
#include "libs/volume/nifti_file.h"
#include "libs/volume/nifti_header.h"

namespace amaes {
namespace {

constexpr double kToleranceVoxels = 0.05;
constexpr std::int64_t kMaxVoxels = std::int64_t{1} << 33;
constexpr int kUint8 = 2, kUint8Bits = 8;

absl::Status NotThere(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("the stored volume does not lie on the scan's grid (", what,
                                                    "): the scan has changed since it was ingested"));
}

// What both formats share.
template <typename Header>
void MakeLabels(Header& h, const NiftiHeader& parsed) {
  h.datatype = kUint8;
  h.bitpix = kUint8Bits;
  h.scl_slope = 1;
  h.scl_inter = 0;
  h.cal_max = h.cal_min = 0;
  if (parsed.frames == 1) return;
  h.dim[0] = 3;
  for (int a = 4; a < 8; ++a) h.dim[a] = 1;
}

// ANALYZE says less than NIfTI needs.
nifti_1_header FromAnalyze(const NiftiHeader& parsed) {
  nifti_1_header h{};
  h.sizeof_hdr = kNifti1HeaderBytes;
  h.dim[0] = 3;
  h.pixdim[0] = 1;
  for (int a = 0; a < 3; ++a) {
    h.dim[1 + a] = static_cast<short>(parsed.shape[a]);
    h.pixdim[1 + a] = static_cast<float>(parsed.spacing[a]);
  }
  for (int a = 4; a < 8; ++a) h.dim[a] = 1;
  h.xyzt_units = NIFTI_UNITS_MM;
  h.sform_code = NIFTI_XFORM_ALIGNED_ANAT;
  for (int i = 0; i < 4; ++i) {
    h.srow_x[i] = static_cast<float>(parsed.affine[i]);
    h.srow_y[i] = static_cast<float>(parsed.affine[4 + i]);
    h.srow_z[i] = static_cast<float>(parsed.affine[8 + i]);
  }
  return h;
}

// The header of a single file of labels, up to where its voxels begin. `bytes` parsed as `parsed`.
std::string HeaderOf(const std::string& bytes, const NiftiHeader& parsed) {
  std::int32_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof(size));
  if (parsed.swapped) nifti_swap_4bytes(1, &size);
  if (size == static_cast<int>(kNifti2HeaderBytes)) {
    nifti_2_header h;
    std::memcpy(&h, bytes.data(), sizeof(h));
    if (parsed.swapped) nifti_swap_as_nifti2(&h);
    MakeLabels(h, parsed);
    h.vox_offset = 544;
    std::memcpy(h.magic, "n+2\0\r\n\032\n", 8);
    std::string out(544, '\0');
    std::memcpy(out.data(), &h, sizeof(h));
    return out;
  }
  nifti_1_header h;
  std::memcpy(&h, bytes.data(), sizeof(h));
  const bool nifti = std::memcmp(h.magic, "n+1", 4) == 0 || std::memcmp(h.magic, "ni1", 4) == 0;
  if (!nifti) h = FromAnalyze(parsed);
  if (nifti && parsed.swapped) nifti_swap_as_nifti1(&h);
  MakeLabels(h, parsed);
  h.vox_offset = 352;
  std::memcpy(h.magic, "n+1", 4);
  std::string out(352, '\0');
  std::memcpy(out.data(), &h, sizeof(h));
  return out;
}

}  // namespace

absl::StatusOr<NativeGrid> FindNativeGrid(const Shape3& stored_shape, const std::array<double, 16>& stored_affine,
                                          const Shape3& scan_shape, const std::array<double, 16>& scan_affine) {
  nifti_dmat33 columns;
  for (int row = 0; row < 3; ++row) {
    for (int a = 0; a < 3; ++a) columns.m[row][a] = scan_affine[row * 4 + a];
  }
  if (!(std::abs(nifti_dmat33_determ(columns)) > 0)) return NotThere("its affine is singular");
  const nifti_dmat33 inverse = nifti_dmat33_inverse(columns);
  // A voxel of the stored grid in voxels of the scan.
  const auto place = [&](const std::array<double, 3>& at) {
    std::array<double, 3> mm{}, out{};
    for (int row = 0; row < 3; ++row) {
      mm[row] = stored_affine[row * 4 + 3] - scan_affine[row * 4 + 3];
      for (int a = 0; a < 3; ++a) mm[row] += stored_affine[row * 4 + a] * at[a];
    }
    for (int row = 0; row < 3; ++row) {
      for (int a = 0; a < 3; ++a) out[row] += inverse.m[row][a] * mm[a];
    }
    return out;
  };
  // The outer corners of the grid are whole numbers less a half.
  std::array<double, 3> far{};
  for (int a = 0; a < 3; ++a) far[a] = static_cast<double>(stored_shape[a]) - 0.5;
  const std::array<double, 3> low = place({-0.5, -0.5, -0.5}), high = place(far);
  NativeGrid grid{scan_shape, {}, {}};
  for (int a = 0; a < 3; ++a) {
    const double first = std::round(low[a] + 0.5), end = std::round(high[a] + 0.5);
    if (!(std::abs(low[a] + 0.5 - first) <= kToleranceVoxels) || !(std::abs(high[a] + 0.5 - end) <= kToleranceVoxels)) {
      return NotThere(absl::StrCat("along axis ", a, " it reaches from voxel ", low[a] + 0.5, " to ", high[a] + 0.5));
    }
    if (first < 0 || end > static_cast<double>(scan_shape[a]) || end <= first) {
      return NotThere(
          absl::StrCat("along axis ", a, " it reaches from voxel ", first, " to ", end, " of ", scan_shape[a]));
    }
    grid.box_start[a] = static_cast<std::int64_t>(first);
    grid.box_size[a] = static_cast<std::int64_t>(end - first);
  }
  return grid;
}

absl::Status WriteLabelsLike(const std::filesystem::path& path, const std::filesystem::path& like, const Shape3& shape,
                             absl::Span<const std::uint8_t> labels) {
  AMAES_CHECK(static_cast<std::int64_t>(labels.size()) == VoxelCount(shape));
  const NiftiPaths paths = ResolveNiftiPaths(like);
  AMAES_ASSIGN_OR_RETURN(NiftiFile file, NiftiFile::Open(paths.header, 1 << 10));
  AMAES_ASSIGN_OR_RETURN(const std::string bytes, ReadNiftiHeaderBytes(file));
  AMAES_ASSIGN_OR_RETURN(const NiftiHeader header, ParseNiftiHeader(bytes, paths.hdr_file, kMaxVoxels));
  AMAES_ASSIGN_OR_RETURN(const AxisOrder order, ClosestAxes(header.affine));
  const Shape3 stride{shape[1] * shape[2], shape[2], 1};
  Shape3 step{};
  std::int64_t first = 0;
  for (int a = 0; a < 3; ++a) {
    const int to = order.axis[a];
    if (shape[to] != header.shape[a]) {
      return absl::InvalidArgumentError(absl::StrCat("labels of ", absl::StrJoin(shape, " x "),
                                                     " voxels do not fit a scan of ",
                                                     absl::StrJoin(header.shape, " x "), " (axes ", order.codes, ")"));
    }
    step[a] = order.flip[a] ? -stride[to] : stride[to];
    if (order.flip[a]) first += stride[to] * (shape[to] - 1);
  }
  std::string content = HeaderOf(bytes, header);
  content.reserve(content.size() + labels.size());
  for (std::int64_t k = 0; k < header.shape[2]; ++k) {
    for (std::int64_t j = 0; j < header.shape[1]; ++j) {
      std::int64_t at = first + k * step[2] + j * step[1];
      for (std::int64_t i = 0; i < header.shape[0]; ++i, at += step[0])
        content.push_back(static_cast<char>(labels[at]));
    }
  }
  if (!absl::EndsWithIgnoreCase(path.string(), ".gz")) return files::WriteAtomic(path, content);
  AMAES_ASSIGN_OR_RETURN(const std::string compressed, Gzip(content));
  return files::WriteAtomic(path, compressed);
}

}  // namespace amaes
