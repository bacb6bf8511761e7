// Layout "nnssl": pretrain_data.json of nnssl: datasets → subjects → sessions → images, with masks. Paths may begin with
// a variable ($nnssl_raw/…, ${nnssl_preprocessed}/…): its value in the environment, else the folder of the JSON, or the
// folder above that, whichever holds the first image. collection = the dataset; a subject's name begins with it, since
// datasets reuse sub-01.
#include "libs/dataset/layout/nnssl_layout.h"

#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/facts.h"
#include "libs/dataset/layout/json_text.h"
#include "libs/dataset/layout/listing.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool IsPretrainData(const std::string& name) {
  return absl::StartsWith(name, "pretrain_data") && absl::EndsWith(name, ".json");
}

// pretrain_data.json alone if it is there, else every pretrain_data*.json.
std::vector<std::string> ListsIn(const fs::path& folder) {
  std::vector<std::string> lists;
  for (const std::string& name : ListNames(folder).files) {
    if (name == "pretrain_data.json") return {name};
    if (IsPretrainData(name)) lists.push_back(name);
  }
  return lists;
}

class Reader {
 public:
  Reader(Listing& listing, const Environment& environment) : listing_(listing), environment_(environment) {}

  absl::Status Read(const json& data) {
    const json& datasets = JsonMember(data, "datasets");
    if (!datasets.is_object()) return absl::InvalidArgumentError("no object 'datasets'");
    for (const auto& [dataset_id, dataset] : datasets.items()) {
      std::string collection = JsonText(dataset, "name");
      if (collection.empty()) collection = dataset_id;
      if (datasets.size() > 1 && collection != dataset_id && names_[collection]++ > 0) collection = dataset_id;
      const json& subjects = JsonMember(dataset, "subjects");
      if (!subjects.is_object()) {
        return absl::InvalidArgumentError(absl::StrCat("datasets.", dataset_id, ": no object 'subjects'"));
      }
      for (const auto& [subject_id, subject] : subjects.items()) {
        AMAES_RETURN_IF_ERROR(ReadSubject(collection, subject_id, subject));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadSubject(const std::string& collection, const std::string& subject_id, const json& subject) {
    const std::string where = absl::StrCat("datasets.", collection, ".subjects.", subject_id);
    const json& sessions = JsonMember(subject, "sessions");
    if (!sessions.is_object()) return absl::InvalidArgumentError(absl::StrCat(where, ": no object 'sessions'"));
    ScanInfo subject_info;
    PutInfo(JsonMember(subject, "subject_info"), subject_info);
    for (const auto& [session_id, session] : sessions.items()) {
      ScanInfo session_info = subject_info;
      PutInfo(JsonMember(session, "session_info"), session_info);
      const json& images = JsonMember(session, "images");
      const std::string session_where = absl::StrCat(where, ".sessions.", session_id, ".images");
      if (!images.is_array()) return absl::InvalidArgumentError(absl::StrCat(session_where, ": is no list"));
      for (std::size_t i = 0; i < images.size(); ++i) {
        const std::string image_where = absl::StrCat(session_where, "[", i, "]");
        ScanFile file;
        file.collection = collection;
        file.subject = absl::StrCat(collection, "/", subject_id);
        file.session = session_id == "ses-DEFAULT" ? "" : session_id;
        file.info = session_info;
        AMAES_RETURN_IF_ERROR(ReadImage(images[i], image_where, std::move(file)));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadImage(const json& image, const std::string& where, ScanFile file) {
    const std::string stated = JsonText(image, "image_path");
    AMAES_ASSIGN_OR_RETURN(file.path, Expand(stated, absl::StrCat(where, ".image_path")));
    file.modality = JsonText(image, "modality");
    if (file.modality.empty()) file.modality = "unknown";
    PutInfo(JsonMember(image, "image_info"), file.info);
    if (!listing_.Add(file, stated, where)) return absl::OkStatus();
    const json& masks = JsonMember(image, "associated_masks");
    for (const auto& [key, role] :
         {std::pair{"anonymization_mask", "anonymisation_mask"}, std::pair{"anatomy_mask", "anatomy_mask"}}) {
      const std::string mask = JsonText(masks, key);
      if (mask.empty()) continue;
      const std::string mask_where = absl::StrCat(where, ".associated_masks.", key);
      AMAES_ASSIGN_OR_RETURN(const fs::path path, Expand(mask, mask_where));
      listing_.AddCompanion(file, role, path, mask, mask_where);
    }
    listing_.Take(std::move(file));
    return absl::OkStatus();
  }

  // Facts as nnssl names them: a row of one line.
  static void PutInfo(const json& info, ScanInfo& out) {
    if (!info.is_object()) return;
    Table table;
    TableRow row;
    for (const auto& [key, value] : info.items()) {
      if (value.is_structured() || value.is_null()) continue;
      table.columns.push_back(key);
      row.cells.push_back(JsonText(info, key.c_str()));
    }
    FactColumns(table).Put(row, out);
  }

  absl::StatusOr<fs::path> Expand(const std::string& stated, const std::string& where) {
    if (const std::string defect = PathDefect(stated); !defect.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(where, " ", defect));
    }
    if (stated.front() != '$') return (listing_.root() / stated).lexically_normal();
    std::size_t end = 1;
    const bool braces = stated.size() > 1 && stated[1] == '{';
    const std::size_t begin = braces ? 2 : 1;
    end = begin;
    while (end < stated.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(stated[end])) || stated[end] == '_')) {
      ++end;
    }
    const std::string name = stated.substr(begin, end - begin);
    if (name.empty() || (braces && (end == stated.size() || stated[end++] != '}'))) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": '", stated, "' begins with no variable's name"));
    }
    std::string rest = stated.substr(end);
    rest.erase(0, rest.find_first_not_of('/'));
    AMAES_ASSIGN_OR_RETURN(const fs::path folder, Value(name, rest, where));
    return (folder / rest).lexically_normal();
  }

  absl::StatusOr<fs::path> Value(const std::string& name, const std::string& rest, const std::string& where) {
    if (const auto known = values_.find(name); known != values_.end()) return known->second;
    fs::path value;
    if (const char* text = environment_(name.c_str()); text != nullptr && *text != '\0') {
      value = text;
    } else {
      std::error_code error;
      for (const fs::path& folder : {listing_.root(), listing_.root().parent_path()}) {
        if (value.empty() && fs::is_regular_file(folder / rest, error)) value = folder;
      }
    }
    if (value.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": the variable $", name, " is not set, and ", rest,
                                                     " lies neither in ", listing_.root().string(),
                                                     " nor above it; set it: export ", name, "=FOLDER"));
    }
    if (!value.is_absolute()) {
      return absl::InvalidArgumentError(absl::StrCat("the variable $", name, " holds no absolute path"));
    }
    values_[name] = value;
    return value;
  }

  Listing& listing_;
  const Environment& environment_;
  std::map<std::string, fs::path> values_;
  std::map<std::string, int> names_;
};

}  // namespace

Recognition NnsslLayout::Recognise(const fs::path& folder) {
  std::error_code error;
  if (fs::is_regular_file(folder, error)) {
    if (!IsPretrainData(folder.filename().string())) return {};
    return {100, "a list pretrain_data*.json"};
  }
  if (ListsIn(folder).empty()) return {};
  return {97, "pretrain_data.json in the folder"};
}

absl::StatusOr<ScanList> NnsslLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const fs::path list, FindList(folder, ListsIn, "pretrain_data.json"));
  AMAES_ASSIGN_OR_RETURN(Listing listing, Listing::Open(folder, list));
  absl::StatusOr<json> data = ParseJsonText(listing.text());
  const absl::Status status = data.ok() ? Reader(listing, environment_).Read(*data) : data.status();
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat(listing.name(), ": ", status.message()));
  return listing.Finish("nnssl", absl::StrCat("scan named by ", listing.name()));
}

}  // namespace amaes
