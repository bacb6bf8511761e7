#include "libs/volume/nifti_header.h"

#include <nifti2_io.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

// The fields we use, from any of the three formats, in our byte order and not yet checked.
struct Fields {
  enum class Format { kAnalyze, kNifti1, kNifti2 } format = Format::kNifti1;
  bool swapped = false;
  bool pair = false;
  std::int64_t dim[8] = {};
  double pixdim[8] = {};
  int datatype = 0;
  double vox_offset = 0;
  double slope = 0;
  double intercept = 0;
  int qform_code = 0;
  int sform_code = 0;
  double quaternion[3] = {};
  double qoffset[3] = {};
  double srow[3][4] = {};
  std::int16_t spm_origin[3] = {};
};

absl::Status Refuse(absl::string_view defect) { return absl::InvalidArgumentError(defect); }

template <typename Header>
void CopyNiftiFields(const Header& h, Fields& f) {
  for (int i = 0; i < 8; ++i) f.dim[i] = h.dim[i];
  for (int i = 0; i < 8; ++i) f.pixdim[i] = h.pixdim[i];
  f.datatype = h.datatype;
  f.vox_offset = static_cast<double>(h.vox_offset);
  f.slope = h.scl_slope;
  f.intercept = h.scl_inter;
  f.qform_code = h.qform_code;
  f.sform_code = h.sform_code;
  const double quaternion[3] = {h.quatern_b, h.quatern_c, h.quatern_d};
  const double qoffset[3] = {h.qoffset_x, h.qoffset_y, h.qoffset_z};
  for (int i = 0; i < 3; ++i) f.quaternion[i] = quaternion[i];
  for (int i = 0; i < 3; ++i) f.qoffset[i] = qoffset[i];
  for (int i = 0; i < 4; ++i) {
    f.srow[0][i] = h.srow_x[i];
    f.srow[1][i] = h.srow_y[i];
    f.srow[2][i] = h.srow_z[i];
  }
}

// ANALYZE 7.5 shares dim, datatype, pixdim and vox_offset with NIfTI-1. SPM keeps a scale factor where NIfTI has
// scl_slope, and a voxel origin in five shorts at byte 253.
void ReadAnalyze(const char* bytes, bool swapped, Fields& f) {
  nifti_1_header h;
  std::memcpy(&h, bytes, sizeof(h));
  f.format = Fields::Format::kAnalyze;
  f.pair = true;
  std::memcpy(f.spm_origin, bytes + 253, sizeof(f.spm_origin));
  if (swapped) {
    nifti_swap_as_nifti1(&h);
    nifti_swap_2bytes(3, f.spm_origin);
  }
  for (int i = 0; i < 8; ++i) f.dim[i] = h.dim[i];
  for (int i = 0; i < 8; ++i) f.pixdim[i] = h.pixdim[i];
  f.datatype = h.datatype;
  f.vox_offset = h.vox_offset;
  f.slope = h.scl_slope;
}

absl::StatusOr<Fields> ReadFields(absl::string_view bytes, bool hdr_file) {
  if (bytes.size() < 4) return Refuse(absl::StrCat("not a NIfTI file: it has ", bytes.size(), " bytes"));
  std::int32_t size = 0;
  std::memcpy(&size, bytes.data(), 4);
  std::int32_t other = size;
  nifti_swap_4bytes(1, &other);
  Fields f;
  f.swapped = other == static_cast<int>(kNifti1HeaderBytes) || other == static_cast<int>(kNifti2HeaderBytes);
  if (f.swapped) size = other;
  if (size != static_cast<int>(kNifti1HeaderBytes) && size != static_cast<int>(kNifti2HeaderBytes)) {
    return Refuse("not a NIfTI file: its first four bytes are no header size (348 or 540)");
  }
  if (bytes.size() < static_cast<std::size_t>(size)) {
    return Refuse(absl::StrCat("truncated: the header has ", bytes.size(), " of ", size, " bytes"));
  }
  if (size == static_cast<int>(kNifti2HeaderBytes)) {
    nifti_2_header h;
    std::memcpy(&h, bytes.data(), sizeof(h));
    static constexpr char kTail[4] = {'\r', '\n', '\032', '\n'};
    const bool single = std::memcmp(h.magic, "n+2", 4) == 0;
    if ((!single && std::memcmp(h.magic, "ni2", 4) != 0) || std::memcmp(h.magic + 4, kTail, 4) != 0) {
      return Refuse("not a NIfTI file: header size 540 without NIfTI-2's magic");
    }
    if (f.swapped) nifti_swap_as_nifti2(&h);
    f.format = Fields::Format::kNifti2;
    f.pair = !single;
    CopyNiftiFields(h, f);
    return f;
  }
  nifti_1_header h;
  std::memcpy(&h, bytes.data(), sizeof(h));
  const bool single = std::memcmp(h.magic, "n+1", 4) == 0;
  if (!single && std::memcmp(h.magic, "ni1", 4) != 0) {
    if (!hdr_file) return Refuse("not a NIfTI file: no magic \"n+1\" or \"ni1\" in the header");
    ReadAnalyze(bytes.data(), f.swapped, f);
    return f;
  }
  if (f.swapped) nifti_swap_as_nifti1(&h);
  f.pair = !single;
  CopyNiftiFields(h, f);
  return f;
}

absl::Status CheckDimensions(const Fields& f, std::int64_t max_voxels, NiftiHeader& out) {
  if (f.dim[0] < 1 || f.dim[0] > 7) {
    return Refuse(absl::StrCat("dimension count ", f.dim[0], " is not in 1 … 7"));
  }
  const absl::Span<const std::int64_t> dims(f.dim + 1, static_cast<std::size_t>(f.dim[0]));
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 1) return Refuse(absl::StrCat("dimension ", i + 1, " is ", dims[i]));
  }
  if (dims.size() < 3) return Refuse(absl::StrCat("2D image: ", absl::StrJoin(dims, " x "), " pixels, no third axis"));
  const auto too_large = [&] {
    return Refuse(absl::StrCat("too large: ", absl::StrJoin(dims, " x "), " voxels; at most ", max_voxels, " in 3D"));
  };
  std::int64_t voxels = 1;
  for (int a = 0; a < 3; ++a) {
    if (dims[a] > max_voxels / voxels) return too_large();
    voxels *= dims[a];
    out.shape[a] = dims[a];
  }
  constexpr std::int64_t kMaxFrames = std::int64_t{1} << 24;
  std::int64_t frames = 1;
  for (std::size_t i = 3; i < dims.size(); ++i) {
    if (dims[i] > kMaxFrames / frames) return too_large();
    frames *= dims[i];
  }
  out.frames = static_cast<int>(frames);
  return absl::OkStatus();
}

absl::Status CheckDatatype(const Fields& f, NiftiHeader& out) {
  struct Known {
    int number;
    int bytes;
    const char* name;
  };
  static constexpr Known kScalars[] = {
      {NIFTI_TYPE_UINT8, 1, "uint8"},     {NIFTI_TYPE_INT16, 2, "int16"},       {NIFTI_TYPE_INT32, 4, "int32"},
      {NIFTI_TYPE_FLOAT32, 4, "float32"}, {NIFTI_TYPE_FLOAT64, 8, "float64"},   {NIFTI_TYPE_INT8, 1, "int8"},
      {NIFTI_TYPE_UINT16, 2, "uint16"},   {NIFTI_TYPE_UINT32, 4, "uint32"},     {NIFTI_TYPE_INT64, 8, "int64"},
      {NIFTI_TYPE_UINT64, 8, "uint64"},   {NIFTI_TYPE_FLOAT128, 16, "float128"}};
  for (const Known& known : kScalars) {
    if (known.number != f.datatype) continue;
    out.datatype = known.number;
    out.voxel_bytes = known.bytes;
    out.datatype_name = known.name;
    return absl::OkStatus();
  }
  switch (f.datatype) {
    case NIFTI_TYPE_RGB24:
    case NIFTI_TYPE_RGBA32:
      return Refuse("RGB voxels: a colour picture, not intensities");
    case NIFTI_TYPE_COMPLEX64:
    case NIFTI_TYPE_COMPLEX128:
    case NIFTI_TYPE_COMPLEX256:
      return Refuse("complex voxels: export the magnitude image");
    case DT_BINARY:
      return Refuse("binary voxels (1 bit): convert to uint8");
    default:
      return Refuse(absl::StrCat("unknown datatype ", f.datatype));
  }
}

absl::Status CheckDataOffset(const Fields& f, NiftiHeader& out) {
  // Single files hold four bytes of extension flags after the header; 0 is written by some tools and means "right
  // after".
  const double smallest = f.pair ? 0 : f.format == Fields::Format::kNifti2 ? 544 : 352;
  const double offset = f.vox_offset == 0 ? smallest : std::floor(f.vox_offset);
  if (!(offset >= smallest && offset <= 1e15)) {
    return Refuse(absl::StrCat("vox_offset ", f.vox_offset, " points into the header or is absurd"));
  }
  out.data_offset = static_cast<std::int64_t>(offset);
  return absl::OkStatus();
}

absl::Status CheckScaling(const Fields& f, NiftiHeader& out) {
  if (f.slope == 0 || !std::isfinite(f.slope)) return absl::OkStatus();
  if (!std::isfinite(f.intercept)) return Refuse("scl_inter is not a finite number, but scl_slope is");
  out.slope = f.slope;
  out.intercept = f.intercept;
  return absl::OkStatus();
}

std::array<double, 16> FromRows(const double (&rows)[3][4]) {
  std::array<double, 16> a{};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 4; ++j) a[i * 4 + j] = rows[i][j];
  }
  a[15] = 1;
  return a;
}

absl::Status QuaternionAffine(const Fields& f, const std::array<double, 3>& spacing, std::array<double, 16>& affine) {
  double length = 0;
  for (const double q : f.quaternion) length += q * q;
  if (!(length <= 1 + 1e-3)) return Refuse("orientation: the qform's quaternion is longer than 1 or not finite");
  for (const double offset : f.qoffset) {
    if (!std::isfinite(offset)) return Refuse("orientation: the qform's offset is not finite");
  }
  const nifti_dmat44 m =
      nifti_quatern_to_dmat44(f.quaternion[0], f.quaternion[1], f.quaternion[2], f.qoffset[0], f.qoffset[1],
                              f.qoffset[2], spacing[0], spacing[1], spacing[2], f.pixdim[0] < 0 ? -1 : 1);
  for (int i = 0; i < 16; ++i) affine[i] = m.m[i / 4][i % 4];
  return absl::OkStatus();
}

// Neither sform nor qform: first axis to the left, origin in the centre, or where SPM's ANALYZE says.
std::array<double, 16> PlainAffine(const Fields& f, const Shape3& shape, const std::array<double, 3>& spacing) {
  bool use_origin = f.spm_origin[0] != 0 || f.spm_origin[1] != 0 || f.spm_origin[2] != 0;
  for (int a = 0; a < 3; ++a) {
    use_origin = use_origin && f.spm_origin[a] > -shape[a] && f.spm_origin[a] < 2 * shape[a];
  }
  std::array<double, 16> affine{};
  for (int a = 0; a < 3; ++a) {
    const double step = a == 0 ? -spacing[a] : spacing[a];
    const double origin = use_origin ? f.spm_origin[a] - 1.0 : static_cast<double>(shape[a] - 1) / 2;
    affine[a * 5] = step;
    affine[a * 4 + 3] = -origin * step;
  }
  affine[15] = 1;
  return affine;
}

absl::Status FindAffine(const Fields& f, NiftiHeader& out) {
  bool given[3];
  for (int a = 0; a < 3; ++a) {
    const double size = std::abs(f.pixdim[a + 1]);
    given[a] = size > 0 && std::isfinite(size);
    out.spacing[a] = given[a] ? size : 1.0;
  }
  if (f.sform_code > 0) {
    out.affine = FromRows(f.srow);
    for (int a = 0; a < 3; ++a) {
      const double norm = std::hypot(f.srow[0][a], f.srow[1][a], f.srow[2][a]);
      if (!given[a] && norm > 0 && std::isfinite(norm)) out.spacing[a] = norm;
    }
  } else if (f.qform_code > 0) {
    AMAES_RETURN_IF_ERROR(QuaternionAffine(f, out.spacing, out.affine));
  } else {
    out.affine = PlainAffine(f, out.shape, out.spacing);
  }
  return ClosestAxes(out.affine).status();
}

}  // namespace

absl::StatusOr<NiftiHeader> ParseNiftiHeader(absl::string_view bytes, bool hdr_file, std::int64_t max_voxels) {
  static const bool silent = (nifti_set_debug_level(0), true);
  static_cast<void>(silent);
  max_voxels = std::min(max_voxels, std::int64_t{1} << 33);
  AMAES_ASSIGN_OR_RETURN(const Fields f, ReadFields(bytes, hdr_file));
  NiftiHeader header;
  header.swapped = f.swapped;
  header.pair = f.pair;
  AMAES_RETURN_IF_ERROR(CheckDimensions(f, max_voxels, header));
  AMAES_RETURN_IF_ERROR(CheckDatatype(f, header));
  AMAES_RETURN_IF_ERROR(CheckDataOffset(f, header));
  AMAES_RETURN_IF_ERROR(CheckScaling(f, header));
  AMAES_RETURN_IF_ERROR(FindAffine(f, header));
  return header;
}

absl::StatusOr<AxisOrder> ClosestAxes(const std::array<double, 16>& affine) {
  nifti_dmat33 columns;
  for (const double v : affine) {
    if (!std::isfinite(v)) return Refuse("orientation: the affine holds a number that is not finite");
  }
  for (int a = 0; a < 3; ++a) {
    const double norm = std::hypot(affine[a], affine[4 + a], affine[8 + a]);
    for (int row = 0; row < 3; ++row) columns.m[row][a] = norm > 0 ? affine[row * 4 + a] / norm : 0;
  }
  const double determinant = std::abs(nifti_dmat33_determ(columns));
  if (!(determinant > 1e-6)) return Refuse("orientation: the affine is singular, so the axes have no direction");
  nifti_dmat33 rotation = nifti_dmat33_polar(columns);  // the closest rotation or reflection
  // Input axes from the most clearly aligned to the least, so that the order of the axes does not matter.
  const auto alignment = [&](int a) {
    return std::max({std::abs(rotation.m[0][a]), std::abs(rotation.m[1][a]), std::abs(rotation.m[2][a])});
  };
  std::array<double, 3> strength{alignment(0), alignment(1), alignment(2)};
  std::array<int, 3> order{0, 1, 2};
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return strength[a] > strength[b]; });
  static constexpr char kCodes[3][2] = {{'R', 'L'}, {'A', 'P'}, {'S', 'I'}};
  AxisOrder out;
  out.codes = "???";
  bool taken[3] = {};
  for (const int a : order) {
    int best = -1;
    for (int row = 0; row < 3; ++row) {
      if (taken[row]) continue;
      if (best < 0 || std::abs(rotation.m[row][a]) > std::abs(rotation.m[best][a])) best = row;
    }
    taken[best] = true;
    out.axis[a] = best;
    out.flip[a] = rotation.m[best][a] < 0;
    out.codes[a] = kCodes[best][out.flip[a] ? 1 : 0];
  }
  return out;
}

}  // namespace amaes
