// The few fields of a DICOM file that say what it belongs to. Pure: works on the first bytes of the file.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace amaes {

inline constexpr std::size_t kDicomGlanceBytes = std::size_t{64} << 10;

// Whether the file has the mark "DICM" behind its preamble.
bool IsDicom(absl::string_view bytes);

// Texts as they stand in the file, blanks cut off; "" where a field is missing, or lies behind what was read, or where the
// file's transfer syntax is compressed as a whole or big-endian.
struct DicomHeader {
  std::string sop_class;  // what kind of object: "1.2.840.10008.1.3.10" is a directory of a disc
  std::string study_date, modality, manufacturer, series_description, scanner;
  std::string patient, sex, age;
  std::string repetition_time_ms, echo_time_ms, field_strength_t;
  std::string series_uid;
};
DicomHeader ParseDicomHeader(absl::string_view bytes);

}  // namespace amaes
