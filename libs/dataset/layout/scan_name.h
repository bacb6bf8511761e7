// What the name of a scan file says: subject, session, modality, or that it is a label. Pure.
#pragma once

#include <string>
#include <vector>

namespace amaes {

struct ScanName {
  std::string subject, session, modality;
};

// `folders`: the parts of the path below the ingested folder; `stem`: the file name without its endings.
ScanName ParseScanName(const std::vector<std::string>& folders, const std::string& stem);

// The rule by which the file is a label and no scan ("label by its name: mask"), or "".
std::string LabelRule(const std::vector<std::string>& folders, const std::string& stem);

// The modality that a text names ("t2_flair", "T1 Gd", "FLAIR"), or "".
std::string ModalityOf(const std::string& text);

}  // namespace amaes
